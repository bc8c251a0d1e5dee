"""`runhook account`, `pause` and `resume`: what is left, and whether the queue moves."""

from collections.abc import Iterator
from typing import Any

import click
from rich.text import Text

from runhook.worker.cli.commands import runhook
from runhook.worker.cli.console import out, print_json
from runhook.worker.cli.tables import Rows, particulars


@click.command()
@click.option("--json", "as_json", is_flag=True)
def account(as_json: bool) -> None:
    """Show the account's balance, limit and use."""
    rh = runhook()
    found, queue = rh.account().document, rh.queue().document
    if as_json:
        print_json({**found, "queue": queue})
    else:
        out.print(_table(dict(found), dict(queue)))


@click.command()
def pause() -> None:
    """Pause the queue: nothing new is sent; what runs goes on."""
    runhook().pause()
    click.echo("the queue is paused: nothing is sent until `runhook resume`")


@click.command()
def resume() -> None:
    """Let the queue go on."""
    runhook().resume()
    click.echo("the queue goes on")


def _table(account: dict[str, Any], queue: dict[str, Any]) -> Rows:
    """What the account has, and how the queue stands."""
    rows = {
        "key": account["type"],
        "money": _money(account),
        "coins": account["coins"],
        "limit": account["limit"],
        "at RunningHub": f"{account['running'] or 0} running, {account['queued'] or 0} queued",
        "in flight here": queue["in_flight"],
        "queued here": queue["length"],
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
    for name, text in _shares(queue):
        table.add_row(name, text)
    if queue["paused"]:
        table.add_row("queue", Text("paused; `runhook resume` lets it go on", "yellow"))
    return table


def _money(account: dict[str, Any]) -> str | None:
    if not account["money"]:
        return None
    return f"{account['money']} {account['currency'] or ''}"


def _shares(queue: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Whose jobs wait and are in flight, where there are several tenants or one has a limit."""
    shares, limit = queue.get("by_tenant", []), queue.get("tenant_limit")
    if len(shares) < 2 and not limit:
        return
    for one in shares:
        text = f"{one['in_flight']} in flight, {one['queued']} queued"
        if one["at_limit"]:
            text += ", at its limit"
        yield f"tenant {one['tenant']}", text
    others = queue["other_tenants"]
    if others["tenants"]:
        text = f"{others['in_flight']} in flight, {others['queued']} queued"
        yield f"{others['tenants']} other tenants", text


def _sends(queue: dict[str, Any]) -> str:
    """Whether jobs go to RunningHub, and if not, why."""
    gate = queue["gate"]
    if gate["state"] == "open" and queue["length"] and queue.get("why"):
        return f"not now: {queue['why']}"
    if gate["state"] == "open":
        return "yes"
    # Also while it is due to try: the next job is that one.
    answer = "one, to see whether it works again"
    if gate["state"] == "closed":
        answer = "not now"
    if gate["why"]:
        return f"{answer}: {gate['why']}"
    return answer
