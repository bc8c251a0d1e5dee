"""Reading what a user sent: into a value, or into a fault for each thing wrong with it. Pure.

Every body and every query is a `Body` with a field for each member; `read` is the one way in.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, TypeVar

import orjson
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from runhook.config.callers import NAME
from runhook.worker.domain.faults import nearest
from runhook.worker.domain.jobs import JOB_ID, is_job_id
from runhook.worker.domain.nested import BEYOND, SMALLEST, strings
from runhook.worker.domain.times import AGO, moment_of
from runhook.worker.errors import MOST_FAULTS, Fault, InvalidRequest

# Levels of lists and objects in a member of a request. What is kept is wrapped in a few more, and
# everybody who reads or writes it must manage: pydantic reads 200 levels, orjson writes 254.
DEEPEST = 64
NESTING = (dict, list, tuple)  # what has values inside, of JSON and in Python's own calls
LONGEST_KEY = 255  # characters; more than any id that people make idempotency keys of
# Commas of a request: one for each value, and a file as base64 has one. Reading ten million values
# takes seconds in which the whole process stands still; a million take a tenth of one.
MOST_COMMAS = 1_000_000

# So many digits in a row may be a whole number of more than 64 bits, which is read as the float
# next to it: an id of metadata would come back as another one.
MANY_DIGITS = re.compile(rb"[0-9]{19}")
MOST_DIGITS = len(str(SMALLEST))  # with its sign
TOO_LONG = "is a whole number of more than 64 bits; send it as a string, which stays as it is"
# What pydantic finds, in words that tell the caller what to send. Every other kind keeps pydantic's
# own message.
SENTENCES = {
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}
REFUSED = "refused"  # the kind of what our own validators find; it says its fault itself


class Body(BaseModel):
    """What a request may say; one class a request. Types are strict: no "5" is taken for 5.

    A field's `description` finishes the sentence "is required: …".

    Attributes:
        member: What each field is, for the sentence about one that there is not.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    member: ClassVar[str] = "a field of this request"


Model = TypeVar("Model", bound=Body)


def read(model: type[Model], given: Mapping[str, Any], **facts: object) -> Model:
    """What was sent, as the value that it means.

    Args:
        model: What the request may say.
        given: Its JSON object, or the parameters of its query.
        facts: What the model's validators go by besides: `now` for a `Moment`.

    Raises:
        InvalidRequest: With every fault, each with what is allowed and the nearest name.
    """
    try:
        return model.model_validate(given, context=facts)
    except ValidationError as error:
        raise InvalidRequest(faults_of(model, error)) from None


def faults_of(model: type[Body], error: ValidationError) -> list[Fault]:
    """What pydantic found, as faults; members that there are not come first."""
    found = error.errors(include_url=False, include_input=False)
    unknown = [path_of(one["loc"]) for one in found if one["type"] == "extra_forbidden"]
    wrong = [one for one in found if one["type"] != "extra_forbidden"]
    return [*_unknown(model, unknown), *(_fault(model, one) for one in wrong)]


def _unknown(model: type[Body], names: Sequence[str]) -> list[Fault]:
    known = tuple(field.alias or name for name, field in model.model_fields.items())
    text = f"is not {model.member}; there is none"
    if known:
        text = f"is not {model.member}; expected one of {', '.join(known)}"
    # The nearest is looked for only as far as faults are listed: finding it takes long.
    listed = [
        Fault(path=name, message=text, allowed=known, nearest=_first_near(name, known))
        for name in names[:MOST_FAULTS]
    ]
    return [
        *listed,
        *(Fault(path=name, message=text, allowed=known) for name in names[MOST_FAULTS:]),
    ]


def _fault(model: type[Body], found: ErrorDetails) -> Fault:
    path, context = path_of(found["loc"]), found.get("ctx", {})
    match found["type"]:
        case "missing":
            meant = model.model_fields[path].description
            return Fault(path=path, message=": ".join(filter(None, ("is required", meant))))
        case kind if kind == REFUSED:
            return Fault(path=path, **context)
        case kind if kind in SENTENCES:
            return Fault(path=path, message=SENTENCES[kind].format_map(context))
    return Fault(path=path, message=found["msg"])


def path_of(loc: tuple[int | str, ...]) -> str:
    """Where in a request, as every fault says it: `handlers[1]`; empty: the whole of it."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}"
    return path.removeprefix(".")


def refused(
    message: str, allowed: Sequence[str] = (), *, nearest: str | None = None
) -> PydanticCustomError:
    """What a validator raises to be told as this fault."""
    told = {"message": message, "allowed": tuple(allowed), "nearest": nearest}
    return PydanticCustomError(REFUSED, "{message}", told)


def shaped(check: Callable[..., object], schema: Mapping[str, Any]) -> BeforeValidator:
    """What judges a field, with what it takes as JSON Schema, for documents."""
    return BeforeValidator(check, json_schema_input_type=Annotated[Any, WithJsonSchema({**schema})])


def one_of(allowed: Sequence[str]) -> BeforeValidator:
    """A field that takes one of these words."""

    def check(value: object) -> object:
        if value in allowed:
            return value
        near = _first_near(str(value), allowed)
        raise refused(f"must be one of {', '.join(allowed)}", allowed, nearest=near)

    return shaped(check, {"type": "string", "enum": [*allowed]})


def some_of(allowed: Sequence[str]) -> BeforeValidator:
    """A field that takes some of these words, with commas between them; each counts once."""

    def check(value: object) -> object:
        words = tuple(dict.fromkeys(str(value).split(",")))
        for word in words:
            if word not in allowed:
                near = _first_near(word, allowed)
                text = f"must be some of {', '.join(allowed)}, with commas between them"
                raise refused(text, allowed, nearest=near)
        return words

    return shaped(check, some_words(allowed))


def some_words(allowed: Sequence[str]) -> dict[str, Any]:
    """The JSON Schema of some of these words; a query has commas between them."""
    word = {"type": "string", "enum": [*allowed]}
    return {"type": "array", "items": word, "minItems": 1}


def fits(is_one: Callable[[str], bool], otherwise: str, pattern: str = "") -> BeforeValidator:
    """A field that takes the strings for which this holds.

    Args:
        is_one: What holds for them.
        otherwise: What any other must be.
        pattern: What they look like, for documents.
    """
    schema = {"type": "string"}
    if pattern:
        schema["pattern"] = f"^(?:{pattern})$"

    def check(value: object) -> object:
        if isinstance(value, str) and is_one(value):
            return value
        raise refused(otherwise)

    return shaped(check, schema)


def fact(info: ValidationInfo, name: str) -> Any:
    """What `read` was told besides the request."""
    return (info.context or {})[name]


def _first_near(word: str, known: Sequence[str]) -> str | None:
    return next(iter(nearest(word, known)), None)


def _moment(value: object, info: ValidationInfo) -> datetime:
    try:
        return moment_of(value, fact(info, "now"))
    except ValueError:
        raise refused("must be a time as 2026-11-22T10:00:00Z, or 30m, 2h, 1d ago") from None


A_MOMENT = {
    "type": "string",
    "pattern": rf"^({AGO.pattern}|(19[7-9]\d|2\d{{3}})"
    r"-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(T.+)?)$",
    "examples": ["2026-11-22T10:00:00Z", "2h"],
}
# A moment as users write it. Whoever reads a model with one says what time it is: `now`.
Moment = Annotated[datetime, shaped(_moment, A_MOMENT)]
_A_NAME = fits(
    lambda name: NAME.fullmatch(name) is not None,
    "must be 1 to 100 letters, digits and _.-",
    NAME.pattern,
)
Tenant = Annotated[str, _A_NAME]  # whose a job is
Group = Annotated[str, _A_NAME]  # a set of a tenant's jobs
# What models are looked for by: a name, a glob, words of one; the longest name has 89 characters.
ModelWord = Annotated[str, Field(max_length=300)]
# A handler's name, or a subscription's id; no delivery has a longer one.
ReceiverName = Annotated[str, Field(max_length=100)]
# Any other string would be looked up as another row of Redis is.
JobId = Annotated[str, fits(is_job_id, "must be a job's id, as job_…", JOB_ID.pattern)]


def key_fault(key: object, path: str) -> Fault | None:
    """What is wrong with an idempotency key; None when it is good."""
    if (
        isinstance(key, str)
        and key.isprintable()
        and key == key.strip()  # a header loses the blanks at its ends, and two keys would be one
        and 0 < len(key) <= LONGEST_KEY
    ):
        return None
    text = f"must be a string of 1 to {LONGEST_KEY} printable characters, with no blank at its ends"
    return Fault(path=path, message=text)


def json_object(text: bytes, what: str = "the body") -> dict[str, Any]:
    """What a user sent, as an object.

    Args:
        text: As it came.
        what: What it is called in the refusal.

    Raises:
        InvalidRequest: It is none, has more values than are read, or nests too deep.
    """
    if text.count(b",") > MOST_COMMAS:
        raise InvalidRequest(
            [Fault(path="", message=f"{what} has more than {MOST_COMMAS} commas; send less")]
        )
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest([Fault(path="", message=f"{what} is not JSON: {error}")]) from None
    if not isinstance(given, dict):
        raise InvalidRequest([Fault(path="", message=f"{what} must be a JSON object")])
    if faults := too_deep(given) or too_long(text):
        raise InvalidRequest(faults)
    return given


def too_long(text: bytes) -> list[Fault]:
    """A fault for each whole number that would not be kept as it is written."""
    if not MANY_DIGITS.search(text):
        return []
    beyond = "".join(("too", "long"))  # itself, whatever strings there are besides

    def number(digits: str) -> int | str:
        if len(digits) <= MOST_DIGITS and SMALLEST <= int(digits) < BEYOND:
            return 0
        return beyond

    exact = strings(json.loads(text, parse_int=number))
    return [Fault(path=path_of(path), message=TOO_LONG) for path, one in exact if one is beyond]


def too_deep(given: Mapping[str, Any]) -> list[Fault]:
    """A fault for each member that nests deeper than can be kept."""
    text = f"nests deeper than {DEEPEST} levels, which is the most that is kept"
    return [
        Fault(path=name, message=text)
        for name, value in given.items()
        if isinstance(value, NESTING) and _deeper(value, DEEPEST)
    ]


def _deeper(value: Any, limit: int) -> bool:
    """Whether lists and objects stand in each other more often; level by level, so of any depth."""
    level = [value]
    for _ in range(limit):
        level = [one for outer in level for one in _inside(outer) if isinstance(one, NESTING)]
        if not level:
            return False
    return True


def _inside(nests: Mapping[str, Any] | Sequence[Any]) -> Iterable[Any]:
    if isinstance(nests, dict):
        return nests.values()
    return nests
