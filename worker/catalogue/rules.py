"""What a model's parameters mean for each other: every kind of rule as a check.

A parameter that RunningHub would take no notice of is refused when it was written by hand with
another value than its default: who writes it wants it to count, and it would be paid for.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
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
    Model,
    Needs,
    NotTogether,
    Overrides,
    Param,
    PixelArea,
    RequiredWhen,
    UsedWhen,
    When,
)
from runhook.worker.catalogue.media import Media
from runhook.worker.catalogue.sentences import rule_words, written
from runhook.worker.errors import Fault

SECONDS_SLACK = 0.05  # a container rounds its length, and RunningHub measures by another reader
LONGEST_VALUE = 80  # characters of a wrong one that a message repeats


@dataclass(frozen=True, kw_only=True)
class Input:
    """An input under check.

    Attributes:
        model: Whose rules count.
        values: With every default filled in.
        written: What the user wrote, without defaults.
        media: What is known of assets and data URIs.
    """

    model: Model
    values: Mapping[str, Any]
    written: Mapping[str, Any]
    media: Mapping[str, Media]

    def has(self, name: str) -> bool:
        """Whether it is given, and not empty."""
        return self.values.get(name) not in (None, "", [], {})

    def holds(self, when: When) -> bool:
        """Whether all these parameters have these values, compared as RunningHub writes them."""
        return all(_same(self._at(name), value) for name, value in when.items())

    def meant(self, name: str) -> bool:
        """Whether the user wants it to count: written, and not its default."""
        param = self.param(name)
        return name in self.written and self.has(name) and self.written[name] != param.default

    def param(self, name: str) -> Param:
        """The parameter of that name."""
        return next(param for param in self.model.params if param.name == name)

    def count(self, name: str) -> int:
        """How many items it has."""
        value = self.values.get(name)
        if isinstance(value, list):
            return len(value)
        return int(self.has(name))

    def files(self, name: str) -> list[Media]:
        """What is known of its media."""
        items = self.values.get(name)
        if not isinstance(items, list):
            items = [items]
        return [self.media[item] for item in items if isinstance(item, str) and item in self.media]

    def _at(self, path: str) -> Any:
        name, _, member = path.partition(".")
        value = self.values.get(name)
        if member and isinstance(value, Mapping):
            return value.get(member)
        return value


def rule_faults(given: Input) -> list[Fault]:
    """Every rule of the model that the input breaks."""
    faults = []
    for rule in given.model.rules:
        check = CHECKS.get(type(rule), _only_explains)
        for path, what in check(rule, given):
            text = "; ".join(filter(None, (rule_words(rule), what)))
            faults.append(Fault(path=f"input.{path}", message=text))
    return faults


def relaxed(given: Input) -> set[str]:
    """Required parameters that need not be there, because RunningHub would ignore them."""
    rules = [rule for rule in given.model.rules if isinstance(rule, IgnoredWhen)]
    return {rule.param for rule in rules if given.holds(rule.when)}


Broken = Iterator[tuple[str, str]]  # the parameter that breaks the rule, and how it is with it


def _only_explains(_: object, __: Input) -> Broken:
    """A rule that says what a value means, and forbids nothing."""
    return iter(())


def _exactly_one(rule: ExactlyOne, given: Input) -> Broken:
    there = [name for name in rule.params if given.has(name)]
    if not there:
        yield rule.params[0], "none is given"
    elif len(there) > 1:
        yield rule.params[0], f"{' and '.join(there)} are given"


def _at_least_one(rule: AtLeastOne, given: Input) -> Broken:
    if not any(given.has(name) for name in rule.params):
        yield rule.params[0], "none is given"


def _at_least_one_when(rule: AtLeastOneWhen, given: Input) -> Broken:
    if given.has(rule.when_present) and not any(given.has(name) for name in rule.params):
        yield rule.params[0], "none is given"


def _needs(rule: Needs, given: Input) -> Broken:
    if given.meant(rule.param) and not given.has(rule.requires):
        yield rule.param, f"{rule.requires} is missing"


def _required_when(rule: RequiredWhen, given: Input) -> Broken:
    if given.holds(rule.when) and not given.has(rule.param):
        yield rule.param, "it is missing"


def _ignored_when(rule: IgnoredWhen, given: Input) -> Broken:
    # A required one must be written even where it is ignored, so writing it says nothing.
    if given.holds(rule.when) and given.meant(rule.param) and not given.param(rule.param).required:
        yield rule.param, "leave it out"


def _ignored_when_present(rule: IgnoredWhenPresent, given: Input) -> Broken:
    if given.has(rule.with_param) and given.meant(rule.param):
        yield rule.param, "leave it out"


def _used_when(rule: UsedWhen, given: Input) -> Broken:
    if not given.holds(rule.when):
        for name in rule.params:
            if given.meant(name):
                yield name, "leave it out"


def _not_together(rule: NotTogether, given: Input) -> Broken:
    if given.holds(rule.when) and all(given.has(name) for name in rule.params):
        yield next(iter((*rule.params, *rule.when))), ""


def _overrides(rule: Overrides, given: Input) -> Broken:
    if given.has(rule.param):
        for name in rule.over:
            if given.meant(name):
                yield name, f"{rule.param} is given too"


def _max_total(rule: MaxTotal, given: Input) -> Broken:
    total = sum(given.count(name) for name in rule.params)
    if total > rule.max:
        yield rule.params[0], f"there are {total}"


def _max_items_when(rule: MaxItemsWhen, given: Input) -> Broken:
    limit = rule.max_without
    if given.has(rule.with_param):
        limit = rule.max_with
    if given.count(rule.param) > limit:
        yield rule.param, f"there are {given.count(rule.param)}"


def _media_seconds(rule: MediaSeconds, given: Input) -> Broken:
    lengths = [file.seconds for file in given.files(rule.param) if file.seconds is not None]
    longest = min(_limits(rule, given), default=math.inf) + SECONDS_SLACK
    shortest = (rule.each_min or 0) - SECONDS_SLACK
    for seconds in lengths:
        if not shortest <= seconds <= longest:
            yield rule.param, f"this one has {seconds:.1f} s"
    if rule.total_max is not None and sum(lengths) > rule.total_max + SECONDS_SLACK:
        yield rule.param, f"these have {sum(lengths):.1f} s together"


def _limits(rule: MediaSeconds, given: Input) -> Iterator[float]:
    """How long one file may be, by each limit that counts for this input."""
    if rule.each_max is not None:
        yield rule.each_max
    for case, seconds in rule.max_when.items():
        name, _, value = case.partition("=")
        if given.holds({name: value}):
            yield seconds


def _image_size(rule: ImageSizeOneOf, given: Input) -> Broken:
    for file in given.files(rule.param):
        size = f"{file.width}x{file.height}"
        if file.width and size not in rule.sizes:
            yield rule.param, f"this one has {size}"


def _pixel_area(rule: PixelArea, given: Input) -> Broken:
    sides = [given.values.get(name) for name in rule.params]
    if not all(isinstance(side, int) and side > 0 for side in sides):
        return
    width, height = (int(side) for side in sides if side)
    # Fractions, because 16:9 has no exact float and its own limit must pass.
    low, high = _ratio(rule.ratio_min), _ratio(rule.ratio_max)
    inside = all(rule.each_min <= side <= rule.each_max for side in (width, height))
    if not (inside and rule.min <= width * height <= rule.max):
        yield rule.params[0], f"{width} x {height} is {width * height}"
    elif not low <= Fraction(width, height) <= high:
        yield rule.params[0], f"{width} x {height} is not"


def _format(rule: Format, given: Input) -> Broken:
    value = given.written.get(rule.param)  # the reference's own default does not keep to it
    if not isinstance(value, str) or not value:
        return
    wrong = len(value) < rule.min_length
    wrong |= rule.starts_with == "letter" and not value[0].isalpha()
    wrong |= "letters" in rule.contains and not any(c.isalpha() for c in value)
    wrong |= "digits" in rule.contains and not any(c.isdigit() for c in value)
    if wrong:
        yield rule.param, f"{value[:LONGEST_VALUE]!r} does not"


# By kind of rule, as `sentences.SENTENCES` has its words. ValueMeaning only explains.
CHECKS: dict[type, Callable[[Any, Input], Broken]] = {
    ExactlyOne: _exactly_one,
    AtLeastOne: _at_least_one,
    AtLeastOneWhen: _at_least_one_when,
    Needs: _needs,
    RequiredWhen: _required_when,
    IgnoredWhen: _ignored_when,
    IgnoredWhenPresent: _ignored_when_present,
    UsedWhen: _used_when,
    NotTogether: _not_together,
    Overrides: _overrides,
    MaxTotal: _max_total,
    MaxItemsWhen: _max_items_when,
    MediaSeconds: _media_seconds,
    ImageSizeOneOf: _image_size,
    PixelArea: _pixel_area,
    Format: _format,
}


def _same(value: Any, wanted: Any) -> bool:
    return value is not None and written(value) == written(wanted)


def _ratio(text: str) -> Fraction:
    width, _, height = text.partition(":")
    return Fraction(int(width), int(height))
