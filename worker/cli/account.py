"""`runhook account`, `pause` and `resume`: what is left, and whether the line moves."""

import click

from runhook.worker.cli import screens
from runhook.worker.cli.talk import out, print_json, wiring
from runhook.worker.domain.views import account_view


@click.command()
@click.option("--json", "as_json", is_flag=True)
def account(as_json: bool) -> None:
    """Show what the account has left, its limit and what is in flight."""
    w = wiring(asks=True)
    state = w.store.line.state()
    document = account_view(w.client.account(), w.client.capacity(), state.in_flight)
    if as_json:
        print_json(document | {"line": state.document()})
    else:
        out.print(screens.account_table(document, state))


@click.command()
def pause() -> None:
    """Stop the line: what is queued stays queued, what is under way goes on."""
    wiring().store.line.pause(True)
    click.echo("the line stands still; `runhook resume` lets it go on")


@click.command()
def resume() -> None:
    """Let the line go on."""
    wiring().store.line.pause(False)
    click.echo("the line goes on")
