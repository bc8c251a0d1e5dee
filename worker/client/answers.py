"""What runhook answers users' code with besides jobs: immutable values, read from /v1's JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from runhook.worker.client.errors import RunhookError, not_runhook
from runhook.worker.client.jobs import Job, Moment

Kind = TypeVar("Kind")


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A kept file; as a media value of a job it names itself.

    Attributes:
        id: Made of its content, so the same file is kept once.
        name: What it was called.
        kind: image, video, audio, or another; None: it could not be told.
        type: Its ending, by its content where that tells it.
        size: Bytes.
        seconds: How long it plays.
        width: Pixels.
        height: Pixels.
        created_at: When it was kept.
        document: The whole of /v1's JSON.
    """

    id: str
    name: str = ""
    kind: str | None = None
    type: str | None = None
    size: int | None = None
    seconds: float | None = None
    width: int | None = None
    height: int | None = None
    created_at: Moment | None = None

    def __str__(self) -> str:
        return f"asset:{self.id}"

    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a job costs by one source.

    Attributes:
        money: The amount; None: the facts do not tell it.
        currency: Its currency; None: it is not known.
        at_least: It may cost more.
        text: What it depends on, in words.
    """

    money: Decimal | None = None
    currency: str | None = None
    at_least: bool = False
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class PriceRange:
    """From what to what a job costs, with all that it may be paid for.

    Attributes:
        low: When its cheapest model makes it at once; None where a price is not known.
        high: When every attempt that it allows is charged; None where that has no known end.
        currency: Of both.
    """

    low: Decimal | None
    high: Decimal | None
    currency: str | None = None


@dataclass(frozen=True)
class Fallback:
    """Another model that a job goes on with where the one before fails, and what it costs there."""

    model: str
    input: Mapping[str, Any]
    price: Price | None = None


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A job that would be accepted, and what it would cost. Nothing was kept.

    Attributes:
        model: Its endpoint.
        input: With every default filled in.
        price: By the catalogue's facts.
        live_price: RunningHub's own price now, where it tells one.
        fallback: The models that it goes on with, in order.
        price_range: What all of that may cost; None: no price is known.
        budgets: Those of today that it must fit into, each with `left` and whether it `has_room`.
        document: The whole of /v1's JSON.
    """

    model: str
    input: Mapping[str, Any]
    price: Price | None = None
    live_price: Price | None = None
    fallback: tuple[Fallback, ...] = ()
    price_range: PriceRange | None = None
    budgets: tuple[Mapping[str, Any], ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def money(self) -> Decimal | None:
        """The price that counts: RunningHub's own, else the catalogue's; None: nobody knows."""
        known = [one.money for one in (self.live_price, self.price) if one is not None]
        return next((money for money in known if money is not None), None)


@dataclass(frozen=True, kw_only=True)
class Line:
    """What became of one job of a batch: one of `job`, `error` and, of a dry run, `checked`.

    Attributes:
        line: Which, from 1.
        name: What it calls itself, `as`; None: nothing.
        job: The job it made, or made before.
        new: Whether it was made now.
        checked: What it would be.
        error: Why there is neither.
        document: The whole of /v1's JSON.
    """

    line: int
    name: str | None = None
    job: Job | None = None
    new: bool = False
    checked: Checked | None = None
    error: RunhookError | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Group:
    """How a set of jobs stands.

    Attributes:
        name: Its name.
        tenant: Whose it is.
        jobs: How many were made of it, also those that are not kept any more.
        size: How many it is to have; None: nobody said.
        closed: It takes no more jobs.
        ended_at: When all of them had ended; None: not yet.
        states: How many of its jobs are in each state.
        document: The whole of /v1's JSON.
    """

    name: str
    tenant: str
    jobs: int
    size: int | None = None
    closed: bool = False
    ended_at: Moment | None = None
    states: Mapping[str, int] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Param:
    """One parameter of a model.

    Attributes:
        name: In a job's input.
        type: string, integer, number, boolean, image, video, audio, object.
        required: It has no default and may not be left out.
        default: What it is when it is left out.
        values: The words that it takes; None: any.
        min: The least it may be, or the fewest characters.
        max: The most.
        document: The rest that the reference says of it.
    """

    name: str
    type: str
    required: bool = False
    default: Any = None
    values: tuple[Any, ...] | None = None
    min: float | None = None
    max: float | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Model:
    """What RunningHub sells under one endpoint.

    Attributes:
        name: The reference's.
        endpoint: What jobs name it by.
        output: image, video, audio, 3d or string.
        group: Whose it is.
        deprecated: Another one takes its place.
        params: What it takes.
        rules: What holds between parameters, each with its `text`.
        price: What it costs, with its `text`.
        siblings: The same as sold otherwise: `endpoint`, `price`, what it `lacks` and `needs`.
        document: The whole of /v1's JSON.
    """

    name: str
    endpoint: str
    output: str
    group: str = ""
    deprecated: bool = False
    params: tuple[Param, ...] = ()
    rules: tuple[Mapping[str, Any], ...] = ()
    price: Mapping[str, Any] | None = None
    siblings: tuple[Mapping[str, Any], ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Account:
    """What the account has, and what is in flight.

    Attributes:
        type: NORMAL, SHARED or EXCLUSIVE.
        money: The wallet, in `currency`.
        currency: Its currency.
        coins: RH coins left.
        limit: How many tasks may run at once.
        running: How many run there.
        queued: How many wait there.
        total: Both.
        in_flight: How many of them are ours.
        budgets: How today's stand: each `tenant`, `limit`, `held`, `left` and `ends_at`.
        document: The whole of /v1's JSON.
    """

    type: str | None = None
    money: Decimal | None = None
    currency: str | None = None
    coins: Decimal | None = None
    limit: int | None = None
    running: int | None = None
    queued: int | None = None
    total: int | None = None
    in_flight: int = 0
    budgets: tuple[Mapping[str, Any], ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Queue:
    """How the queue stands.

    Attributes:
        length: How many jobs stand in it.
        in_flight: How many RunningHub has.
        limit: The most that it may have at once.
        paused: Nothing is sent until it is let go on.
        why: Why nothing is sent now; None: the next job goes in its turn.
        tenant_limit: How many of one tenant RunningHub may have; None: as many as of all.
        by_tenant: Those with the most jobs: each `tenant`, `queued`, `in_flight`, `at_limit`.
        document: The whole of /v1's JSON.
    """

    length: int
    in_flight: int
    limit: int | None = None
    paused: bool = False
    why: str | None = None
    tenant_limit: int | None = None
    by_tenant: tuple[Mapping[str, Any], ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class CostSum:
    """What some jobs cost together; of two currencies there are two sums.

    Attributes:
        group: What they have in common: their day, model, tenant or metadata, as was asked for.
        money: In `currency`.
        currency: Its currency, where RunningHub said it.
        coins: RH coins.
        seconds: Run time that was billed.
        jobs: How many there are.
        attempts: How many were paid for.
        at_risk: What is unproved: how many `attempts`, and their `money`.
        others: They are of values that are not told apart any more.
    """

    group: Mapping[str, Any] = field(default_factory=dict)
    money: Decimal | None = None
    currency: str | None = None
    coins: Decimal | None = None
    seconds: Decimal | None = None
    jobs: int = 0
    attempts: int = 0
    at_risk: Mapping[str, Any] = field(default_factory=dict)
    others: bool = False


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What days cost.

    Attributes:
        since: The first day.
        until: The last.
        by: What the sums are parted by.
        items: Those.
        totals: All of them together.
        budgets: How today's stand: each `tenant`, `limit`, `held`, `left` and `ends_at`.
        document: The whole of /v1's JSON.
    """

    since: date
    until: date
    by: tuple[str, ...]
    items: tuple[CostSum, ...] = ()
    totals: tuple[CostSum, ...] = ()
    budgets: tuple[Mapping[str, Any], ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


def read(kind: type[Kind], document: Mapping[str, Any]) -> Kind:
    """An answer of that kind from its JSON, which it keeps with what this version does not know."""
    wanted: Any = kind
    try:
        found: Kind = _adapter(wanted).validate_python({"document": document, **document})
    except ValidationError as wrong:
        raise not_runhook(kind, wrong) from None
    return found


def read_model(document: Mapping[str, Any]) -> Model:
    """A model from its JSON."""
    params = [one | {"document": one} for one in document["params"]]
    return read(Model, {**document, "params": params, "document": document})


def read_costs(document: Mapping[str, Any]) -> Costs:
    """The ledger from its JSON."""
    told, names = {**document, "document": document}, document["by"]
    items = [
        {**one, "group": {name: one[name] for name in names if name in one}}
        for one in document["items"]
    ]
    return read(Costs, {**told, "items": items})


def read_checked(document: Mapping[str, Any]) -> Checked:
    """A checked job from its JSON."""
    told = {**document, "document": document}
    if span := document.get("price_range"):
        told["price_range"] = {**span, "low": span["from"], "high": span["to"]}
    return read(Checked, told)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
