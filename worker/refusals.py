"""Whose a refusal is: the job's that met it, or the account's, which every other would meet too.

With a refused key or an empty wallet jobs would fail one after the other, free and for nothing. So
they wait behind the gate, its owner is told once what to do, and one job at a time tries whether it
is mended: being refused is free.
"""

from worker.errors import ProviderRefused, ProviderSilent
from worker.reports import Busy, Refused, SubmitAnswer, Trouble
from worker.runninghub.codes import CODES, KEY_REFUSED, NO_MONEY, explain
from worker.wiring import Wiring

MEANWHILE = "Jobs wait meanwhile, nothing is paid, and they go on by themselves once it is mended."


def sorted_out(w: Wiring, answer: SubmitAnswer | None) -> SubmitAnswer | None:
    """The answer to a submit, or to what it needs; what is the account's is one to wait out.

    The money's codes say so by themselves. The key's may mean this one request (a path, a workflow
    of somebody else), so a free question tells whether RunningHub takes the key.
    """
    if not isinstance(answer, Refused):
        return answer
    code = answer.error.provider_code or ""
    said = f"(error {code}: {explain(code).meaning})"
    if code in NO_MONEY:
        why = f"RunningHub says that the account has too little money {said}"
        advice = "Top up the account."
        return Busy(code, why, trouble=Trouble("money", f"{advice} {MEANWHILE}"))
    if code in KEY_REFUSED and not _takes_the_key(w):
        why = f"RunningHub refuses the account's key {said}"
        advice = CODES.get(code, CODES["401"]).advice
        return Busy(code, why, trouble=Trouble("key", f"{advice} {MEANWHILE}"))
    return answer


def _takes_the_key(w: Wiring) -> bool:
    """Whether RunningHub answers one of two free questions, of either generation, to this key."""
    for ask in (w.client.capacity, w.client.account):
        try:
            ask()
        except ProviderRefused as refused:
            if refused.answered and refused.code not in KEY_REFUSED:
                return True  # it knows the key, which may not ask this
        except ProviderSilent:
            continue
        else:
            return True
    return False
