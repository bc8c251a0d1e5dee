"""`runhook jobs`, `job`, `cancel`, `retry`, `reconcile`, `resolve`: jobs, shown and changed."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.console import Group, RenderableType
from rich.text import Text

from runhook.worker.cli.commands import refuse_beside, wiring, wrong_usage
from runhook.worker.cli.console import out, print_json, show
from runhook.worker.cli.deliveries import TIMES, deliveries_table
from runhook.worker.cli.tables import Rows, particulars
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.reports import Cost, amounts
from runhook.worker.domain.views import job_view
from runhook.worker.money.standing import Bill, bill_of
from runhook.worker.telemetry import masked

if TYPE_CHECKING:
    from runhook.worker.store import Delivery

COLOURS = {
    State.QUEUED: "bright_black",
    State.SENDING: "cyan",
    State.UNCONFIRMED: "yellow",
    State.RUNNING: "blue",
    State.SUCCEEDED: "green",
    State.FAILED: "red",
    State.CANCELLED: "magenta",
}
# Characters of one value in the timeline; an answer of RunningHub may have 4 KiB, and --json has
# the whole of it.
LONGEST_SHOWN = 160
CLOCK_TIME = slice(11, 23)  # 10:00:00.123 of 2026-11-22T10:00:00.123Z
# An age is told in seconds below the first, in minutes below the second (both in seconds): two
# figures say enough.
IN_SECONDS, IN_MINUTES = 100, 2 * 60 * 60


@click.command()
@click.option(
    "--state",
    "states",
    type=click.Choice([state.value for state in State]),
    multiple=True,
    help="More than once for jobs in any of several.",
)
@click.option("--model", help="An endpoint, the reference's name, or a pattern as vidu/*.")
@click.option("--tenant", help="Only this tenant's.")
@click.option(
    "--metadata", multiple=True, metavar="KEY=VALUE", help="Only with this; an indexed key."
)
@click.option("--root", metavar="JOB", help="Only the tree that grew from this job.")
@click.option("--group", help="Only this group of the tenant's.")
@click.option("--since", help=f"Created then or later. {TIMES}")
@click.option("--until", help="Created before then.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def jobs(
    states: tuple[str, ...],
    model: str | None,
    tenant: str | None,
    metadata: tuple[str, ...],
    root: str | None,
    group: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List jobs, newest first."""
    from runhook.worker import catalogue
    from runhook.worker.cli.inputs import labels
    from runhook.worker.cli.period import period
    from runhook.worker.store import JobFilter

    w = wiring()
    with wrong_usage():
        asked = period(since, until, w.clock.now())
        labelled = labels(w, metadata)
    wanted = JobFilter(
        states=states,
        model=catalogue.listed_as(model or None),
        tenant=tenant,
        labels=labelled,
        root=root,
        group=group,
        since=asked.since,
        until=asked.until,
    )
    page = w.store.listing.page(wanted, None, limit)
    if as_json:
        base = w.settings.public_url
        views = [job_view(job, base=base) for job in page.jobs]
        print_json({"items": views, "next": page.next})
    else:
        show(jobs_table(page.jobs), len(page.jobs), "no jobs")


@click.command()
@click.argument("job_id")
@click.option("--json", "as_json", is_flag=True)
def job(job_id: str, as_json: bool) -> None:
    """Show one job with its deliveries and its timeline."""
    w = wiring()
    store = w.store
    found = store.jobs.get(job_id)
    timeline = store.jobs.timeline(job_id)
    if as_json:
        # Only for JSON, where the API shows it too: it costs another round trip.
        place = store.queue.position(w.client.line_of(found.spec.options), job_id)
        view = job_view(found, place, base=w.settings.public_url)
        print_json({**view, "timeline": timeline})
    else:
        shown = _job_table(found, w.settings.public_url)
        out.print(_job(shown, store.deliveries.of_job(job_id), timeline))


@click.command()
@click.argument("job_id")
@click.option("--tree", is_flag=True, help="Cancel what waits for it too; else that fails, free.")
def cancel(job_id: str, tree: bool) -> None:
    """Cancel a job; free until it is sent.

    After that RunningHub may charge for the time that it ran.
    """
    from runhook.worker.flows.cancel import cancel as cancel_job

    found = cancel_job(wiring(), job_id, tree=tree)
    if found.state is State.CANCELLED:
        click.echo("cancelled")
        return
    click.echo(
        f"It is {found.state}: RunningHub may already have it. It will be cancelled as soon as"
        " its task id is known, and its run time until then may be charged."
        f" `runhook resolve {job_id}` settles it yourself."
    )


@click.command()
@click.argument("job_id")
def retry(job_id: str) -> None:
    """Run a job again, and pay for it again.

    It must have failed or been cancelled.
    """
    from runhook.worker.flows import resolve as resolving

    found = resolving.retry(wiring(), job_id)
    click.echo(f"attempt {found.attempt.n} is queued")


@click.command()
@click.argument("job_id")
def reconcile(job_id: str) -> None:
    """Ask RunningHub about a job now."""
    from runhook.worker.flows import resolve as resolving

    out.print(state_text(resolving.ask_now(wiring(asks=True), job_id)))


@click.command()
@click.argument("job_id")
@click.option("--as", "verdict", type=click.Choice(["failed", "resubmit"]), help="How to end it.")
@click.option("--ref", metavar="TASK", help="The id of the task that RunningHub made of it.")
@click.option("--force", is_flag=True, help="Take the task even if its callback is another job's.")
def resolve(
    job_id: str, verdict: Literal["failed", "resubmit"] | None, ref: str | None, force: bool
) -> None:
    """Settle an unconfirmed job yourself.

    An unconfirmed job may have been accepted and charged. `--as resubmit` sends it again and so
    risks paying twice; `--as failed` gives it up; `--ref` says which task it is.
    """
    from runhook.worker.flows import resolve as resolving

    if (verdict is None) == (ref is None):
        raise click.UsageError("say one of --as failed, --as resubmit, --ref TASK")
    if ref is not None:
        # RunningHub is asked whether the task is this job's.
        found = resolving.resolve_by_ref(wiring(asks=True), job_id, ref, force=force)
    elif verdict is not None:
        # Refused and not ignored: with money at stake nobody should think that it had an effect.
        refuse_beside("--as", "force")
        found = resolving.resolve(wiring(), job_id, verdict)
    out.print(state_text(found))
    if found.attempt.unproved:
        click.echo("noted: the task is taken once it has ended and RunningHub's record proves it")


def state_text(job: Job) -> Text:
    """The state in its colour."""
    return Text(job.state.value, COLOURS[job.state])


def age(job: Job) -> str:
    """How long it took from its creation to its end, or to now while it has none."""
    end = job.history.ended_at or datetime.now(UTC)
    seconds = max(0, int((end - job.spec.created_at).total_seconds()))
    if seconds < IN_SECONDS:
        return f"{seconds} s"
    if seconds < IN_MINUTES:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h"


def jobs_table(jobs: Iterable[Job]) -> Rows:
    """Jobs, a line each."""
    names = ("job", "model", "state", "by", "age", "cost", "ref")
    table = Rows(*names, gives_way=("ref", "by", "cost", "age"), cut=("model",))
    for job in jobs:
        table.add_row(
            job.id,
            job.spec.model,
            state_text(job),
            job.attempt.settled_by or "",
            age(job),
            _amount(job.cost),
            job.attempt.ref or "",
        )
    return table


def _amount(cost: Cost | None) -> str:
    """The figure alone: a column says no unit."""
    if cost is None:
        return ""
    return str(cost.money or cost.coins or "")


def _job(
    job: Rows, deliveries: Sequence["Delivery"], timeline: Sequence[dict[str, Any]]
) -> RenderableType:
    """One job with its deliveries and everything that happened to it."""
    parts: list[RenderableType] = [job]
    if deliveries:
        parts += [Text("\ndeliveries", "bold"), deliveries_table(deliveries)]
    return Group(*parts, Text("\ntimeline", "bold"), _timeline_table(timeline))


def _job_table(job: Job, base: str) -> Rows:
    table = particulars()
    view = job_view(job, base=base)
    table.add_row("job", job.id)
    table.add_row("model", job.spec.model)
    if job.attempt.model:
        table.add_row("went on with", job.attempt.model)
    table.add_row("state", state_text(job))
    table.add_row("tenant", job.tenant)
    for name in ("parent", "group", "ref", "settled_by", "created_at", "submitted_at", "ended_at"):
        if view[name]:
            table.add_row(name.replace("_", " "), view[name])
    if job.root != job.id:
        table.add_row("root", job.root)
    for other in view["waits_for"]:
        table.add_row("waits for", other)
    for output in view["outputs"]:
        table.add_row("output", output["url"] or output["text"] or "")
        if output["archived_url"]:
            table.add_row("archived", output["archived_url"])
    if error := view["error"]:
        table.add_row("error", Text(f"{error['code']}: {error['message']}", "red"))
    for name, text in _money(job):
        table.add_row(name, text)
    return table


def _money(job: Job) -> Iterable[tuple[str, str | Text]]:
    """What it was expected to cost, what it cost, and what it may have cost besides."""
    now, several = job.attempt, len(job.history.attempts) > 1
    if now.price and not job.cost:
        yield "price", f"{now.price} {now.priced_in or ''}".rstrip()
    if job.cost:
        yield "cost", ", ".join(amounts(job.cost)) or "0"
    for attempt in job.history.attempts:
        if several and attempt.cost:
            yield f"attempt {attempt.n}", ", ".join(amounts(attempt.cost)) or "0"
        bill = bill_of(job, attempt)
        if bill is Bill.UNPROVED:
            price = f"{attempt.price or 'unknown'} {attempt.priced_in or ''}".rstrip()
            text = f"attempt {attempt.n} may have been charged, and nobody said so; price {price}"
            yield "at risk", Text(text, "yellow")
        if attempt.held and bill.open:
            yield "held", f"{attempt.held} of the budget of {attempt.held_on}"


def _timeline_table(timeline: Sequence[dict[str, Any]]) -> Rows:
    """Everything that happened, oldest first."""
    table = Rows("at", "what", "particulars", wraps=("particulars",))
    for entry in timeline:
        rest = {k: v for k, v in entry.items() if k not in ("at", "what") and v not in (None, "")}
        values = ", ".join(f"{k} {str(v)[:LONGEST_SHOWN]}" for k, v in rest.items())
        # Masked: particulars quote URLs and errors, and people paste a timeline into tickets.
        table.add_row(entry["at"][CLOCK_TIME], entry["what"], Text(masked(values)))
    return table
