"""`runhook deliveries`, `redeliver`, `recover`: what was delivered to whom, and doing it again."""

from itertools import islice

import click

from runhook.worker.cli.busy import busy
from runhook.worker.cli.commands import TIMES, refuse_beside, runhook, wrong_usage
from runhook.worker.cli.console import err, out, print_json, say, show
from runhook.worker.cli.delivery_tables import COLOURS, deliveries_table, delivery_page
from runhook.worker.cli.naming import whole_delivery, whole_id, whole_subscription
from runhook.worker.client.receivers import Recovered


@click.command()
@click.argument("delivery_id", metavar="[DELIVERY]", required=False)
@click.option("--state", type=click.Choice(list(COLOURS)))
@click.option("--handler", help="A handler's name, or a subscription's id.")
@click.option("--job", help="A job's id.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--cursor", metavar="DELIVERY", help="The page behind this delivery.")
@click.option("--json", "as_json", is_flag=True)
def deliveries(
    delivery_id: str | None,
    state: str | None,
    handler: str | None,
    job: str | None,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> None:
    """List deliveries, or show one.

    The list has the newest first; one delivery is shown with every attempt.
    """
    if delivery_id:
        refuse_beside("a delivery's ID", "state", "handler", "job", "limit", "cursor")
        _show_one(delivery_id, as_json=as_json)
        return
    rh = runhook()
    if job:
        job = whole_id(rh, job)
    if handler:
        handler = whole_subscription(rh, handler)
    with wrong_usage():
        # They are read page by page, so the rest of a long list is never read.
        listed = rh.deliveries(state=state, handler=handler, job=job, cursor=cursor)
        found = list(islice(listed, limit))
        more = None
        if next(listed, None):
            more = found[-1].id
    if as_json:
        print_json({"items": [one.document for one in found], "next": more})
        return
    show(deliveries_table(found, ids=True), len(found), "no deliveries")
    if more:
        err.print(f"there are more: --cursor {more}", style="bright_black")


def _show_one(delivery_id: str, *, as_json: bool) -> None:
    rh = runhook()
    delivery = rh.delivery(whole_delivery(rh, delivery_id))
    if as_json:
        print_json(delivery.document)
    else:
        out.print(delivery_page(delivery))


@click.command()
@click.argument("delivery_id", metavar="[DELIVERY]", required=False)
@click.option("--state", type=click.Choice(list(COLOURS)), default="dead", show_default=True)
@click.option("--handler", help="All of this handler or subscription.")
@click.option("--job", help="All of this job.")
@click.option("--since", help=f"All whose event happened since then. {TIMES}")
@click.option("--until", help="All whose event happened before then.")
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
    """Deliver again: one, or all that match."""
    # Without either it would be every dead delivery there is, which is seldom meant.
    if (delivery_id is None) != any((handler, job, since, until)):
        raise click.UsageError(
            "name a delivery by its ID, or many by --handler, --job, --since, --until"
        )
    if delivery_id:
        refuse_beside("a delivery's ID", "state")
        _redeliver_one(delivery_id, dry_run=dry_run)
        return
    rh = runhook()
    if job:
        job = whole_id(rh, job)
    if handler:
        handler = whole_subscription(rh, handler)
    with wrong_usage(), busy("looking for deliveries"):
        found = rh.redeliver_all(
            state=state, handler=handler, job=job, since=since, until=until, dry_run=dry_run
        )
    if dry_run:
        say(f"{found.redelivered} would be delivered again")
    else:
        say(f"{found.redelivered} will be delivered again")
    if found.skipped:
        say(f"{found.skipped} cannot be now: under way, or their receiver is disabled or removed")


def _redeliver_one(delivery_id: str, *, dry_run: bool) -> None:
    rh = runhook()
    delivery_id = whole_delivery(rh, delivery_id)
    if dry_run:
        delivery = rh.delivery(delivery_id)
        say(f"{delivery.type} would be delivered to {delivery.handler} again")
        return
    delivery = rh.redeliver(delivery_id)
    say(f"{delivery.type} will be delivered to {delivery.handler} again")
    # It will wait, and without a word of that one would wait for it in vain.
    if delivery.note:
        say(delivery.note)


@click.command()
@click.option("--since", required=True, help=f"Start of the period. {TIMES}")
@click.option("--until", help="End of the period; left out: now.")
@click.option("--handler", help="Only deliveries to this handler or subscription.")
@click.option("--new-handlers", is_flag=True, help="Include handlers that did not exist yet.")
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
    """Make good what is missing since a time.

    RunningHub is asked about callbacks that never came, and deliveries that died or were never
    made are made. Nothing is submitted or paid for, but handlers run again.
    """
    rh = runhook()
    if handler:
        handler = whole_subscription(rh, handler)
    with wrong_usage(), busy("reading what happened since then"):
        found = rh.recover(
            since, until, handler=handler, new_handlers=new_handlers, dry_run=dry_run
        )
    if as_json:
        print_json(found.document)
    else:
        _print_recovered(found)


def _print_recovered(found: Recovered) -> None:
    does = "this is done"
    if found.dry_run:
        does = "this would be done"
    say(f"{found.since:%Y-%m-%d %H:%M:%S} to {found.until:%Y-%m-%d %H:%M:%S} UTC, {does}:")
    say(f"{found.asked:6}  jobs whose callback is missing: RunningHub is asked")
    for name, missing in found.handlers.items():
        say(f"{missing['opened']:6}  deliveries to {name} for the first time")
        say(f"{missing['redelivered']:6}  deliveries to {name} again")
        if missing["skipped"]:
            text = f"not delivered to {name}: it is disabled, or they are under way"
            say(f"{missing['skipped']:6}  {text}")
        if missing["younger"]:
            text = f"not delivered to {name}, which was added later; --new-handlers includes it"
            say(f"{missing['younger']:6}  {text}")
