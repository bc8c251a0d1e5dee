"""How a route answers and which headers it hears, declared beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from runhook.worker.domain.problem_kinds import Kind
from runhook.worker.errors import Fault

Route = TypeVar("Route", bound=Callable[..., Any])


@dataclass(frozen=True)
class Gives:
    """How a route answers.

    Attributes:
        statuses: When it is done; the first is the usual one.
        problems: What it may be refused with, besides what every call may be.
    """

    statuses: tuple[int, ...] = (200,)
    problems: tuple[Kind, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Header:
    """A header that a route hears.

    Attributes:
        name: Its own.
        means: What it says.
        schema: What it takes, as JSON Schema.
        fault: What is wrong with it as it came; None: nothing.
    """

    name: str
    means: str
    schema: dict[str, Any]
    fault: Callable[[str], Fault | None]


HEARS: dict[Callable[..., Any], tuple[Header, ...]] = {}
GIVES: dict[Callable[..., Any], Gives] = {}


def gives(*statuses: int, problems: tuple[Kind, ...] = ()) -> Callable[[Route], Route]:
    """Declare beside a route how it answers; the arguments are as `Gives` has them."""

    def declared(route: Route) -> Route:
        GIVES[route] = Gives(statuses or (200,), problems)
        return route

    return declared


def hears(*headers: Header) -> Callable[[Route], Route]:
    """Declare beside a route which headers it hears."""

    def declared(route: Route) -> Route:
        HEARS[route] = headers
        return route

    return declared
