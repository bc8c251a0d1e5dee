"""`runhook up`: everything on this machine."""

import click


@click.command()
@click.option("--sandbox", is_flag=True, help="Use a free sandbox instead of RunningHub.")
def up(sandbox: bool) -> None:
    """Run everything on this machine.

    That is Redis (unless REDIS_URL is set), web, worker and handlers, until Ctrl-C.
    """
    from runhook.worker.cli import machine

    machine.run(sandbox=sandbox)
