"""`runhook subscriptions`: URLs that events are posted to, from their making to their end."""

import sys
from collections.abc import Sequence

import click
from rich.text import Text

from runhook.worker.cli.commands import runhook, wrong_usage
from runhook.worker.cli.completion import models as endpoints
from runhook.worker.cli.console import err, out, print_json, say, show
from runhook.worker.cli.naming import whole_subscription
from runhook.worker.cli.statuses import FAILED
from runhook.worker.cli.tables import Rows, particulars
from runhook.worker.client.receivers import Subscription
from runhook.worker.domain.events import TYPES
from runhook.worker.net.untrusted import one_line

ALL = "all"  # what is shown where a filter names none
EVENTS = click.option("--event", "events", multiple=True, type=click.Choice(TYPES))
MODELS = click.option(
    "--model",
    "models",
    multiple=True,
    metavar="GLOB",
    shell_complete=endpoints,
    help="As vidu/*.",
)
FIELDS = click.option("--include", multiple=True, help="A field of the job that events have.")
JSON = click.option("--json", "as_json", is_flag=True)


@click.group()
def subscriptions() -> None:
    """Have events posted to URLs of your own."""


@subscriptions.command("list")
@JSON
def list_all(as_json: bool) -> None:
    """List subscriptions, the oldest first."""
    found = runhook().subscriptions()
    if as_json:
        print_json({"items": [one.document for one in found], "next": None})
    else:
        show(_table(found), len(found), "no subscriptions")


@subscriptions.command("show")
@click.argument("name", metavar="SUBSCRIPTION")
@JSON
def show_one(name: str, as_json: bool) -> None:
    """Show one, how deliveries to it go, and how much it has missed."""
    rh = runhook()
    _print(rh.subscription(whole_subscription(rh, name)), as_json=as_json)


@subscriptions.command()
@click.argument("url")
@EVENTS
@MODELS
@FIELDS
@click.option("--disabled", is_flag=True, help="Post nothing there until it is enabled.")
@JSON
def create(
    url: str,
    events: tuple[str, ...],
    models: tuple[str, ...],
    include: tuple[str, ...],
    disabled: bool,
    as_json: bool,
) -> None:
    """Have events posted to URL. The secret that signs them is shown this once.

    Without --event and --model it gets all, without --include all that there is to a job.
    """
    wanted = {"events": events, "models": models, "include": include}
    named = {name: value for name, value in wanted.items() if value}
    with wrong_usage():
        made = runhook().subscribe(url, enabled=not disabled, **named)
    _print(made, as_json=as_json)


@subscriptions.command()
@click.argument("name", metavar="SUBSCRIPTION")
@click.option("--url", help="Where events are posted to from now on.")
@EVENTS
@MODELS
@FIELDS
@click.option("--all-events", is_flag=True, help="Every type of event.")
@click.option("--all-models", is_flag=True, help="Every model.")
@click.option("--all-fields", is_flag=True, help="Every field of the job.")
@click.option("--enable/--disable", default=None, help="Post there, or nothing any more.")
@JSON
def edit(
    name: str,
    url: str | None,
    events: tuple[str, ...],
    models: tuple[str, ...],
    include: tuple[str, ...],
    all_events: bool,
    all_models: bool,
    all_fields: bool,
    enable: bool | None,
    as_json: bool,
) -> None:
    """Change what is named of a subscription; the rest stays."""
    if (events and all_events) or (models and all_models) or (include and all_fields):
        raise click.UsageError("name some, or say --all-events, -models or -fields, not both")
    changes = {
        "url": url,
        "events": _filter(events, everything=all_events),
        "models": _filter(models, everything=all_models),
        "include": _filter(include, everything=all_fields),
        "enabled": enable,
    }
    if all(value is None for value in changes.values()):
        raise click.UsageError("say what is to change: --url, --event, --model, --enable, ...")
    rh = runhook()
    with wrong_usage():
        changed = rh.change_subscription(whole_subscription(rh, name), **changes)
    _print(changed, as_json=as_json)


def _filter(named: tuple[str, ...], *, everything: bool) -> list[str] | None:
    """A filter as it is to be: of none it takes all; None: it stays as it is."""
    if everything:
        return []
    return list(named) or None


@subscriptions.command()
@click.argument("name", metavar="SUBSCRIPTION")
def remove(name: str) -> None:
    """Post nothing there any more, and forget what it missed."""
    rh = runhook()
    name = whole_subscription(rh, name)
    rh.unsubscribe(name)
    say(f"{name} is removed")


@subscriptions.command()
@click.argument("name", metavar="SUBSCRIPTION")
@click.option("--event", "kind", type=click.Choice(TYPES), default="job.succeeded")
@JSON
def test(name: str, kind: str, as_json: bool) -> None:
    """Post a sample of an event there now, and say how it went.

    Exits with 1 if it was not taken.
    """
    rh = runhook()
    tried = rh.try_subscription(whole_subscription(rh, name), kind)
    if as_json:
        print_json(tried.document)
    elif tried.delivered:
        out.print(f"delivered: HTTP {tried.status} in {tried.took:.2f} s")
    else:
        err.print(Text(f"not delivered: {one_line(tried.why or '')}", "red"))
    if not tried.delivered:
        sys.exit(FAILED)


@subscriptions.command()
@click.argument("name", metavar="SUBSCRIPTION")
@click.option(
    "--overlap", type=click.FloatRange(0), help="Seconds for which the old secret signs too; a day."
)
@JSON
def rotate(name: str, overlap: float | None, as_json: bool) -> None:
    """Give it a new secret, which is shown this once."""
    rh = runhook()
    with wrong_usage():
        rotated = rh.rotate_secret(whole_subscription(rh, name), overlap=overlap)
    _print(rotated, as_json=as_json)


def _table(found: Sequence[Subscription]) -> Rows:
    names = ("subscription", "url", "enabled", "events", "models", "missed", "why")
    table = Rows(
        *names,
        gives_way=("models", "events", "why"),
        cut=("url", "events", "why"),
        shortened="subscription",
    )
    for one in found:
        table.add_row(
            one.id,
            one.url,
            _enabled(one),
            _all_or(one.events),
            _all_or(one.models),
            str(one.missed),
            one.why_disabled or "",
        )
    return table


def _enabled(one: Subscription) -> Text:
    if not one.enabled:
        return Text("no", "red")
    if one.failing_since:
        return Text("failing", "yellow")
    return Text("yes", "green")


def _all_or(named: Sequence[str] | None) -> str:
    if named is None:
        return ALL
    return ",".join(named)


def _print(one: Subscription, *, as_json: bool) -> None:
    if as_json:
        print_json(one.document)
        return
    table = particulars()
    table.add_row("subscription", one.id)
    table.add_row("url", one.url)
    table.add_row("events", _all_or(one.events))
    table.add_row("models", _all_or(one.models))
    table.add_row("include", _all_or(one.include))
    table.add_row("enabled", _enabled(one))
    for name in ("why_disabled", "failing_since", "rests_until", "created_at", "updated_at"):
        if one.document.get(name):
            table.add_row(name.replace("_", " ").removesuffix(" at"), str(one.document[name]))
    if one.missed:
        text = f"{one.missed}; `runhook redeliver --handler {one.id}` sends them"
        table.add_row("missed", Text(text, "yellow"))
    if one.secret:
        table.add_row("secret", Text(one.secret, "bold"))
    out.print(table)
    if one.secret:
        err.print("the secret is shown this once", style="yellow")
