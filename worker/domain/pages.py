"""Lists are asked for page by page: the parameters that all such calls share. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import BeforeValidator

from runhook.worker.domain.bodies import Body, fits, read, refused, shaped
from runhook.worker.domain.faults import Faults
from runhook.worker.domain.metadata import PREFIX, Label, labels_wanted

# Items of a page; a hundred jobs are about 200 KiB.
MOST, USUAL = 100, 20
LONGEST_NUMBER = 3  # digits; a longer one is over MOST, and turning it into a number takes long


class Query(Body):
    """The parameters that a call takes; itself: none."""

    member = "a parameter of this call"


class LabelledQuery(Query):
    """Those of a call that takes `metadata.KEY` besides, for each indexed key."""


Parameters = TypeVar("Parameters", bound=Query)


def read_parameters(
    wanted: type[Parameters], given: Mapping[str, str], *, now: datetime, indexed: Sequence[str]
) -> tuple[Parameters, tuple[Label, ...]]:
    """What a query says, and the metadata that it names.

    Args:
        wanted: The parameters that the call takes.
        given: As they came.
        now: The moment.
        indexed: The keys of metadata that jobs are found by.

    Raises:
        InvalidRequest: With every fault.
    """
    rest, faults = dict(given), Faults()
    labels = tuple[Label, ...]()
    if issubclass(wanted, LabelledQuery):
        named = {name: rest.pop(name) for name in given if name.startswith(PREFIX)}
        with faults.also():
            labels = labels_wanted(named, indexed)
    with faults.together():
        return read(wanted, rest, now=now, indexed=indexed), labels


def _page_size(text: object) -> object:
    """How many items a page has."""
    size = str(text)
    if size.isdecimal() and len(size) <= LONGEST_NUMBER and 1 <= int(size) <= MOST:
        return int(size)
    raise refused(f"must be a number from 1 to {MOST}")


A_SIZE = {"type": "integer", "minimum": 1, "maximum": MOST}
PageSize = Annotated[int, shaped(_page_size, A_SIZE)]


def begins_at(is_one: Callable[[str], bool], pattern: str) -> BeforeValidator:
    """Where a page begins; any other word would answer with the first page for ever."""
    return fits(is_one, "must be the `next` of the page before", pattern)
