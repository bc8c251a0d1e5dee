"""`runhook account`, `pause` and `resume`: what is left, and whether the queue moves."""

from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from runhook.worker.cli.commands import wiring
from runhook.worker.cli.console import out, print_json
from runhook.worker.cli.tables import Rows, particulars

if TYPE_CHECKING:
    from runhook.worker.store import QueueState


@click.command()
@click.option("--json", "as_json", is_flag=True)
def account(as_json: bool) -> None:
    """Show the account's balance, limit and use."""
    from runhook.worker.flows import costs

    w = wiring(asks=True)
    state = w.store.queue.state()
    view = costs.account(w)
    if as_json:
        print_json(view | {"line": state.document()})
    else:
        out.print(_table(view, state))


@click.command()
def pause() -> None:
    """Pause the queue: queued jobs stay queued, running ones go on."""
    wiring().store.queue.pause(paused=True)
    click.echo("the queue is paused: nothing is sent until `runhook resume`")


@click.command()
def resume() -> None:
    """Let the queue go on."""
    wiring().store.queue.pause(paused=False)
    click.echo("the queue goes on")


def _table(account: dict[str, Any], queue: "QueueState") -> Rows:
    """What the account has, and how the queue stands."""
    rows = {
        "key": account["type"],
        "money": _money(account),
        "coins": account["coins"],
        "limit": account["limit"],
        "at RunningHub": f"{account['running'] or 0} running, {account['queued'] or 0} queued",
        "in flight here": queue.in_flight,
        "queued here": queue.length,
        "sends jobs": _sends(queue),
    }
    table = particulars()
    for name, value in rows.items():
        # What RunningHub did not say is left out: a nought would be a lie.
        if value is not None:
            table.add_row(name, str(value))
    for budget in account["budgets"]:
        whose = budget["tenant"] or "everybody"
        left = f"{whose}: {budget['left']} left today of {budget['limit']}"
        table.add_row("budget", left)
    if queue.paused:
        table.add_row("queue", Text("paused; `runhook resume` lets it go on", "yellow"))
    return table


def _money(account: dict[str, Any]) -> str | None:
    if not account["money"]:
        return None
    return f"{account['money']} {account['currency'] or ''}"


def _sends(queue: "QueueState") -> str:
    """Whether the circuit breaker lets jobs go to RunningHub, and if not, why."""
    if queue.gate == "open":
        return "yes"
    # Also while it is due to try: the next job is that one.
    answer = "one, to see whether it works again"
    if queue.gate == "closed":
        answer = "not now"
    if queue.why:
        return f"{answer}: {queue.why}"
    return answer
