"""Whose a refusal is: the job's that met it, or the key's, which every other job would meet too.

With a refused key jobs would fail one after the other, free and for nothing. So they wait behind
the breaker, an alert says once what to do, and one job at a time tries whether it is mended: being
refused is free.
"""

from collections.abc import Callable
from typing import Literal

from runhook.worker.domain.reports import Busy, Error, Refused, SubmitAnswer
from runhook.worker.errors import ProviderRefused, ProviderSilent
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

MEANWHILE = "Jobs wait meanwhile, nothing is paid, and they go on by themselves once it is mended."


def sorted_out(w: Wiring, answer: SubmitAnswer | None) -> SubmitAnswer | None:
    """The answer to a submit, in which a refusal of the key becomes one to wait out.

    Nothing is paid either way: a refused job fails, one that waits goes back to the queue.

    The codes may mean this one request as well (a path, a workflow of somebody else), so a free
    question tells whether RunningHub takes the key. Money's codes are the job's own: a cheaper one
    may go through.
    """
    if not isinstance(answer, Refused):
        return answer
    code = answer.error.provider_code or ""
    row = w.client.explain(code)
    if not row.refuses_key or not _refuses_the_key(w):
        return answer
    why = f"RunningHub refuses the account's key (error {code}: {row.meaning})"
    advice = f"{row.advice} {MEANWHILE}"
    report("alert", why=f"{why}. {advice}")
    return Busy(code=code, message=why, advice=advice)


def _refuses_the_key(w: Wiring) -> bool:
    """Whether one of two free questions is refused for the key, and none is answered."""
    # Two questions, because a good key may be barred from one of them; an answer to either shows
    # that RunningHub takes it.
    answers = {_said_of_key(w, ask) for ask in (w.client.capacity, w.client.account)}
    return "refused" in answers and "taken" not in answers


def _said_of_key(w: Wiring, ask: Callable[[], object]) -> Literal["taken", "refused", "nothing"]:
    try:
        ask()
    except ProviderRefused as refused:
        if w.client.explain(refused.code).refuses_key:
            return "refused"
        # An answer that may be another one next time proves nothing of the key.
        if not refused.answered:
            return "nothing"
    except ProviderSilent:
        return "nothing"
    return "taken"  # a key that may only not ask this is known too


def unsent(code: str, why: str, advice: str) -> Refused:
    """What a job ends with that could not be sent."""
    message = f"It was not sent: {why}. Nothing was paid. {advice}"
    return Refused(Error(code=code, message=message), sent=False)
