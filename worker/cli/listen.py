"""`runhook listen`: the event log on the terminal, and forwarded to one's own server, signed."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
import orjson
from rich.text import Text

from runhook.worker.cli.commands import wiring
from runhook.worker.cli.console import err, escaped, out, say
from runhook.worker.cli.jobs import COLOURS
from runhook.worker.domain.events import TYPES, Event, Outcome, cloud_event
from runhook.worker.domain.times import moment_of
from runhook.worker.errors import StoreUnavailable
from runhook.worker.net.untrusted import one_line

if TYPE_CHECKING:
    from runhook.worker.net.outbound import Outbound
    from runhook.worker.wiring import Wiring

EVERY = 0.3  # seconds between two looks at the log; short enough to feel live
AWAY = 1.0  # seconds between two looks for a Redis that went away meanwhile
AT_ONCE = 100  # events that one look reads, so that a long replay needs few
AGAIN = (0.5, 1.0, 2.0, 4.0)  # seconds; a local server that restarts is back by then


@click.command()
@click.option("--forward", metavar="URL", help="Post every event there, as a subscriber gets it.")
@click.option(
    "--since",
    help="First replay from then on. As 2h, which is two hours ago, or 2026-11-22T10:00:00Z.",
)
@click.option("--after", metavar="EVENT", help="First replay what came after this event.")
@click.option("--type", "types", multiple=True, type=click.Choice(TYPES), help="Only these.")
@click.option("--json", "as_json", is_flag=True, help="A CloudEvent a line.")
def listen(
    forward: str | None,
    since: str | None,
    after: str | None,
    types: tuple[str, ...],
    as_json: bool,
) -> None:
    """Follow events as they happen, until Ctrl-C."""
    from runhook.worker.delivery.subscriptions import listening_secret
    from runhook.worker.net.outbound import Outbound

    # Whoever types the URL may reach this machine anyway; private addresses are the usual case.
    outbound = Outbound(allow_private=True)
    if forward and (refusal := outbound.refusal(forward)):
        raise click.BadParameter(refusal, param_hint="--forward")
    w = wiring()
    start = _start(w, since, after)
    if forward:
        say(f"forwarding to {forward}, signed with {listening_secret(w)}", err=True)
    try:
        for event in _follow(w, start):
            if types and event.type not in types:
                continue
            body = orjson.dumps(cloud_event(event, w.settings.public_url))
            if as_json:
                click.echo(escaped(body.decode()))
            else:
                out.print(event_line(event), soft_wrap=True)
            if forward:
                _forward(w, outbound, forward, event, body)
    except KeyboardInterrupt:
        return


def _start(w: "Wiring", since: str | None, after: str | None) -> str:
    """The event behind which it begins."""
    from runhook.worker.store import event_at, is_event_id

    if since and after:
        raise click.UsageError("say --since or --after, not both")
    if after:
        if not is_event_id(after):
            raise click.BadParameter("is not an event's id", param_hint="--after")
        return after
    if since is None:
        return w.store.events.newest()
    try:
        return event_at(moment_of(since, w.clock.now()))
    except ValueError:
        text = "must be as 2h (ago), or a time as 2026-11-22T10:00:00Z"
        raise click.BadParameter(text, param_hint="--since") from None


def _follow(w: "Wiring", cursor: str) -> Iterator[Event]:
    """Everything behind the cursor, for ever; a Redis that goes away meanwhile is waited for."""
    reached = False
    while True:
        try:
            found, behind = w.store.events.after(cursor, AT_ONCE, gaps=True)
        except StoreUnavailable:
            # At the start a wrong REDIS_URL is more likely than an outage, so it is said at once.
            if not reached:
                raise
            time.sleep(AWAY)
            continue
        reached = True
        yield from found
        if behind == cursor:
            time.sleep(EVERY)
        cursor = behind or cursor


def _forward(w: "Wiring", outbound: "Outbound", url: str, event: Event, body: bytes) -> None:
    """Post an event; a server that does not answer at all is tried again for some seconds."""
    from runhook.worker.delivery.subscriptions import listening_secret, outcome_of, signed

    for again in (*AGAIN, None):
        answer = outbound.post(url, body, signed([listening_secret(w)], event.id, body))
        err.print(forward_line(outcome_of(answer)), soft_wrap=True)
        if answer.status is not None or again is None:
            return
        time.sleep(again)


def event_line(event: Event) -> Text:
    """An event as a line: when, what, about what."""
    colours = {f"job.{state}": colour for state, colour in COLOURS.items()}
    what = event.model or event.detail.get("alert", "")
    return Text.assemble(
        (f"{event.time:%H:%M:%S}  ", "bright_black"),
        (f"{event.type:<16}", colours.get(event.type, "yellow")),
        f"  {event.subject}",
        (f"  {one_line(str(what))}", "bright_black"),
    )


def forward_line(outcome: Outcome) -> Text:
    """How forwarding one went."""
    took = f"{outcome.took:.2f} s"
    if outcome.word == "done":
        return Text(f"          → {outcome.status} in {took}", "green")
    return Text(f"          → {one_line(outcome.why or '')} in {took}", "red")
