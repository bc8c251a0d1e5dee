"""What users are told of a model, a kept file and a checked job, member by member. Pure."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from runhook.config.catalogue import Output, Scalar
from runhook.worker.domain.answers import Amount, RoomView, When


class ParamView(TypedDict):
    """One parameter of a model. What is not here the reference does not say.

    Attributes:
        name: Its own.
        type: What its value is; of a list, each item's.
        required: A job without it is refused, unless it has a default.
        default: What a job without it gets.
        values: The only ones that it takes.
        min: The least that it may be.
        max: The most that it may be.
        list: It takes a list.
        ignore_case: Capitals do not matter.
        step: Numbers are a multiple of it.
        max_length: Characters.
        max_items: Items of a list.
        accept: Endings of files that it takes.
        max_mb: The largest file.
        alias: What older pages of RunningHub call it.
        alias_values: What those pages call its values.
        fields: Members of an object.
    """

    name: str
    type: str
    required: bool
    default: Scalar | None
    values: list[str] | None
    min: float | None
    max: float | None
    list: NotRequired[bool]
    ignore_case: NotRequired[bool]
    step: NotRequired[float]
    max_length: NotRequired[int]
    max_items: NotRequired[int]
    accept: "NotRequired[list[str]]"
    max_mb: NotRequired[float]
    alias: NotRequired[str]
    alias_values: NotRequired[dict[str, str]]
    fields: "NotRequired[list[str]]"


class RuleView(TypedDict):
    """A rule between parameters; what else it has depends on its kind.

    Attributes:
        kind: Which kind.
        text: The same as a sentence.
    """

    kind: str
    text: str


class PriceView(TypedDict):
    """What a model cost when its facts were gathered.

    Attributes:
        currency: CNY or USD.
        unit: What `price` is for.
        price: For one unit.
        by: The parameters by whose values `table` has prices.
        table: Those, the values joined with |.
        per: A parameter whose whole number multiplies it.
        at_least: It is the lowest price, not the whole rule.
        text: The same in words.
    """

    currency: str
    unit: NotRequired[Literal["call", "second", "image", "1000_characters", "5_seconds"]]
    price: NotRequired[Amount]
    by: NotRequired[list[str]]
    table: NotRequired[dict[str, Amount]]
    per: NotRequired[str]
    at_least: NotRequired[bool]
    text: str


class SiblingView(TypedDict):
    """The same model as it is sold otherwise.

    Attributes:
        endpoint: Its endpoint.
        name: Its name.
        price: What it costs.
        lacks: Parameters that it does not take.
        needs: Parameters that it requires besides.
    """

    endpoint: str
    name: str
    price: PriceView | None
    lacks: list[str]
    needs: list[str]


class ModelView(TypedDict):
    """A model, and what each of its parameters takes.

    Attributes:
        name: The reference's.
        endpoint: What it is called by, surely.
        output: What it makes.
        group: Where the reference lists it.
        listed: The reference lists it.
        deprecated: Withdrawn, or the second of two that share a name.
        params: Its parameters.
        rules: Between them.
        price: What it costs; null: unknown.
        siblings: The same model as it is sold otherwise.
    """

    name: str
    endpoint: str
    output: Output
    group: str
    listed: bool
    deprecated: bool
    params: list[ParamView]
    rules: list[RuleView]
    price: PriceView | None
    siblings: list[SiblingView]


class QuoteView(TypedDict):
    """The price of one input by the catalogue's facts.

    Attributes:
        money: In `currency`; null: the facts do not tell.
        currency: CNY or USD.
        at_least: It may be more.
        text: The rule in words.
    """

    money: Amount | None
    currency: str
    at_least: bool
    text: str


class LivePriceView(TypedDict):
    """RunningHub's own price now.

    Attributes:
        money: In `currency`.
        currency: CNY or USD; null: it does not say.
    """

    money: Amount
    currency: str | None


# `from` is no name of a class's member.
SpanView = TypedDict(
    "SpanView", {"from": Amount | None, "to": Amount | None, "currency": str | None}
)


class FallbackView(TypedDict):
    """Another model that the job may go on with.

    Attributes:
        model: Its endpoint.
        input: What it would be sent.
        price: What that costs.
    """

    model: str
    input: dict[str, Any]
    price: QuoteView | None


class DryRunView(TypedDict):
    """A checked job, its input completed, and what it would cost. Nothing is kept.

    Attributes:
        model: Its endpoint.
        input: With every default filled in.
        price: By the catalogue's facts.
        live_price: RunningHub's own price now, where it tells; of a batch the first lines alone.
        fallback: The models that it may go on with.
        price_range: From what to what, with all that it may be paid for.
        budgets: Those that it would have to fit into; of a batch, behind the lines before it.
    """

    model: str
    input: dict[str, Any]
    price: QuoteView | None
    live_price: LivePriceView | None
    fallback: list[FallbackView]
    price_range: SpanView | None
    budgets: NotRequired[list[RoomView]]


class AssetView(TypedDict):
    """A kept file.

    Attributes:
        id: Its own.
        value: What inputs name it by.
        name: What whoever kept it first called it; its id and ending where that is another tenant.
        kind: image, video, audio or file, as its content says.
        type: The ending that its content deserves.
        size: Bytes.
        seconds: How long a video or sound is.
        width: Pixels.
        height: Pixels.
        created_at: When it was first kept.
    """

    id: str
    value: str
    name: str
    kind: str
    type: str
    size: int
    seconds: float | None
    width: int | None
    height: int | None
    created_at: When
