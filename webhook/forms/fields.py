"""The fields of a form: what each is called, which control it has, what stands in it. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from runhook.config.catalogue import Param, Rule
from runhook.webhook.forms.texts import initial
from runhook.worker.catalogue import describe, rule_words
from runhook.worker.catalogue.values import MEDIA

# `line`, `text`: a text of one line, of several. `number`: a line for a number. `choice`: one of
# some values, `choices`: any of them. `file`, `files`: an address each line, and files of this
# machine. `lines`: a text each line. `json`: what no other control can say. `secret`: a password.
Control = Literal[
    "line", "text", "number", "choice", "choices", "file", "files", "lines", "json", "secret"
]
LONG = 300  # characters above which a string gets several lines
# Strings that are written in sentences, whatever the catalogue says of their length.
PROSE = re.compile(r"prompt|lyrics|description|\btext$", re.IGNORECASE)
NO_ID = re.compile(r"[^A-Za-z0-9]+")  # what an element's id is spared
# The control of each type but text, and of lists.
ONE: dict[str, Control] = {
    "enum": "choice",
    "boolean": "choice",
    "integer": "number",
    "number": "number",
    "object": "json",
    **dict.fromkeys(MEDIA, "file"),
}
SEVERAL: dict[str, Control] = {
    "enum": "choices",
    "string": "lines",
    **dict.fromkeys(MEDIA, "files"),
}
WAYS = "an https URL, asset:<id> or output:<job id>/<n>"
# What a control takes, where the parameter's own words would not tell how it is written.
TAKES = {
    "file": f"A file of yours, or {WAYS}",
    "files": f"Files of yours, or {WAYS} each line",
    "lines": "One each line",
    "json": "As JSON",
}
BOOLEANS = ("true", "false")
NOT_SET = "not set"
SOUNDS = {"true": "on", "false": "off", "": NOT_SET}  # what such a value is called


@dataclass(frozen=True)
class Choice:
    """One value that may be chosen."""

    value: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field.

    Attributes:
        name: Under which it is posted, and by which faults call it: `input.duration`.
        label: What people call it.
        control: How it is filled in.
        texts: What stands in it; of a `choices` field every value that is ticked.
        choices: The values that may be chosen.
        hint: What it takes, and what it means for others.
        required: Whether it must be filled in.
        accept: Which files are offered, as HTML has it.
    """

    name: str
    label: str
    control: Control
    texts: Sequence[str] = ()
    choices: Sequence[Choice] = ()
    hint: Sequence[str] = ()
    required: bool = False
    accept: str = ""

    @property
    def id(self) -> str:
        """Of its element."""
        return f"f-{NO_ID.sub('-', self.name)}"

    @property
    def text(self) -> str:
        """What stands in it, where that is one text."""
        return next(iter(self.texts), "")


def field_of(
    param: Param,
    texts: Sequence[str] | None = None,
    *,
    inside: str = "input",
    notes: Sequence[str] = (),
) -> Field:
    """The field of a parameter.

    Args:
        param: Which.
        texts: What stands in it; None: its default.
        inside: The member of a job that it is in.
        notes: What is said of it besides what it takes.
    """
    if texts is None:
        texts = initial(param)
    control = control_of(param, texts)
    if not param.list and param.type == "enum":
        texts = [_spelt(param, text) for text in texts]
    return Field(
        name=f"{inside}.{param.name}",
        label=param.name,
        control=control,
        texts=tuple(texts),
        choices=_choices(param, texts),
        hint=_hint(param, control, notes),
        required=param.required,
        accept=_accept(param),
    )


def control_of(param: Param, texts: Sequence[str] = ()) -> Control:
    """How a parameter is filled in, with these texts in it."""
    if param.list and param.type in SEVERAL:
        return SEVERAL[param.type]
    if param.type != "string":
        return ONE[param.type]
    # A line cannot hold the line ends of a text that is there already.
    if (param.max_length or 0) > LONG or PROSE.search(param.name) or "\n" in "".join(texts):
        return "text"
    return "line"


def _choices(param: Param, texts: Sequence[str]) -> tuple[Choice, ...]:
    if param.type not in ("enum", "boolean"):
        return ()
    values = list(param.values or BOOLEANS)
    # What stands there is shown although it is wrong: the check says so, and nothing changes by
    # itself.
    values += [text for text in texts if text and _spelt(param, text) not in values]
    if param.default is None and not param.list:
        values.insert(0, "")
    return tuple(Choice(value, _label(param, value)) for value in dict.fromkeys(values))


def _label(param: Param, value: str) -> str:
    if param.type == "boolean" or not value:
        return SOUNDS.get(value, value)
    return value


def _spelt(param: Param, text: str) -> str:
    """A value as the catalogue spells it, where its case says nothing."""
    if not param.ignore_case:
        return text
    return next((one for one in param.values if one.casefold() == text.casefold()), text)


def _hint(param: Param, control: Control, notes: Sequence[str]) -> tuple[str, ...]:
    match control:
        case "choice" | "choices":
            return tuple(notes)  # what it takes is to be seen
        case "file" | "files":
            return (TAKES[control] + _kinds(param), *notes)
        case "lines" | "json":
            return (TAKES[control], describe(param), *notes)
    return (describe(param), *notes)


def _kinds(param: Param) -> str:
    parts = [*param.accept]
    if param.max_items:
        parts.append(f"at most {param.max_items}")
    if param.max_mb:
        parts.append(f"up to {param.max_mb:g} MB")
    if not parts:
        return ""
    return f" ({', '.join(parts)})"


def _accept(param: Param) -> str:
    if param.type not in MEDIA:
        return ""
    return ",".join([f".{ext}" for ext in param.accept] or [f"{param.type}/*"])


def notes_of(rules: Iterable[Rule]) -> dict[str, list[str]]:
    """Each rule's sentence, by the first parameter that it speaks of."""
    found: dict[str, list[str]] = {}
    for rule in rules:
        named = getattr(rule, "param", None) or next(iter(getattr(rule, "params", ())), "")
        found.setdefault(named, []).append(rule_words(rule))
    return found
