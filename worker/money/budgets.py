"""What attempts hold of days' budgets until their cost is known. Pure."""

from collections import Counter
from decimal import Decimal

from runhook.worker.domain.jobs import Attempt, Job
from runhook.worker.money.amounts import millionths
from runhook.worker.money.standing import Bill, bill_of


def held_by(job: Job, attempt: Attempt) -> int:
    """What an attempt holds of its day's budget, in millionths.

    What it may cost while that is open, also where it was never proved; then what it did cost.
    """
    if attempt.held is None:
        return 0
    bill = bill_of(job, attempt)
    if bill is Bill.TOLD and attempt.cost is not None:
        # Charged in coins alone, it took nothing of the money.
        return millionths(Decimal(attempt.cost.money or 0))
    if bill.open:
        return millionths(Decimal(attempt.held))
    return 0


def holds_of(job: Job) -> dict[str, int]:
    """What a job holds of budgets, by day, in millionths."""
    found: Counter[str] = Counter()
    for attempt in job.history.attempts:
        if attempt.held_on is not None:
            found[attempt.held_on] += held_by(job, attempt)
    return dict(found)
