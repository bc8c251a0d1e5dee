"""What users are told of a job, the account and a recovery, member by member. Pure.

mypy holds every view against these types, and the OpenAPI document is made of them; at run time
they are plain dicts, which nothing checks. Each member's meaning stands below `Attributes:`.
"""

from typing import Annotated, Any, Generic, NotRequired, TypeVar

from pydantic import Field, WithJsonSchema
from typing_extensions import TypedDict

from runhook.worker.domain.jobs import State

Item = TypeVar("Item")

WHEN = {"type": "string", "format": "date-time", "examples": ["2026-11-22T10:00:00.123Z"]}
AMOUNT = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["0.14"]}
When = Annotated[str, WithJsonSchema(WHEN)]  # UTC, milliseconds, Z
Amount = Annotated[str, WithJsonSchema(AMOUNT)]  # an exact decimal number, never a float
StateName = Annotated[str, WithJsonSchema({"type": "string", "enum": [one.value for one in State]})]
JobName = Annotated[str, Field(examples=["job_019ab3f0c1d20000a1b2c3d4e5f6"])]


class Page(TypedDict, Generic[Item]):
    """A page of a list.

    Attributes:
        items: In the order that the call says.
        next: The `cursor` of the page behind it; null: there is none.
    """

    items: list[Item]
    next: str | None


class Items(TypedDict, Generic[Item]):
    """A whole list.

    Attributes:
        items: All there are.
    """

    items: list[Item]


class TreePage(TypedDict, Generic[Item]):
    """A page of a tree.

    Attributes:
        items: Its jobs, the oldest first.
        next: The `cursor` of the page behind it; null: there is none.
        complete: False: more grew than is looked through.
    """

    items: list[Item]
    next: str | None
    complete: bool


class OutputView(TypedDict):
    """One file or text that a job made.

    Attributes:
        url: Where RunningHub keeps it, for a day.
        type: The file's ending: png, mp4, wav, glb, txt.
        text: The text, where it is one.
        node_id: The ComfyUI node that saved it.
        expires_at: When `url` dies.
        archived_url: Our own copy.
        thumbnail_url: A small picture of it.
    """

    url: str | None
    type: str | None
    text: str | None
    node_id: str | None
    expires_at: When | None
    archived_url: str | None
    thumbnail_url: str | None


class ErrorView(TypedDict):
    """Why an attempt failed, or is unconfirmed.

    Attributes:
        code: A word of runhook's.
        message: What happened, who pays, what to do.
        provider_code: RunningHub's own code.
        detail: What else is known.
    """

    code: str
    message: str
    provider_code: str | None
    detail: dict[str, Any]


class CostView(TypedDict):
    """What RunningHub charged; null: it does not say.

    Attributes:
        money: In `currency`.
        currency: CNY or USD.
        coins: RH coins.
        seconds: Run time that was billed.
    """

    money: Amount | None
    currency: str | None
    coins: Amount | None
    seconds: Amount | None


class AttemptView(TypedDict):
    """One paid submit of a job.

    Attributes:
        n: Its number, from 1.
        model: What it runs: the job's own model, or one of its fallbacks.
        ref: RunningHub's id of it.
        state: Where it stands.
        submitted_at: When RunningHub had it.
        ended_at: When it ended.
        error: Why it failed.
        cost: What was charged for it.
        outputs: What it made.
        settled_by: How its end was learnt.
    """

    n: int
    model: str
    ref: str | None
    state: StateName
    submitted_at: When | None
    ended_at: When | None
    error: ErrorView | None
    cost: CostView | None
    outputs: list[OutputView]
    settled_by: str | None


class ProgressView(TypedDict):
    """How far a running job is.

    Attributes:
        elapsed: Seconds since its submit.
        usual: Seconds that those of its model usually take; null: nobody knows.
        p95: Seconds within which nineteen of twenty of them end.
    """

    elapsed: float
    usual: float | None
    p95: float | None


class ExpectedView(TypedDict):
    """What an attempt is expected to cost.

    Attributes:
        money: In `currency`.
        currency: CNY or USD.
    """

    money: Amount
    currency: str | None


class BillView(TypedDict):
    """How an attempt's money stands.

    Attributes:
        n: The attempt's number.
        bill: In a word.
        price: What it is expected to cost; null: nobody knows.
        held: What it holds of a budget: what it may cost, or did once that is known; null: nothing
            was ever held for it.
        held_on: Of which UTC day's.
    """

    n: int
    bill: str
    price: ExpectedView | None
    held: Amount | None
    held_on: str | None


class JobView(TypedDict):
    """One generation that a user asked for. Its results are its current attempt's.

    Attributes:
        id: Its own, `job_…`.
        model: What was asked for.
        state: Where it stands.
        ref: RunningHub's id of its current attempt.
        input: With every default filled in.
        options: How it runs.
        metadata: The user's own.
        priority: 0 to 9, 9 first.
        handlers: The only ones that are told; null: all.
        created_at: When it was asked for.
        updated_at: When it last changed.
        submitted_at: When RunningHub had its current attempt.
        ended_at: When it ended.
        queue_position: Its place among the queued jobs of its tenant, from 1; tenants take turns.
        waits_for: Jobs whose outputs it needs before it stands in the queue.
        tenant: Whose it is.
        group: The set that it belongs to.
        outputs: What it made.
        error: Why it failed, or is unconfirmed.
        cost: What all its attempts were charged together.
        risk: It may have been paid for twice.
        settled_by: How its end was learnt: callback, resend, detail, query, submit, user.
        attempts: Every paid submit of it.
        parent: The job that it grew from.
        root: The first of those, itself where there is none.
        progress: Of one that runs; lists leave it out.
        price: What its current attempt is expected to cost; lists leave it out.
        bills: What of each attempt is known of its money; lists leave it out.
        why_waiting: What a queued one waits for but those before it; lists leave it out.
    """

    id: JobName
    model: str
    state: StateName
    ref: str | None
    input: dict[str, Any]
    options: dict[str, Any]
    metadata: dict[str, Any]
    priority: int
    handlers: list[str] | None
    created_at: When
    updated_at: When
    submitted_at: When | None
    ended_at: When | None
    queue_position: int | None
    waits_for: list[str]
    tenant: str
    group: str | None
    outputs: list[OutputView]
    error: ErrorView | None
    cost: CostView | None
    risk: bool
    settled_by: str | None
    attempts: list[AttemptView]
    parent: str | None
    root: str
    why_waiting: NotRequired[str | None]
    progress: NotRequired[ProgressView | None]
    price: NotRequired[ExpectedView | None]
    bills: NotRequired[list[BillView]]


class TimelineView(TypedDict):
    """Something that happened to a job; what else is known of it stands beside these members.

    Attributes:
        at: When.
        what: In words.
    """

    at: NotRequired[When]
    what: str


class ForgottenView(TypedDict):
    """What was forgotten.

    Attributes:
        forgotten: How many jobs went by this very call.
    """

    forgotten: int


class BudgetView(TypedDict):
    """How a budget stands today.

    Attributes:
        tenant: Whose; null: everybody's together.
        limit: The most that the day may cost.
        held: What it has cost, and what is under way may still cost.
        left: What it has room for.
        ends_at: When the day ends.
    """

    tenant: str | None
    limit: Amount
    held: Amount
    left: Amount
    ends_at: When


class RoomView(BudgetView):
    """Whether a budget has room for a job now.

    Attributes:
        tenant: Whose; null: everybody's together.
        limit: The most that the day may cost.
        held: What it has cost, and what is under way may still cost.
        left: What it has room for.
        ends_at: When the day ends.
        has_room: It has room for this job.
    """

    has_room: bool


class AccountView(TypedDict):
    """What the account has left and runs, by RunningHub's count.

    Attributes:
        type: NORMAL, SHARED or EXCLUSIVE.
        money: The wallet, in `currency`.
        currency: CNY or USD.
        coins: RH coins.
        limit: How many tasks it may run at once.
        running: How many it runs, those of the website included.
        queued: How many wait there.
        total: Both together.
        in_flight: How many runhook counts.
        budgets: Today's.
    """

    type: str | None
    money: Amount | None
    currency: str | None
    coins: Amount | None
    limit: int | None
    running: int | None
    queued: int | None
    total: int
    in_flight: int
    budgets: list[BudgetView]


class MissingView(TypedDict):
    """What one handler or subscriber did not hear.

    Attributes:
        opened: Deliveries that had never been made.
        redelivered: Dead ones that are delivered again.
        skipped: Those whose subscription is disabled, or that are under way.
        younger: Events that happened before it came, left out.
    """

    opened: int
    redelivered: int
    skipped: int
    younger: int


class RecoveredView(MissingView):
    """What was missing of a period, all together and by handler.

    Attributes:
        opened: Deliveries that had never been made.
        redelivered: Dead ones that are delivered again.
        skipped: Those whose subscription is disabled, or that are under way.
        younger: Events that happened before a handler came, left out.
        since: Start of the period.
        until: Its end.
        asked: Jobs that RunningHub is asked about, their callbacks missing.
        handlers: The same by handler.
        dry_run: It was only counted.
    """

    since: When
    until: When
    asked: int
    handlers: dict[str, MissingView]
    dry_run: bool
