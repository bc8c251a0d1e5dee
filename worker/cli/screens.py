"""What the command line shows: jobs, models and faults as tables and lines."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from runhook.config.catalogue import Price
from runhook.worker.catalogue import Model, describe, price_words, rule_words
from runhook.worker.cli.tables import Rows
from runhook.worker.domain.events import Event, Outcome
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.reports import AppField, Style
from runhook.worker.domain.views import job_view
from runhook.worker.errors import InvalidRequest
from runhook.worker.flows.doctor import Finding
from runhook.worker.net.untrusted import one_line
from runhook.worker.store import Delivery, QueueState
from runhook.worker.telemetry import masked

COLOURS = {
    State.QUEUED: "bright_black",
    State.SENDING: "cyan",
    State.UNCONFIRMED: "yellow",
    State.RUNNING: "blue",
    State.SUCCEEDED: "green",
    State.FAILED: "red",
    State.CANCELLED: "magenta",
}
DELIVERY_COLOURS = {
    "pending": "blue",
    "done": "green",
    "dead": "red",
    "superseded": "bright_black",
}
MOST_PRICES, LONGEST_DEFAULT, FLAT = 40, 60, 2
INDENT = 2  # spaces before a table of prices


def state_text(job: Job) -> Text:
    """The state in its colour."""
    return Text(job.state.value, COLOURS[job.state])


def jobs_table(jobs: Iterable[Job]) -> Rows:
    """Jobs, a line each."""
    names = ("job", "model", "state", "by", "age", "cost", "ref")
    table = Rows(*names, gives_way=("ref", "by", "cost", "age"), cut=("model",))
    for job in jobs:
        cost = job.cost.money or job.cost.coins if job.cost else None
        table.add_row(
            job.id,
            job.spec.model,
            state_text(job),
            job.attempt.settled_by or "",
            age(job),
            cost or "",
            job.attempt.ref or "",
        )
    return table


def age(job: Job) -> str:
    """How long it took, or has taken."""
    end = job.history.ended_at or datetime.now(UTC)
    seconds = max(0, int((end - job.spec.created_at).total_seconds()))
    if seconds < 100:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"


def _particulars() -> Rows:
    """What one thing is, a line each."""
    return Rows("", "value", wraps=("value",), head=False)


def job_screen(
    job: Job, deliveries: Sequence[Delivery], timeline: Sequence[dict[str, Any]]
) -> RenderableType:
    """One job with its deliveries and everything that happened to it."""
    head = _particulars()
    document = job_view(job)
    head.add_row("job", job.id)
    head.add_row("model", job.spec.model)
    head.add_row("state", state_text(job))
    head.add_row("tenant", job.tenant)
    for name in ("ref", "settled_by", "created_at", "submitted_at", "ended_at"):
        if document[name]:
            head.add_row(name.replace("_", " "), document[name])
    for out in document["outputs"]:
        head.add_row("output", out["url"] or out["text"] or "")
    if error := document["error"]:
        head.add_row("error", Text(f"{error['code']}: {error['message']}", "red"))
    if job.cost:
        parts = [
            f"{job.cost.money} {job.cost.currency or ''}".strip() if job.cost.money else "",
            f"{job.cost.coins} coins" if job.cost.coins else "",
        ]
        head.add_row("cost", ", ".join(part for part in parts if part) or "0")
    parts_shown: list[RenderableType] = [head]
    if deliveries:
        parts_shown += [Text("\ndeliveries", "bold"), deliveries_table(deliveries)]
    parts_shown += [Text("\ntimeline", "bold"), timeline_table(timeline)]
    return Group(*parts_shown)


def deliveries_table(deliveries: Iterable[Delivery], *, ids: bool = False) -> Rows:
    """What was told to whom; with ids, which end with the handler, so that one can be named."""
    who = "delivery" if ids else "handler"
    names = ("event", who, "state", "tries", "last")
    table = Rows(*names, gives_way=("last", "tries", "event"), cut=("last", "handler"))
    for delivery in deliveries:
        last = delivery.tries[-1] if delivery.tries else {}
        table.add_row(
            delivery.type,
            delivery.id if ids else delivery.handler,
            delivery_text(delivery),
            str(len(delivery.tries)),
            Text(masked(str(last.get("why") or last.get("outcome") or ""))),
        )
    return table


def delivery_text(delivery: Delivery) -> Text:
    """A delivery's state in its colour."""
    return Text(delivery.state, DELIVERY_COLOURS[delivery.state])


def delivery_screen(delivery: Delivery) -> RenderableType:
    """One delivery with every attempt."""
    head = _particulars()
    head.add_row("delivery", delivery.id)
    head.add_row("event", f"{delivery.event}  {delivery.type}")
    head.add_row("job", delivery.job or "none")
    head.add_row("handler", delivery.handler)
    head.add_row("state", delivery_text(delivery))
    if delivery.due_at:
        head.add_row("next", f"{delivery.due_at:%Y-%m-%d %H:%M:%S} UTC")
    names = ("try", "at", "outcome", "status", "took", "why", "answer")
    table = Rows(*names, gives_way=("took",), wraps=("at", "why", "answer"))
    for tried in delivery.tries:
        took = f"{tried.get('took') or 0:.2f} s"
        shown = [tried.get(name) for name in ("n", "at", "outcome", "status")]
        said = [masked(str(tried.get(name) or "")) for name in ("why", "answer")]
        table.add_row(*(str(value or "") for value in shown), took, *map(Text, said))
    return Group(head, Text("\nattempts", "bold"), table)


def event_line(event: Event) -> Text:
    """An event as `listen` shows it."""
    state = State(event.type[4:]) if event.type[4:] in State._value2member_map_ else None
    line = Text.assemble(
        (f"{event.time:%H:%M:%S}  ", "bright_black"),
        (f"{event.type:<16}", COLOURS[state] if state else "yellow"),
        f"  {event.subject}",
    )
    what = event.model or event.detail.get("alert", "")
    line.append(f"  {one_line(str(what))}", "bright_black")
    return line


def forward_line(outcome: Outcome) -> Text:
    """How forwarding one went."""
    took = f"{outcome.took:.2f} s"
    if outcome.word == "done":
        return Text(f"          → {outcome.status} in {took}", "green")
    return Text(f"          → {one_line(outcome.why or '')} in {took}", "red")


LONGEST_SHOWN = 160  # characters of one particular; --json has the whole of it


def timeline_table(timeline: Sequence[dict[str, Any]]) -> Rows:
    """Everything that happened, oldest first."""
    table = Rows("at", "what", "particulars", wraps=("particulars",))
    for entry in timeline:
        rest = {k: v for k, v in entry.items() if k not in ("at", "what") and v not in (None, "")}
        said = masked(", ".join(f"{k} {str(v)[:LONGEST_SHOWN]}" for k, v in rest.items()))
        table.add_row(entry["at"][11:23], entry["what"], Text(said))
    return table


def progress_line(job: Job, place: int | None, usual: float | None) -> Text:
    """Where a job stands: its place in the line, or how long it has taken of its usual time."""
    line = Text.assemble(state_text(job), f"  {age(job)}")
    if place is not None:
        line.append(f"  place {place} in the line")
    if usual is not None and job.attempt.submitted_at:
        line.append(f"  usually {usual:.0f} s")
    return line


def models_table(models: Sequence[Model]) -> Rows:
    """Models, a line each."""
    names = ("endpoint", "name", "makes", "price")
    table = Rows(*names, gives_way=("name", "price"), cut=("name", "price"))
    for model in models:
        name = Text(model.name, "bright_black" if model.deprecated else "")
        words = price_words(model.price) if model.price else ""
        price = words.partition(", by")[0].removesuffix(" of output video")
        table.add_row(Text(model.endpoint), name, model.output, price)
    return table


def model_screen(model: Model) -> RenderableType:
    """One model: what each parameter takes, how they go together, what it costs."""
    name = "" if model.name == model.endpoint else f"  {model.name}"
    title = Text.assemble((model.endpoint, "bold"), f"{name}  makes {model.output}")
    if model.deprecated:
        title.append("  withdrawn", "yellow")
    table = Rows("parameter", "", "takes", "default", wraps=("takes", "default"))
    for param in model.params:
        needed = param.required and param.default is None
        default = "" if param.default is None else str(param.default)
        if isinstance(param.default, bool):
            default = default.lower()
        takes = describe(param)
        if param.max_mb:
            takes += f", at most {param.max_mb:g} MB"
        table.add_row(param.name, Text("required", "yellow") if needed else "", takes, default)
    parts: list[RenderableType] = [title, Text(""), table]
    if not model.params:
        parts = [title, Text("no source tells its parameters; what is given is sent unchecked")]
    if model.rules:
        parts += [Text("\nrules", "bold"), *(Text(f"  {rule_words(r)}") for r in model.rules)]
    parts += [Text("\nprice", "bold"), *_price_lines(model.price)]
    return Group(*parts)


def _price_lines(price: Price | None) -> list[RenderableType]:
    if price is None:
        return [Text("  not known; `runhook submit --dry-run` asks RunningHub")]
    lines: list[RenderableType] = [Text(f"  {price_words(price)}")]
    if price.table:
        lines.append(_matrix(price) if len(price.by) == FLAT else _list(price))
    return lines


def _list(price: Price) -> Rows:
    table = Rows(*price.by, price.currency, cut=price.by, indent=INDENT)
    for chosen, amount in list(price.table.items())[:MOST_PRICES]:
        table.add_row(*chosen.split("|"), f"{amount:f}")
    return table


def _matrix(price: Price) -> Rows:
    """Prices by two parameters: one down, one across."""
    pairs = {tuple(chosen.split("|")): amount for chosen, amount in price.table.items()}
    down, across = (sorted({pair[i] for pair in pairs}, key=_by_number) for i in (0, 1))
    table = Rows(price.by[0], *across, indent=INDENT)
    for row in down:
        amounts = [pairs.get((row, column)) for column in across]
        table.add_row(row, *(f"{amount:f}" if amount is not None else "" for amount in amounts))
    return table


def _by_number(word: str) -> tuple[float, str]:
    digits = re.match(r"\d+", word)
    return (float(digits[0]) if digits else 0.0, word)


def fields_table(fields: Sequence[AppField]) -> Rows:
    """The fields of an app or a workflow, a line each."""
    names = ("field", "node", "takes", "default", "what")
    elastic = ("node", "takes", "default", "what")
    table = Rows(*names, gives_way=("node", "what"), cut=("field",), wraps=elastic)
    for field in fields:
        takes = " ".join(
            [field.type, *([f"({', '.join(field.choices)})"] if field.choices else [])]
        )
        default = (field.default or "").replace("\n", " ")
        short = default if len(default) <= LONGEST_DEFAULT else f"{default[:LONGEST_DEFAULT]}…"
        table.add_row(
            Text(field.key), Text(field.node_name), takes, Text(short), Text(field.description)
        )
    return table


def styles_table(styles: Sequence[Style]) -> Rows:
    """A style library, a line each."""
    names = ("key", "name", "category", "trigger", "loras")
    table = Rows(*names, gives_way=("category",), wraps=("name", "category", "trigger", "loras"))
    for style in styles:
        loras = ", ".join(f"{name} {weight}" for name, weight in style.loras)
        table.add_row(style.key, style.name, style.category, style.trigger, loras)
    return table


def account_table(document: dict[str, Any], line: QueueState) -> Rows:
    """What the account has, and how the line stands."""
    table = _particulars()
    rows = {
        "key": document["type"],
        "money": f"{document['money']} {document['currency'] or ''}" if document["money"] else None,
        "coins": document["coins"],
        "limit": document["limit"],
        "at RunningHub": f"{document['running'] or 0} running, {document['queued'] or 0} queued",
        "in flight here": line.in_flight,
        "in the line": line.length,
        "gate": f"{line.gate}: {line.why}" if line.why else line.gate,
    }
    for name, value in rows.items():
        if value is not None:
            table.add_row(name, str(value))
    if line.paused:
        table.add_row("line", Text("paused; `runhook resume` lets it go on", "yellow"))
    return table


MARKS = {"good": ("✓", "green"), "warning": ("!", "yellow"), "bad": ("✗", "red")}


def findings_table(findings: Sequence[Finding]) -> Rows:
    """What the doctor found, and what to do about it."""
    table = Rows("", "check", "says", "what to do", wraps=("says", "what to do"))
    for found in findings:
        mark, colour = MARKS[found.word]
        table.add_row(Text(mark, colour), found.what, Text(found.says), Text(found.advice))
    return table


def show_faults(console: Console, error: InvalidRequest) -> None:
    """All that is wrong with a request."""
    console.print(Text("Refused; nothing was sent, nothing is paid.", "red"))
    for fault in error.listed:
        line = Text.assemble("  ", (one_line(fault.path), "bold"), f"  {one_line(fault.message)}")
        if fault.nearest:
            line.append(f"  did you mean {one_line(fault.nearest)}?", "yellow")
        console.print(line)
    if more := len(error.faults) - len(error.listed):
        console.print(f"  and {more} more")
