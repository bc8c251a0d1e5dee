"""The job that an idempotency key made before, which is answered in place of another one."""

from collections.abc import Sequence

from runhook.worker.domain.jobs import Job
from runhook.worker.errors import Conflict, NotFound
from runhook.worker.secrets.idempotency import Trace
from runhook.worker.wiring import Wiring


def made_before(w: Wiring, known_by: Sequence[Trace], told_of: str = "") -> Job | None:
    """The job that was asked for already; None: none was.

    Raises:
        Conflict: The key was used with another request.
    """
    if known_by and (found := w.store.jobs.made_by(known_by, told_of)):
        return made_by(w, *found)
    return None


def made_by(w: Wiring, status: str, job_id: str) -> Job:
    """The same, where the store has said what the key made.

    Raises:
        Conflict: By another request, or nobody can tell, or it was forgotten.
    """
    if status == "conflict":
        raise Conflict(f"this Idempotency-Key was used for another request, which made {job_id}")
    if status == "unproved":
        raise Conflict(
            f"this Idempotency-Key made {job_id} under a secret that is not in RUNHOOK_SECRET any "
            "more, so nobody can tell whether for this request; look at that job before you use "
            "another key"
        )
    try:
        return w.store.jobs.get(job_id)
    except NotFound:
        why = f"this Idempotency-Key made {job_id}, which was forgotten; a new job takes another"
        raise Conflict(f"{why} key") from None
