"""The models as /new lists them: what each makes and costs, found by words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from runhook.config.catalogue import Model
from runhook.worker.catalogue import COMFY, price_words, search

MOST = 80  # rows of one page: a page of all of them has 90 KB
UNKNOWN = "price unknown"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model.

    Attributes:
        endpoint: Under which it is asked for.
        name: The reference's.
        output: What it makes.
        price: In words.
        deprecated: Whether it is withdrawn.
    """

    endpoint: str
    name: str
    output: str
    price: str
    deprecated: bool = False


@dataclass(frozen=True)
class Found:
    """What was found: some rows, how many there are in all, and how many stand before them."""

    rows: Sequence[Row]
    count: int
    skip: int = 0

    @property
    def next(self) -> int | None:
        """How many stand before the next page; None: there is none."""
        behind = self.skip + len(self.rows)
        if behind < self.count:
            return behind
        return None


def listed(words: str, output: str, skip: int = 0) -> Found:
    """The models that have every word in a name, and make what is wanted; without the first."""
    words = words.strip()
    if COMFY.fullmatch(words):
        kind = words.partition("/")[0]
        return Found([Row(endpoint=words, name=words, output=kind, price="by run time")], 1)
    models = [one for one in search(words) if output in ("", one.output)]
    models.sort(key=lambda one: one.deprecated)  # stable: in the reference's order besides
    return Found([_row(one) for one in models[skip : skip + MOST]], len(models), skip)


def _row(model: Model) -> Row:
    price = UNKNOWN
    if model.price:
        price = price_words(model.price)
    return Row(
        endpoint=model.endpoint,
        name=model.name,
        output=model.output,
        price=price,
        deprecated=model.deprecated,
    )
