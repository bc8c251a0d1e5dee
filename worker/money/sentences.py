"""What an attempt that ended without success cost, in a sentence for its owner. Pure."""

from runhook.worker.domain.reports import Cost, TaskState, amounts
from runhook.worker.money.standing import BY_RUN_TIME


def bill_sentence(kind: str, state: TaskState, cost: Cost | None) -> str:
    """What is known of its bill.

    Args:
        kind: Of its job.
        state: As RunningHub reported it.
        cost: What RunningHub said that it charged; None: nothing.
    """
    if cost is not None and (charged := amounts(cost)):
        return f"RunningHub charged {' and '.join(charged)} for it."
    if state == "failed" and kind not in BY_RUN_TIME:
        return "RunningHub names no cost: a model is paid by the call, and not for one that failed."
    return "Its run time up to here may be charged."
