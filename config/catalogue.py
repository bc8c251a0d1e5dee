"""The catalogue's schema: what a record of `config/models/` may say, and reading them all.

One record is one model: `POST /openapi/v2/<endpoint>` of the reference's Standard Model API.
`config/models/schema.json` is this schema for editors; `runhook.config.rebuild` writes both.
"""

import threading
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

# Each is a file of config/models.
KINDS = ("video", "image", "audio", "3d", "string")

Output = Literal["video", "image", "audio", "3d", "string"]
Scalar = str | int | float | bool
When = Mapping[str, Scalar]  # parameter, or `object.member`: the value it has


class Record(BaseModel):
    """Unknown members are an error: a misspelt one would change what is checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Param(Record):
    """One parameter of a model, as the reference states it."""

    name: str
    type: Literal[
        "string", "enum", "integer", "number", "boolean", "image", "video", "audio", "object"
    ]
    required: bool
    list: bool = False
    default: Scalar | None = None
    values: tuple[str, ...] = ()
    ignore_case: bool = False
    min: float | None = None
    max: float | None = None
    step: float | None = None
    max_length: int | None = None
    max_items: int | None = None
    accept: tuple[str, ...] = ()
    max_mb: float | None = None
    alias: str | None = None  # the node key that older pages show, for instance 53##image
    alias_values: Mapping[str, str] = {}  # the value: the index that those pages show for it
    fields: tuple[str, ...] = ()  # members of an object, as seen in public calls


class ExactlyOne(Record):
    """One of them, not none and not two."""

    kind: Literal["exactly_one"]
    params: tuple[str, ...]


class AtLeastOne(Record):
    """One of them or more."""

    kind: Literal["at_least_one"]
    params: tuple[str, ...]


class AtLeastOneWhen(Record):
    """One of them or more where another is given."""

    kind: Literal["at_least_one_when"]
    params: tuple[str, ...]
    when_present: str


class Needs(Record):
    """It means something only together with another."""

    kind: Literal["needs"]
    param: str
    requires: str


class RequiredWhen(Record):
    """It must be given in some cases."""

    kind: Literal["required_when"]
    param: str
    when: When


class IgnoredWhen(Record):
    """RunningHub takes no notice of it in some cases."""

    kind: Literal["ignored_when"]
    param: str
    when: When


class IgnoredWhenPresent(Record):
    """RunningHub takes no notice of it where another is given."""

    kind: Literal["ignored_when_present"]
    param: str
    with_param: str


class UsedWhen(Record):
    """They count in one case only."""

    kind: Literal["used_when"]
    params: tuple[str, ...]
    when: When


class NotTogether(Record):
    """These values, or these parameters in one case, exclude each other."""

    kind: Literal["not_together"]
    params: tuple[str, ...] = ()
    when: When = {}


class Overrides(Record):
    """Where it is given, others count for nothing."""

    kind: Literal["overrides"]
    param: str
    over: tuple[str, ...]


class MaxTotal(Record):
    """So many items in all of them together."""

    kind: Literal["max_total"]
    params: tuple[str, ...]
    max: int


class MaxItemsWhen(Record):
    """So many items with another parameter, so many without."""

    kind: Literal["max_items_when"]
    param: str
    with_param: str
    max_with: int
    max_without: int


class MediaSeconds(Record):
    """How long a video or sound may be. `max_when`: "parameter=value" and the seconds then."""

    kind: Literal["media_seconds"]
    param: str
    each_min: float | None = None
    each_max: float | None = None
    total_max: float | None = None
    used_seconds: float | None = None
    max_when: Mapping[str, float] = {}


class ImageSizeOneOf(Record):
    """An image of one of these sizes in pixels, "<width>x<height>"."""

    kind: Literal["image_size_one_of"]
    param: str
    sizes: tuple[str, ...]


class PixelArea(Record):
    """How many pixels two parameters may span, and in which ratio, "<width>:<height>"."""

    kind: Literal["pixel_area"]
    params: tuple[str, str]
    min: int
    max: int
    ratio_min: str
    ratio_max: str
    each_min: int
    each_max: int


class Format(Record):
    """How a text must look."""

    kind: Literal["format"]
    param: str
    min_length: int = 0
    starts_with: Literal["letter"] | None = None
    contains: tuple[Literal["letters", "digits"], ...] = ()
    unique: bool = False


class ValueMeaning(Record):
    """What one value means; nothing to check."""

    kind: Literal["value_meaning"]
    param: str
    value: str
    means: str


Rule = Annotated[
    ExactlyOne
    | AtLeastOne
    | AtLeastOneWhen
    | Needs
    | RequiredWhen
    | IgnoredWhen
    | IgnoredWhenPresent
    | UsedWhen
    | NotTogether
    | Overrides
    | MaxTotal
    | MaxItemsWhen
    | MediaSeconds
    | ImageSizeOneOf
    | PixelArea
    | Format
    | ValueMeaning,
    Field(discriminator="kind"),
]


class Price(Record):
    """What a model cost when its facts were gathered; RunningHub may have changed it since.

    Attributes:
        price: For one unit; or `table`, whose keys are the values of the parameters in `by`,
            joined with |.
        per: A parameter whose whole number multiplies it.
        at_least: A lowest price, not the whole rule.
    """

    currency: str
    unit: Literal["call", "second", "image", "1000_characters", "5_seconds"] | None = None
    price: Decimal | None = None
    by: tuple[str, ...] = ()
    table: Mapping[str, Decimal] = {}
    per: str | None = None
    at_least: bool = False
    text: str | None = None


class Model(Record):
    """One model.

    Attributes:
        listed: It is in the reference's table of contents; others the provider serves besides.
        deprecated: Withdrawn, or the second of two that share a name.
        price: None where no price is known.
    """

    name: str
    endpoint: str
    output: Output
    group: str
    listed: bool = True
    deprecated: bool = False
    params: tuple[Param, ...]
    rules: tuple[Rule, ...] = ()
    price: Price | None = None


RECORDS = TypeAdapter(tuple[Model, ...])  # one adapter: building it costs more than reading a file


_reading = threading.Lock()


def models() -> tuple[Model, ...]:
    """All records, within each kind of output in the reference's order."""
    # One thread reads them, and the others wait: all at once took 5 MB each that nobody gave back.
    with _reading:
        return _read()


@cache
def _read() -> tuple[Model, ...]:
    folder = files("runhook.config").joinpath("models")
    texts = [folder.joinpath(f"{kind}.json").read_bytes() for kind in KINDS]
    return tuple(model for text in texts for model in RECORDS.validate_json(text))
