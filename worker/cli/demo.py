"""`runhook demo`: everything that can happen to a job, on this machine, for free."""

import click


@click.command()
def demo() -> None:
    """See everything that can happen, for free."""
    from runhook.worker.cli import demo_run

    demo_run.run()
