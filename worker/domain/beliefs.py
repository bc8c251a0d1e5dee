"""What runhook believes of the provider, what that answers, and whether the two agree. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

# Of what kind the source of a belief is: its pages say so, clients saw it, or nobody did.
Source = Literal["documented", "seen", "guessed"]
Word = Literal["agrees", "differs", "not asked"]
OUTAGE = 500  # an HTTP status from which it was not RunningHub's own word that came


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A small paid request whose price is known; it is only asked about.

    Attributes:
        model: An endpoint that refuses an input without a prompt.
        input: What would be sent.
        money: Its price by the catalogue.
        currency: Of the price.
    """

    model: str
    input: dict[str, Any]
    money: Decimal
    currency: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one question brought.

    Attributes:
        status: The HTTP status; None: no answer came.
        code: The provider's error code; None: none was in it.
        value: What runhook read in it; None where it is an error.
        why: What came in place of something that can be read; empty otherwise.
        busy: It asked to slow down, so it said nothing of what was asked.
        may_cost: How what should have been refused was taken, and may be charged; empty: it was
            not.
        refuses_key: The error is about the key.
    """

    status: int | None
    code: str | None = None
    value: Any = None
    why: str = ""
    busy: bool = False
    may_cost: str = ""
    refuses_key: bool = False

    @property
    def is_word(self) -> bool:
        """Whether it was the provider that answered, and what was asked."""
        return self.status is not None and self.status < OUTAGE and not self.busy


@dataclass(frozen=True, kw_only=True)
class Belief:
    """One thing that runhook believes.

    Attributes:
        what: Its name.
        believed: What should be answered.
        source: Where that is from.
        matters: What it means for jobs where the answer is another.
        ask: Asks.
        agrees: Whether an answer is the believed one.
        tells: What runhook read in the answer, in a few words.
    """

    what: str
    believed: str
    source: Source
    matters: str
    ask: Callable[[], Outcome]
    agrees: Callable[[Outcome], bool]
    tells: Callable[[Any], str] = lambda _: ""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A belief beside what was answered.

    Attributes:
        what: The belief's name.
        believed: What should be answered.
        source: Where that is from.
        answered: What was, or why it is not known.
        word: Whether the two agree.
        means: What that means for jobs; empty where they agree.
        may_cost: Whether it may be charged, though it should have been refused.
    """

    what: str
    believed: str
    source: Source
    answered: str
    word: Word
    means: str = ""
    may_cost: bool = False


def compared(belief: Belief) -> tuple[Compared, Outcome]:
    """Ask, and hold what is answered against what is believed."""
    outcome = belief.ask()
    found = Compared(
        what=belief.what,
        believed=belief.believed,
        source=belief.source,
        answered=_answered(belief, outcome),
        word="agrees",
    )
    if outcome.may_cost:
        means = f"{outcome.may_cost}; it may be charged: look into the account"
        return replace(found, word="differs", means=means, may_cost=True), outcome
    if not outcome.is_word:
        return replace(found, word="not asked"), outcome
    if not belief.agrees(outcome):
        return replace(found, word="differs", means=belief.matters), outcome
    return found, outcome


def left_out(belief: Belief, why: str) -> Compared:
    """A belief that was not asked about."""
    return Compared(
        what=belief.what,
        believed=belief.believed,
        source=belief.source,
        answered=why,
        word="not asked",
    )


def _answered(belief: Belief, outcome: Outcome) -> str:
    if outcome.status is None:
        return outcome.why or "nothing"
    said = f"HTTP {outcome.status}"
    if outcome.code:
        said += f", error {outcome.code}"
    if not outcome.is_word:  # the rest is a page of whatever stands before RunningHub
        return said
    if outcome.value is not None and (words := belief.tells(outcome.value)):
        return f"{said}, {words}"
    if outcome.code is None:
        return f"{said}, {outcome.why or 'no error'}"
    return said
