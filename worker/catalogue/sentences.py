"""Every kind of rule as a sentence, for messages and for whoever reads about a model."""

from collections.abc import Callable, Iterable
from typing import Any

from runhook.config.catalogue import (
    AtLeastOne,
    AtLeastOneWhen,
    ExactlyOne,
    Format,
    IgnoredWhen,
    IgnoredWhenPresent,
    ImageSizeOneOf,
    MaxItemsWhen,
    MaxTotal,
    MediaSeconds,
    Needs,
    NotTogether,
    Overrides,
    PixelArea,
    RequiredWhen,
    Rule,
    UsedWhen,
    ValueMeaning,
    When,
)


def rule_words(rule: Rule) -> str:
    """A rule as a sentence."""
    return SENTENCES[type(rule)](rule)


def written(value: Any) -> str:
    """A value as RunningHub writes it: true, not True."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _and(names: Iterable[str]) -> str:
    return " and ".join(names)


def _case(when: When) -> str:
    return _and(f"{name} is {written(value)}" for name, value in when.items())


def _not_together(rule: NotTogether) -> str:
    if not rule.params:
        return f"not {_case(rule.when)}"
    return f"{_and(rule.params)} exclude each other when {_case(rule.when)}"


def _media_seconds(rule: MediaSeconds) -> str:
    if rule.used_seconds is not None:
        return f"only the first {rule.used_seconds:g} s of {rule.param} are used"
    parts = []
    if rule.each_min is not None:
        parts.append(f"at least {rule.each_min:g} s")
    if rule.each_max is not None:
        parts.append(f"at most {rule.each_max:g} s")
    for case, seconds in rule.max_when.items():
        parts.append(f"at most {seconds:g} s when {case.replace('=', ' is ')}")
    if rule.total_max is not None:
        parts.append(f"at most {rule.total_max:g} s in all")
    return f"{rule.param} must be {', '.join(parts)} long"


def _format(rule: Format) -> str:
    parts = []
    if rule.min_length:
        parts.append(f"at least {rule.min_length} characters")
    if rule.starts_with:
        parts.append("a letter first")
    if rule.contains:
        parts.append(_and(rule.contains))
    text = f"{rule.param} must have {', '.join(parts)}"
    if rule.unique:
        return f"{text}; nobody may have used it before"
    return text


# One for each kind of rule that config/catalogue.py has; tests meet a missing one before users do.
SENTENCES: dict[type, Callable[[Any], str]] = {
    ExactlyOne: lambda r: f"exactly one of {_and(r.params)} is required",
    AtLeastOne: lambda r: f"at least one of {_and(r.params)} is required",
    AtLeastOneWhen: lambda r: (
        f"with {r.when_present}, at least one of {_and(r.params)} is required"
    ),
    Needs: lambda r: f"{r.param} is used only together with {r.requires}",
    RequiredWhen: lambda r: f"{r.param} is required when {_case(r.when)}",
    IgnoredWhen: lambda r: f"{r.param} is ignored when {_case(r.when)}",
    IgnoredWhenPresent: lambda r: f"{r.param} is ignored when {r.with_param} is given",
    UsedWhen: lambda r: f"{_and(r.params)} are used only when {_case(r.when)}",
    NotTogether: _not_together,
    Overrides: lambda r: f"{r.param} overrides {_and(r.over)}: give one or the other",
    MaxTotal: lambda r: f"{_and(r.params)} may have at most {r.max} items together",
    MaxItemsWhen: lambda r: (
        f"{r.param} may have at most {r.max_with} items with {r.with_param}, "
        f"{r.max_without} without"
    ),
    MediaSeconds: _media_seconds,
    ImageSizeOneOf: lambda r: f"{r.param} must have one of the sizes {', '.join(r.sizes)} pixels",
    PixelArea: lambda r: (
        f"{' x '.join(r.params)} must be from {r.min} to {r.max} pixels, each from {r.each_min} to "
        f"{r.each_max}, in a ratio from {r.ratio_min} to {r.ratio_max}"
    ),
    Format: _format,
    ValueMeaning: lambda r: f'{r.param} "{r.value}" means: {r.means}',
}
