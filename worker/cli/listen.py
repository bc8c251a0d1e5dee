"""`runhook listen`: the event log on the terminal, and forwarded to one's own server, signed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
import orjson
from rich.text import Text

from runhook.worker.cli.commands import runhook, wrong_usage
from runhook.worker.cli.console import err, escaped, out, say
from runhook.worker.cli.job_tables import COLOURS
from runhook.worker.domain.events import TYPES, Outcome
from runhook.worker.net.untrusted import one_line

if TYPE_CHECKING:
    from runhook.worker.net.outbound import Outbound

# Seconds before each further attempt: a server that one works on is mended by then.
AGAIN = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
LONGEST_AGAIN = 60.0  # seconds, though the server asks for more
CLOCK_TIME = slice(11, 19)  # 10:00:00 of 2026-11-22T10:00:00.123Z


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
    """Follow events as they happen, until Ctrl-C.

    A forwarded event is posted as a subscriber gets it, and again for some minutes where it is not
    taken with 2xx; those behind it wait.
    """
    from runhook.worker.net.outbound import Outbound

    if since and after:
        raise click.UsageError("say --since or --after, not both")
    # Whoever types the URL may reach this machine anyway; private addresses are the usual case.
    outbound = Outbound(allow_private=True)
    if forward and (refusal := outbound.refusal(forward)):
        raise click.BadParameter(refusal, param_hint="--forward")
    rh = runhook()
    forwarding = None
    if forward:
        forwarding = Forwarding(outbound, forward, rh.listening_secret())
        say(f"forwarding to {forward}, signed with {forwarding.secret}", err=True)
    try:
        with wrong_usage():
            for event in rh.events(types, since=since, after=after):
                _show(event, as_json=as_json)
                if forwarding:
                    forwarding.forward(event)
    except KeyboardInterrupt:
        say("nothing is listened to any more; jobs, handlers and subscribers go on", err=True)


def _show(event: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(escaped(orjson.dumps(event).decode()))
    else:
        out.print(event_line(event), soft_wrap=True)


@dataclass(frozen=True)
class Forwarding:
    """Where events are forwarded to, and what signs them."""

    outbound: "Outbound"
    url: str
    secret: str

    def forward(self, event: Mapping[str, Any]) -> None:
        """Post an event, and again while the server is away or says that it failed."""
        from runhook.worker.delivery.subscriptions import outcome_of, signed

        body = orjson.dumps(event)
        for again in (*AGAIN, None):
            headers = signed([self.secret], event["id"], body)
            outcome = outcome_of(self.outbound.post(self.url, body, headers))
            err.print(forward_line(outcome), soft_wrap=True)
            if outcome.word in ("done", "dead"):
                return
            if again is None:
                err.print("          → given up; those behind it follow", style="yellow")
                return
            # What the server asks for itself counts, as far as anybody would wait at a terminal.
            time.sleep(min(LONGEST_AGAIN, max(again, outcome.after or 0)))


def event_line(event: Mapping[str, Any]) -> Text:
    """An event as a line: when, what, about what."""
    colours = {f"job.{state}": colour for state, colour in COLOURS.items()}
    kind, data = str(event["type"]), event.get("data") or {}
    what = data.get("model") or data.get("alert") or ""
    return Text.assemble(
        (f"{str(event['time'])[CLOCK_TIME]}  ", "bright_black"),
        (f"{one_line(kind):<16}", colours.get(kind, "yellow")),
        f"  {one_line(str(event.get('subject', '')))}",
        (f"  {one_line(str(what))}", "bright_black"),
    )


def forward_line(outcome: Outcome) -> Text:
    """How forwarding one went."""
    took = f"{outcome.took:.2f} s"
    if outcome.word == "done":
        return Text(f"          → {outcome.status} in {took}", "green")
    return Text(f"          → {one_line(outcome.why or '')} in {took}", "red")
