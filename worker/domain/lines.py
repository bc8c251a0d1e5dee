"""What each line of a timeline means: on whose side it happened, how good it is, in words. Pure.

A line is what a flow wrote when it happened. Its values may be anybody's text, so they are cut
short here and shown literally by whoever shows them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Lane = Literal["us", "provider", "handlers"]
Tone = Literal["plain", "good", "bad", "doubt"]
Line = Mapping[str, Any]
LONGEST = 400  # characters of one value in a sentence; the line beneath it has all of it
NOT_SAID = "?"  # for a value that a line of another release does not have


@dataclass(frozen=True)
class Kind:
    """What a line means.

    Attributes:
        lane: On whose side it happened.
        tone: How good it is for the job's owner; `doubt`: nobody knows yet.
        says: Its sentence, with the line's values in braces.
    """

    lane: Lane
    tone: Tone
    says: str


def _us(says: str, tone: Tone = "plain") -> Kind:
    return Kind("us", tone, says)


def _provider(says: str, tone: Tone = "plain") -> Kind:
    return Kind("provider", tone, says)


def _handlers(says: str, tone: Tone = "plain") -> Kind:
    return Kind("handlers", tone, says)


BEFORE_IT_LEFT = {
    "queued": _us("Accepted here for {by}; it stands in the queue."),
    "input ready": _us("{job} has ended well; {waits_for} more to wait for."),
    "input failed": _us("It needs an output of {job}, which {why}. Nothing was paid.", "bad"),
    "turn": _us("Its turn came."),
    "price rose": _us("The price rose from {from} to {to}, which is held of the budget."),
    "request left": _us("The paid request of attempt {attempt} left."),
    "did not leave": _us("Not one byte of it left: {why}. Nothing was paid."),
    "may not leave now": _us("It could not leave in time and is in the queue again, unpaid."),
    "never left": _us("It did not leave: {why}. Nothing was paid."),
    "not sent": _us("It was not sent: {why}.", "bad"),
    "expired": _us("It was still queued when its time was over. Nothing was paid.", "bad"),
    "left twice": _us("Its request left twice, since Redis had forgotten the first.", "bad"),
}
SUBMITTING = {
    "accepted": _provider("RunningHub took it as task {ref}."),
    "accepted late": _provider("RunningHub's late answer says that it took it as task {ref}."),
    "refused": _provider("RunningHub refused it ({code}): {why}.", "bad"),
    "busy": _provider("RunningHub is busy ({code}): {why}. It waits in the queue, unpaid."),
    "key refused": _provider(
        "RunningHub refuses the key ({code}): {why}. Nothing was paid.", "bad"
    ),
    "not on this path": _provider("RunningHub takes it on its older path only ({code})."),
    "unconfirmed": _us("The answer is missing ({why}). It may have been accepted.", "doubt"),
    "adopted": _us("It proved to be task {ref}."),
    "refused after all": _provider("RunningHub says that it did not take it. Nothing was paid."),
    "unknown there": _provider("RunningHub knows no task {ref}; it is asked again.", "doubt"),
}
LOOKING = {
    "asked RunningHub": _provider("We asked: {call}; answer {status} after {seconds} s."),
    "queried": _provider("Asked, RunningHub says: {state}."),
    "no answer": _provider("RunningHub did not answer: {why}.", "doubt"),
    "no record of a callback": _provider("RunningHub has no record of a callback yet."),
    "resend asked for": _us("RunningHub was asked to send its callback again."),
    "callback came": _provider("RunningHub's callback came ({via}, {bytes} bytes)."),
    "callback not believed": _us("The callback was not believed: {why}.", "doubt"),
    "callback set aside": _us("The callback was set aside: {why}.", "doubt"),
    "query says failed": _provider("RunningHub says failed ({why}); asked again to be sure."),
    "success without results": _provider("RunningHub says success, and has no results yet."),
}
ENDING = {
    "succeeded": _provider("It succeeded; outputs: {outputs}; known by: {by}.", "good"),
    "failed": _provider("It failed at RunningHub; known by: {by}.", "bad"),
    "cancelled": _us("It was cancelled: {why}."),
    "cancel wished": _us("Its owner wants it cancelled, as soon as its task is known."),
    "cancel refused": _provider("RunningHub refused to cancel it: {why}.", "bad"),
    "arrived after cancel": _provider("What was made before the cancel arrived all the same."),
    "no results": _provider("RunningHub says success, and never had a result.", "bad"),
    "timeout": _us("It had not ended in time: {why}.", "bad"),
    "given up in silence": _us("RunningHub said nothing for too long: {why}.", "bad"),
    "given up unconfirmed": _us("Nothing proved it in time. It may have been charged.", "bad"),
    "cost told late": _provider("RunningHub told what it cost: {cost}."),
    "an earlier attempt succeeded": _provider("An earlier attempt succeeded too: {ref}.", "doubt"),
    "settled by an earlier attempt": _us("Attempt {attempt} has made it already.", "good"),
    "archived": _us("Its files are kept here.", "good"),
    "not archived": _us("Output {output} is not kept here: {why}.", "bad"),
}
OWNERS = {
    "retried": _us("Its owner asked for attempt {attempt}, which is paid again."),
    "paid again": _us("It is paid again, as its owner allowed: attempt {attempt}."),
    "falls back": _us("It goes on with {model}: attempt {attempt}."),
    "not paid again": _us("It is not paid again: {why}.", "bad"),
    "resubmitted by its owner": _us("Its owner has it sent again, as attempt {attempt}.", "doubt"),
    "resubmitted at the risk of paying twice": _us(
        "Unproved, it is sent again, at the risk of paying twice.", "doubt"
    ),
    "given up by its owner": _us("Its owner gave it up unproved. It may have been charged.", "bad"),
    "task named by its owner": _us("Its owner says that it is task {ref}."),
    "named task ended": _provider("Task {ref}, which its owner named, has ended."),
    "named task not taken": _us("Task {ref} is not taken for it: {why}.", "doubt"),
    "no proof": _us("There is no proof: {why}.", "doubt"),
}
DELIVERING = {
    "delivery opened": _handlers("{handler} is to be told of {event}."),
    "delivery done": _handlers("{handler} took {event}.", "good"),
    "delivery failed": _handlers("{handler} did not take {event}: {why}.", "bad"),
    "delivery dead": _handlers("{handler} was not reached with {event}: {why}.", "bad"),
    "delivery superseded": _handlers("{handler} need not be told of {event} any more."),
    "redelivered": _handlers("{handler} is to be told of {event} again."),
}
UNREADABLE = _us("A line that cannot be read here.", "doubt")
KINDS: Mapping[str, Kind] = {
    **BEFORE_IT_LEFT,
    **SUBMITTING,
    **LOOKING,
    **ENDING,
    **OWNERS,
    **DELIVERING,
    "unreadable": UNREADABLE,
}


class _Values(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return NOT_SAID


def what_of(line: Line) -> str:
    """What a line says that happened, as text whatever it is."""
    return str(line.get("what", "unreadable"))[:LONGEST]


def kind_of(line: Line) -> Kind:
    """What a line means; one of a newer release says its own words."""
    what = what_of(line)
    if what == "cancelled" and "by" in line:
        return _provider("It was cancelled at RunningHub; known by: {by}.")
    if what == "asked RunningHub" and line.get("status") is None:
        return _provider("We asked: {call}; no answer after {seconds} s.", "doubt")
    return KINDS.get(what, _us(what.replace("{", "{{").replace("}", "}}")))


def sentence(line: Line) -> str:
    """A line in words."""
    # Only our own words are a template; the values stand in them as they are.
    return kind_of(line).says.format_map(_Values({name: _short(v) for name, v in line.items()}))


def moment(line: Line) -> datetime | None:
    """When it happened; None where that cannot be read."""
    try:
        at = datetime.fromisoformat(str(line.get("at")))
    except ValueError:
        return None
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC)
    return at


def attempt_of(line: Line) -> int | None:
    """The number of the attempt that it is about."""
    n = line.get("attempt")
    if isinstance(n, int):
        return n
    return None


def first(lines: Iterable[Line], *whats: str) -> Line | None:
    """The first line that says one of these."""
    return next((line for line in lines if what_of(line) in whats), None)


def _short(value: Any) -> str:
    text = str(value)
    if value is None:
        text = "no reason given"
    if len(text) > LONGEST:
        text = text[:LONGEST] + "…"
    return text.rstrip(".")
