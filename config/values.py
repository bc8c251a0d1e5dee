"""What the values of settings may be: lists with commas between."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from runhook.config.budgets import Budgets, read_budgets
from runhook.config.indexing import read_keys


def _pieces(value: object) -> object:
    if isinstance(value, str):
        return tuple(piece.strip() for piece in value.split(",") if piece.strip())
    return value


# pydantic-settings would read JSON here; a shell's user writes commas.
CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_pieces)]
CommaNumbers = Annotated[tuple[float, ...], NoDecode, BeforeValidator(_pieces)]
MetadataKeys = Annotated[CommaList, AfterValidator(read_keys)]
# The last is the first to run.
DayBudgets = Annotated[Budgets, NoDecode, BeforeValidator(read_budgets), BeforeValidator(_pieces)]
