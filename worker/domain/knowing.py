"""How we knew: a job's timeline in the few sentences that its owner asks for. Pure.

"Callback lost; found in RunningHub's record after 61 s." Only what went otherwise than it should is
told at length: a job whose callback came and whose handlers took it has two short sentences.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from runhook.worker.domain.lengths import lasting
from runhook.worker.domain.lines import (
    DELIVERING,
    Line,
    Tone,
    attempt_of,
    first,
    moment,
    sentence,
    what_of,
)

SETTLED = ("succeeded", "failed", "cancelled")
TAKEN = ("accepted", "adopted", "accepted late")
DISBELIEVED = ("callback not believed", "callback set aside")
# Lines that tell their own story whole.
OWN_STORY: dict[str, Tone] = {
    "cancelled": "plain",
    "refused": "bad",
    "not sent": "bad",
    "expired": "bad",
    "input failed": "bad",
    "timeout": "bad",
    "no results": "bad",
    "given up unconfirmed": "bad",
    "given up in silence": "bad",
    "given up by its owner": "bad",
    "retried": "plain",
    "paid again": "plain",
    "falls back": "plain",
    "not paid again": "bad",
    "arrived after cancel": "plain",
    "an earlier attempt succeeded": "doubt",
    "settled by an earlier attempt": "good",
    "left twice": "bad",
    "not archived": "bad",
}
UNDER_WAY = ("delivery opened", "delivery failed", "redelivered")  # a delivery's last line then
# A job may be retried for ever; the last so many sentences are told, and the table has the rest.
MOST_TOLD = 12
Told = tuple[Tone, str]


def how_known(lines: Sequence[Line]) -> list[Told]:
    """How we knew what became of a job, oldest first, each with how good it is."""
    told = []
    for k, line in enumerate(lines):
        what = what_of(line)
        if what in SETTLED and "by" in line:
            told.append(_settled(line, lines[:k]))
        elif what in OWN_STORY:
            told.append((OWN_STORY[what], sentence(line)))
        elif what in TAKEN and _doubted(line, lines[:k]):
            told.append(_proved(line, lines[:k]))
    return [*told, *_deliveries(lines)][-MOST_TOLD:]


def _settled(line: Line, before: Sequence[Line]) -> Told:
    """Which word settled it, and what became of the callback that should have."""
    n, by = attempt_of(line), str(line.get("by"))
    own = [one for one in before if attempt_of(one) == n]
    after = _since(line, own)
    says = {
        "callback": f"RunningHub's callback told it{after}",
        "detail": f"{_missing(own)}; found in RunningHub's record{after}",
        "resend": f"{_missing(own)}; RunningHub sent it again when asked{after}",
        "query": f"{_missing(own)}; RunningHub told it when asked{after}",
        "submit": "RunningHub's answer to the submit told it at once",
        "user": "Its owner settled it",
    }
    tone: Tone = "bad"
    if line.get("what") == "succeeded":
        tone = "good"
    return tone, f"{says.get(by, f'Known by {by}{after}')}: it {what_of(line)}{_doubled(own)}."


def _missing(own: Sequence[Line]) -> str:
    """What became of the callback of an attempt that something else settled."""
    if first(own, *DISBELIEVED):
        return "Callback not believed"
    if first(own, "callback came"):
        return "Callback unreadable"
    if first(own, "no record of a callback"):
        return "No callback, and no record of one"
    return "Callback lost"


def _doubled(own: Sequence[Line]) -> str:
    came = sum(what_of(one) == "callback came" for one in own)
    if came < 2:
        return ""
    return f", and counted once of {came} callbacks"


def _doubted(line: Line, before: Sequence[Line]) -> bool:
    """Whether its attempt was unconfirmed just before, and has not been sent again since."""
    n = attempt_of(line)
    own = (one for one in reversed(before) if attempt_of(one) == n)
    last = first(own, "unconfirmed", "turn", "refused after all")
    return last is not None and what_of(last) == "unconfirmed"


def _proved(line: Line, before: Sequence[Line]) -> Told:
    n = attempt_of(line)
    own = [one for one in before if attempt_of(one) == n]
    doubted = first(own, "unconfirmed")
    by = "a late answer"
    if first(own, "task named by its owner"):
        by = "its owner's word and RunningHub's record"
    elif first(own, "callback came"):
        by = "RunningHub's own callback"
    after = ""
    if doubted:
        after = _between(doubted, line)
    return (
        "good",
        f"The submit's answer was lost; {by} proved its task{after}: nothing was paid twice.",
    )


def _since(line: Line, own: Sequence[Line]) -> str:
    """How long after RunningHub had it, where that is known."""
    begun = first(own, *TAKEN) or first(own, "request left")
    if begun is None:
        return ""
    return _between(begun, line)


def _between(earlier: Line, later: Line) -> str:
    begins, ends = moment(earlier), moment(later)
    if begins is None or ends is None:
        return ""
    return f" after {lasting((ends - begins).total_seconds())}"


def _deliveries(lines: Sequence[Line]) -> Iterator[Told]:
    """Who was told of what: each that takes more than one try, and how many took it at once."""
    turns: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in lines:
        if what_of(line) in DELIVERING:
            turns[str(line.get("handler")), str(line.get("event"))].append(line)
    at_once = 0
    for (handler, event), turn in turns.items():
        turn = _until_taken(turn)  # what is told again by hand was taken before
        last, tries = what_of(turn[-1]), sum("n" in line for line in turn)
        if last == "delivery done" and tries == 1:
            at_once += 1
        elif last == "delivery done":
            after = _between(turn[0], turn[-1])
            yield "good", f"{handler} took {event} only at try {tries}{after}."
        elif last == "delivery dead":
            yield "bad", sentence(turn[-1])
        elif last in UNDER_WAY and tries:
            yield "doubt", f"{handler} has not taken {event} at {_tries(tries)}: still being tried."
    if at_once == 1:
        yield "good", "One delivery was taken at the first try."
    elif at_once:
        yield "good", f"{at_once} deliveries were taken at the first try."


def _until_taken(turn: list[Line]) -> list[Line]:
    for place, line in enumerate(turn, 1):
        if what_of(line) == "delivery done":
            return turn[:place]
    return turn


def _tries(count: int) -> str:
    if count == 1:
        return "its first try"
    return f"{count} tries"
