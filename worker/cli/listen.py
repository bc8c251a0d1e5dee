"""`runhook listen`: the event log on the terminal, and forwarded to one's own server, signed."""

import time
from collections.abc import Iterator

import click
import orjson

from runhook.worker.cli import screens
from runhook.worker.cli.talk import err, escaped, out, say, wiring
from runhook.worker.delivery.deliveries import moment_of
from runhook.worker.delivery.subscriptions import listening_secret, outcome_of, signed
from runhook.worker.domain.events import TYPES, Event, cloud_event
from runhook.worker.errors import StoreUnavailable
from runhook.worker.net.outbound import Outbound
from runhook.worker.store import event_at, is_event_id
from runhook.worker.wiring import Wiring

EVERY, AWAY = 0.3, 1.0  # seconds between two looks at the log
AT_ONCE = 100
AGAIN = (0.5, 1.0, 2.0, 4.0)  # seconds; a local server that restarts is back by then


@click.command()
@click.option("--forward", metavar="URL", help="Post every event there, as subscribers get it.")
@click.option("--since", help="Replay from then on first. As 2h, or 2026-11-22T10:00:00Z.")
@click.option("--after", metavar="EVENT", help="Replay what came after this event first.")
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
            body = orjson.dumps(cloud_event(event, w.source))
            click.echo(escaped(body.decode())) if as_json else out.print(
                screens.event_line(event), soft_wrap=True
            )
            if forward:
                _forward(w, outbound, forward, event, body)
    except KeyboardInterrupt:
        return


def _start(w: Wiring, since: str | None, after: str | None) -> str:
    if since and after:
        raise click.UsageError("say --since or --after")
    if after:
        if not is_event_id(after):
            raise click.BadParameter("no event's id", param_hint="--after")
        return after
    if since is None:
        return w.store.events.newest()
    try:
        return event_at(moment_of(since, w.clock.now()))
    except ValueError:
        raise click.BadParameter("must be as 2h, or a time", param_hint="--since") from None


def _follow(w: Wiring, cursor: str) -> Iterator[Event]:
    """Everything behind the cursor, for ever; a Redis that goes away meanwhile is waited for."""
    reached = False
    while True:
        try:
            found, behind = w.store.events.after(cursor, AT_ONCE, gaps=True)
        except StoreUnavailable:
            if not reached:
                raise
            time.sleep(AWAY)
            continue
        reached = True
        yield from found
        if behind == cursor:
            time.sleep(EVERY)
        cursor = behind or cursor


def _forward(w: Wiring, outbound: Outbound, url: str, event: Event, body: bytes) -> None:
    """Post an event; a server that is not there is tried again for some seconds."""
    for again in (*AGAIN, None):
        heard = outbound.post(url, body, signed([listening_secret(w)], event.id, body))
        err.print(screens.forward_line(outcome_of(heard)), soft_wrap=True)
        if heard.status is not None or again is None:
            return
        time.sleep(again)
