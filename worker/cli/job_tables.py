"""Jobs as the command line shows them: a line each, or one with all that is known of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from rich.console import Group, RenderableType
from rich.text import Text

from runhook.worker.cli.ages import age, minute, took
from runhook.worker.cli.delivery_tables import deliveries_table
from runhook.worker.cli.tables import Rows, particulars
from runhook.worker.client.jobs import Attempt, Cost, Job
from runhook.worker.client.receivers import Delivery
from runhook.worker.domain.reports import coins_text
from runhook.worker.telemetry import masked

COLOURS = {
    "queued": "bright_black",
    "sending": "cyan",
    "unconfirmed": "yellow",
    "running": "blue",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "magenta",
}
# Characters of one value: an input may hold pictures, an answer of RunningHub has 4 KiB, and --json
# has the whole of either.
LONGEST_SHOWN = 160
CLOCK_TIME = slice(11, 23)  # 10:00:00.123 of 2026-11-22T10:00:00.123Z
# Of a job in a list; those that give way stand here from the least to the most wanted.
COLUMNS = ("job", "model", "state", "created", "age", "took", "cost", "by", "metadata", "ref")
GIVE_WAY = ("ref", "by", "created", "metadata", "took", "cost", "age")


def state_text(state: str) -> Text:
    """A state in its colour; a newer version may have others."""
    return Text(state, COLOURS.get(state, ""))


def jobs_table(jobs: Iterable[Job]) -> Rows:
    """Jobs, a line each."""
    table = Rows(*COLUMNS, gives_way=GIVE_WAY, cut=("model", "metadata"), shortened="job")
    for job in jobs:
        table.add_row(
            job.id,
            job.model,
            state_text(job.state),
            minute(job.created_at),
            age(job.created_at),
            took(job.created_at, job.ended_at),
            amount(job.cost),
            job.settled_by or "",
            pairs(job.metadata),
            job.ref or "",
        )
    return table


def amount(cost: Cost | None) -> str:
    """What was charged, alone: a column says no unit."""
    if cost is None:
        return ""
    for value in (cost.money, cost.coins):
        if value:
            return f"{value:f}"
    return "0"


def amounts(cost: Cost) -> str:
    """What was charged, in words."""
    told = []
    if cost.money is not None:
        told.append(f"{cost.money:f} {cost.currency or ''}".rstrip())
    if cost.coins:
        told.append(coins_text(f"{cost.coins:f}"))
    if cost.seconds:
        told.append(f"{cost.seconds:f} s of run time")
    return ", ".join(told) or "0"


def price_text(price: Mapping[str, Any] | None) -> str:
    """An expected price, as /v1 tells it."""
    if not price or not price.get("money"):
        return "unknown"
    return f"{price['money']} {price.get('currency') or ''}".rstrip()


def pairs(values: Mapping[str, Any]) -> str:
    """Names and values in one line."""
    return " ".join(f"{name}={shown(value)}" for name, value in values.items())


def shown(value: Any) -> str:
    """A value as it would be typed, cut where it is long."""
    if not isinstance(value, str):
        value = orjson.dumps(value).decode()
    if len(value) <= LONGEST_SHOWN:
        return str(value)
    return f"{value[:LONGEST_SHOWN]}… ({len(value)} characters)"


def job_page(
    job: Job, page: str, deliveries: Sequence[Delivery], timeline: Sequence[Mapping[str, Any]]
) -> RenderableType:
    """One job with its attempts, its deliveries and everything that happened to it."""
    parts: list[RenderableType] = [_particulars(job, page)]
    for title, values in (("input", job.input), ("options", job.options)):
        if values:
            parts += [Text(f"\n{title}", "bold"), _values(values)]
    if job.metadata:
        parts += [Text("\nmetadata", "bold"), _values(job.metadata)]
    parts += [Text("\nattempts", "bold"), _attempts(job)]
    if deliveries:
        parts += [Text("\ndeliveries", "bold"), deliveries_table(deliveries)]
    return Group(*parts, Text("\ntimeline", "bold"), _timeline(timeline))


def _particulars(job: Job, page: str) -> Rows:
    table = particulars()
    table.add_row("job", job.id)
    table.add_row("model", job.model)
    table.add_row("state", state_text(job.state))
    table.add_row("tenant", job.tenant)
    for name in ("group", "parent", "ref", "settled_by", "queue_position", "why_waiting"):
        if job.document.get(name):
            table.add_row(name.replace("_", " "), str(job.document[name]))
    if job.root != job.id:
        table.add_row("root", job.root or "")
    for name in ("created_at", "submitted_at", "ended_at"):
        if job.document.get(name):
            table.add_row(name.replace("_at", ""), job.document[name])
    for other in job.waits_for:
        table.add_row("waits for", other)
    for output in job.outputs:
        table.add_row("output", output.archived_url or output.url or output.text or "")
    if job.error:
        table.add_row("error", Text(f"{job.error.code}: {job.error.message}", "red"))
    for name, text in _money(job):
        table.add_row(name, text)
    table.add_row("dashboard", page)
    return table


def _money(job: Job) -> Iterable[tuple[str, str | Text]]:
    """What it was expected to cost, what it cost, and what it may have cost besides."""
    if job.cost:
        yield "cost", amounts(job.cost)
    elif job.document.get("price"):
        yield "price", price_text(job.document["price"])
    for bill in job.document.get("bills", ()):
        if bill["bill"] == "unproved":
            price = price_text(bill["price"])
            text = f"attempt {bill['n']} may have been charged, and nobody said so; price {price}"
            yield "at risk", Text(text, "yellow")
        if bill["held"] and bill["bill"] in ("not sent", "coming", "unproved"):
            yield "held", f"{bill['held']} of the budget of {bill['held_on']}"


def _values(values: Mapping[str, Any]) -> Rows:
    table = particulars()
    for name, value in values.items():
        table.add_row(name, Text(masked(shown(value))))
    return table


def _attempts(job: Job) -> Rows:
    names = ("n", "model", "state", "submitted", "took", "cost", "ref", "error")
    table = Rows(*names, gives_way=("submitted", "took"), cut=("model",), wraps=("error",))
    for attempt in job.attempts:
        table.add_row(
            str(attempt.n),
            attempt.model or job.model,
            state_text(attempt.state),
            minute(attempt.submitted_at),
            _ran(attempt),
            amount(attempt.cost),
            attempt.ref or "",
            _error(attempt),
        )
    return table


def _ran(attempt: Attempt) -> str:
    if attempt.submitted_at is None:
        return ""
    return took(attempt.submitted_at, attempt.ended_at)


def _error(attempt: Attempt) -> Text:
    if attempt.error is None:
        return Text("")
    return Text(masked(f"{attempt.error.code}: {attempt.error.message}"))


def _timeline(timeline: Sequence[Mapping[str, Any]]) -> Rows:
    """Everything that happened, oldest first."""
    table = Rows("at", "what", "particulars", wraps=("particulars",))
    for entry in timeline:
        rest = {k: v for k, v in entry.items() if k not in ("at", "what") and v not in (None, "")}
        values = ", ".join(f"{k} {_cut(v)}" for k, v in rest.items())
        # Masked: particulars quote URLs and errors, and people paste a timeline into tickets.
        table.add_row(entry["at"][CLOCK_TIME], entry["what"], Text(masked(values)))
    return table


def _cut(value: Any) -> str:
    """A particular as it is told; of a long one the beginning, marked as one."""
    text = str(value)
    if len(text) <= LONGEST_SHOWN:
        return text
    return f"{text[:LONGEST_SHOWN]}…"
