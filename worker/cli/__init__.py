"""The command line: `runhook`. What reads or changes jobs goes over /v1, from any machine."""


def main() -> None:
    """Run the console script. Ctrl-C ends it without a word until a command is there to say one."""
    from runhook.worker.cli.interrupts import quieten

    quieten()
    # Not at the top: whoever breaks off here must not see where.
    from runhook.worker.cli.root import run

    run()
