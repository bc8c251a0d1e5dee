"""What is known of an attempt's bill: told, none, still to come, or never proved. Pure."""

from enum import Enum

from runhook.worker.domain.jobs import Attempt, Job, State

# Billed by run time, also when it fails or is stopped; all others are sold by the call.
BY_RUN_TIME = ("workflow", "app", "quick")


class Bill(Enum):
    """What is known of it."""

    NOT_SENT = "not sent"  # it may still leave, and cost what it is expected to
    COMING = "coming"  # RunningHub is at it
    TOLD = "told"  # RunningHub has said what it cost
    UNPROVED = "unproved"  # it may have been charged, and nobody has said so
    UNCHARGED = "uncharged"  # RunningHub had it, and it ended without a bill
    NONE = "none"  # RunningHub surely did not take it

    @property
    def counts(self) -> bool:
        """Whether it is over, or nobody knows, and RunningHub had it, or may have had it."""
        # One that runs is counted at its end: a change of the ledger less for every job.
        return self not in (Bill.NOT_SENT, Bill.COMING, Bill.NONE)

    @property
    def open(self) -> bool:
        """Whether it may still be charged, and how much is not known."""
        return self in (Bill.NOT_SENT, Bill.COMING, Bill.UNPROVED)


def state_of(job: Job, attempt: Attempt) -> State:
    """Where an attempt stands: where its job does, or where it stood when the job went on."""
    if attempt.n == job.attempt.n:
        return job.state
    return attempt.state or State.FAILED


def bill_of(job: Job, attempt: Attempt) -> Bill:
    """What is known of an attempt's bill."""
    if attempt.cost is not None and attempt.cost.names_amount:
        return Bill.TOLD
    match state_of(job, attempt):
        case State.QUEUED | State.SENDING:
            return Bill.NOT_SENT
        case State.RUNNING:
            return Bill.COMING
        # Of a success nobody told the price, but surely it has one.
        case State.UNCONFIRMED | State.SUCCEEDED:
            return Bill.UNPROVED
    return _after_its_end(job, attempt)


def _after_its_end(job: Job, attempt: Attempt) -> Bill:
    """Of one that failed or was cancelled, and of which RunningHub named no cost."""
    error = attempt.error
    code = None
    if error is not None:
        code = error.code
    if code == "unconfirmed":
        return Bill.UNPROVED
    # A task's id may have come with the refusal.
    if code == "rejected" or attempt.ref is None:
        return Bill.NONE
    by_call = job.spec.kind not in BY_RUN_TIME
    # What is sold by the call costs nothing when RunningHub itself says that it failed.
    failed_there = code == "failed" or (error and error.detail.get("ended_there") == "failed")
    if by_call and failed_there:
        return Bill.UNCHARGED
    return Bill.UNPROVED
