"""`runhook deliveries`, `redeliver`, `recover`: what was told to whom, and telling it again."""

from itertools import islice

import click

from runhook.worker.cli import screens
from runhook.worker.cli.talk import out, print_json, refuse_beside, say, show, wiring, wrong_usage
from runhook.worker.delivery import deliveries as flows
from runhook.worker.delivery.deliveries import Filter, delivery_document
from runhook.worker.delivery.roster import word_of_absence
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.flows.recover import read_range
from runhook.worker.flows.recover import recover as make_good
from runhook.worker.store.delivered import STATES

SINCE = "As 2h, or 2026-11-22T10:00:00Z."


@click.command()
@click.argument("delivery_id", required=False)
@click.option("--state", type=click.Choice(STATES))
@click.option("--handler", help="A handler's name, or a subscription's id.")
@click.option("--job", help="A job's id.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def deliveries(
    delivery_id: str | None,
    state: str | None,
    handler: str | None,
    job: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what was told to whom, newest first; or show one delivery with every attempt."""
    if delivery_id:
        refuse_beside("one delivery's ID", "state", "handler", "job", "limit")
    w = wiring()
    if delivery_id:
        one = w.store.deliveries.get(delivery_id)
        print_json(delivery_document(one)) if as_json else out.print(screens.delivery_screen(one))
        return
    faults: list[Fault] = []
    of_job = flows.job_named(job, faults)
    with wrong_usage():
        if faults:
            raise InvalidRequest(faults)
    found = list(islice(flows.matching(w, Filter(state, handler, of_job)), limit))
    if as_json:
        print_json({"items": [delivery_document(one) for one in found], "next": None})
    else:
        show(screens.deliveries_table(found, ids=True), len(found), "no deliveries")


@click.command()
@click.argument("delivery_id", required=False)
@click.option("--state", type=click.Choice(STATES), default="dead", show_default=True)
@click.option("--handler", help="All of a handler or a subscription.")
@click.option("--job", help="All of a job.")
@click.option("--since", help=f"All of events since then. {SINCE}")
@click.option("--until", help="All of events before then.")
@click.option("--dry-run", is_flag=True, help="Only say how many.")
def redeliver(
    delivery_id: str | None,
    state: str,
    handler: str | None,
    job: str | None,
    since: str | None,
    until: str | None,
    dry_run: bool,
) -> None:
    """Tell a handler again: one delivery, or all that match."""
    given = {"handler": handler, "job": job, "since": since, "until": until}
    given = {name: value for name, value in given.items() if value is not None}
    if (delivery_id is None) == (not given):
        raise click.UsageError("say one delivery's ID, or --handler, --job, --since, --until")
    if delivery_id:
        refuse_beside("one delivery's ID", "state")
    w = wiring()
    if delivery_id:
        one = w.store.deliveries.get(delivery_id) if dry_run else flows.redeliver(w, delivery_id)
        say(f"{one.handler} {'would be' if dry_run else 'is'} told of {one.type} again")
        if note := word_of_absence(w, one.lane, one.handler):
            say(note)
        return
    with wrong_usage():
        wanted, _ = flows.read_filter(w, given | {"state": state})
    told, skipped = flows.redeliver_all(w, wanted, dry_run=dry_run)
    say(f"{told} {'would be' if dry_run else 'are'} told again")
    if skipped:
        say(f"{skipped} cannot be told now: being told, disabled or removed")


@click.command()
@click.option("--since", required=True, help=SINCE)
@click.option("--until", help="Left out: now.")
@click.option("--handler", help="Only what is to be told to this handler or subscription.")
@click.option("--new-handlers", is_flag=True, help="Tell those that came later too.")
@click.option("--dry-run", is_flag=True, help="Only say what is missing.")
@click.option("--json", "as_json", is_flag=True)
def recover(
    since: str,
    until: str | None,
    handler: str | None,
    new_handlers: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make good what is missing since a time: callbacks that never came, deliveries dead or never
    made. Nothing is submitted; what handlers do when they are told is theirs."""
    w = wiring()
    given = {"since": since, "until": until, "handler": handler, "new_handlers": new_handlers}
    with wrong_usage():
        span, _ = read_range(w, {name: value for name, value in given.items() if value is not None})
    found = make_good(w, span, dry_run=dry_run)
    if as_json:
        print_json(found.document() | {"dry_run": dry_run})
        return
    does = "it would:" if dry_run else "it does:"
    say(f"{found.since:%Y-%m-%d %H:%M:%S} to {found.until:%Y-%m-%d %H:%M:%S} UTC, {does}")
    say(f"{found.asked:6}  ask RunningHub about jobs whose callback is missing")
    for name, missing in found.handlers.items():
        say(f"{missing.opened:6}  tell {name} what it was never told")
        say(f"{missing.redelivered:6}  tell {name} again what it did not take")
        if missing.skipped:
            say(f"{missing.skipped:6}  not told to {name}: disabled, or being told now")
        if missing.younger:
            text = f"not told to {name}: it came later; --new-handlers tells it"
            say(f"{missing.younger:6}  {text}")
