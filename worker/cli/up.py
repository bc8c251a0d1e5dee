"""`runhook up`: everything on this machine."""

import click


@click.command()
@click.option("--sandbox", is_flag=True, help="Use a free sandbox instead of RunningHub.")
@click.option(
    "--faults", metavar="JSON", help="What goes wrong there: see `runhook sandbox --help`."
)
def up(sandbox: bool, faults: str | None) -> None:
    """Run everything on this machine.

    That is Redis (unless REDIS_URL is set), web, worker and handlers, until Ctrl-C.
    """
    from runhook.worker.cli import machine
    from runhook.worker.cli.sandbox import read_faults

    if faults is not None and not sandbox:
        raise click.UsageError("--faults is for --sandbox: RunningHub itself takes none")
    read_faults(faults or "{}")  # refused here, and not by a process that cannot start
    machine.run(sandbox=sandbox, faults=faults or "{}")
