"""`runhook up`: everything on this machine."""

import click


@click.command()
@click.option("--sandbox", is_flag=True, help="Use a free sandbox instead of RunningHub.")
@click.option(
    "--faults",
    metavar="JSON",
    help="What goes wrong there: see `runhook sandbox --help`, and docs/cli.md for rules.",
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Where web listens; left out: PORT, else 8080."
)
@click.option("--reload", is_flag=True, help="Start handlers anew when a .py file here changes.")
def up(sandbox: bool, faults: str | None, port: int | None, reload: bool) -> None:
    """Run everything on this machine.

    That is Redis (unless REDIS_URL is set), web, worker and handlers, until Ctrl-C.
    """
    import os

    from runhook.worker.cli import machine
    from runhook.worker.cli.sandbox import read_faults

    if faults is not None and not sandbox:
        raise click.UsageError("--faults is for --sandbox: RunningHub itself takes none")
    read_faults(faults or "{}")  # refused here, and not by a process that cannot start
    if port is not None:
        # As if it were set: web reads it from there, and so does whatever is told where web is.
        os.environ["PORT"] = str(port)
    machine.run(sandbox=sandbox, faults=faults or "{}", reload=reload)
