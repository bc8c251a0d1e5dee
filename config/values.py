"""What the values of settings may be: lists with commas between, and numbers within bounds."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from runhook.config.budgets import Budgets, read_budgets
from runhook.config.indexing import read_keys

# Ten years: nobody waits longer, and what lies so far ahead can still be written down. The moment
# after `inf` or 1e17 s cannot, and a paid answer would be lost with it.
LONGEST_SECONDS = 315_360_000
SHORTEST_SECONDS = 0.001  # all is counted in ms
# Ten years: from 57 on it would be asked what was before 1970, which is no id of a Redis stream.
LONGEST_DAYS = 3_650
SHORTEST_DAYS = 0.001  # a minute and a half: what is kept for 0 ms Redis does not take at all
# Far above every key's tasks and every client's requests, and far below 2^53, up to which the
# numbers of Redis's scripts are exact.
LARGEST_COUNT = 1_000_000
MOST_PROCESSES = 1_000  # of one machine, each some 100 MB: who says more has written a port here


def _pieces(value: object) -> object:
    if isinstance(value, str):
        return tuple(piece.strip() for piece in value.split(",") if piece.strip())
    return value


def _some(value: tuple[float, ...]) -> tuple[float, ...]:
    if not value:
        raise ValueError("names no seconds: write 0,5,30")
    return value


def _within(least: float, most: float, what: str) -> AfterValidator:
    """A check that says what is allowed; `nan` is within no bounds."""

    def checked(value: float) -> float:
        if not least <= value <= most:
            raise ValueError(f"must be {what} from {least:,} to {most:,}")
        return value

    return AfterValidator(checked)


Wait = Annotated[float, _within(0, LONGEST_SECONDS, "a number of seconds")]
Span = Annotated[float, _within(SHORTEST_SECONDS, LONGEST_SECONDS, "a number of seconds")]
Days = Annotated[float, _within(SHORTEST_DAYS, LONGEST_DAYS, "a number of days")]
Tasks = Annotated[int, _within(1, LARGEST_COUNT, "a whole number")]
Requests = Annotated[int, _within(0, LARGEST_COUNT, "a whole number")]
Processes = Annotated[int, _within(1, MOST_PROCESSES, "a whole number")]
# pydantic-settings would read JSON here; a shell's user writes commas.
CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_pieces)]
CommaWaits = Annotated[tuple[Wait, ...], NoDecode, AfterValidator(_some), BeforeValidator(_pieces)]
MetadataKeys = Annotated[CommaList, AfterValidator(read_keys)]
# The last is the first to run.
DayBudgets = Annotated[Budgets, NoDecode, BeforeValidator(read_budgets), BeforeValidator(_pieces)]
