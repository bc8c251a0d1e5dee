"""What the page of a job shows, of all nouns at once: in two round trips."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from runhook.worker.domain.jobs import Job
from runhook.worker.store import keys, timeline
from runhook.worker.store.commands import Redis
from runhook.worker.store.connection import reaching
from runhook.worker.store.delivered import Delivery, readable
from runhook.worker.store.durations import in_order
from runhook.worker.store.jobs import Jobs
from runhook.worker.store.timeline import Line


@dataclass(frozen=True, kw_only=True)
class Story:
    """One job and what happened to it.

    Attributes:
        job: It.
        lines: Its timeline, oldest first.
        deliveries: Those of its events, in the order of the events.
        durations: Seconds from submit to success of its model's last hundred here, in order.
        look_at: When its current attempt is looked at next; None: nobody is to look.
        alone: Nothing grew from it.
    """

    job: Job
    lines: list[Line]
    deliveries: list[Delivery]
    durations: Sequence[float]
    look_at: datetime | None
    alone: bool


class Stories:
    """Jobs with all that belongs to them."""

    def __init__(self, client: Redis, jobs: Jobs) -> None:
        self._redis, self._jobs = client, jobs

    def of(self, job_id: str) -> Story:
        """A job's story.

        Raises:
            NotFound: There is none of this id.
            UnreadableRecord: It is not for this version.
            StoreUnavailable: Redis does not answer or refuses.
        """
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hgetall(keys.job(job_id))
            pipe.zrange(keys.tree(job_id), 0, 0)
            pipe.zrange(keys.children(job_id), 0, 0)
            timeline.ask(pipe, job_id)
            record, tree, children, before, notes, named = pipe.execute()
        job = self._jobs.read(job_id, [part for pair in record.items() for part in pair])
        names = sorted(name.decode() for name in named)
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.hgetall(keys.delivery(name))
            pipe.lrange(keys.durations(job.current_model), 0, -1)
            pipe.zscore(keys.due("reconcile"), f"{job.id}/{job.attempt.n}")
            *told, durations, due = pipe.execute()
        looked = [readable(name, one) for name, one in zip(names, told, strict=True) if one]
        deliveries = [one for one in looked if isinstance(one, Delivery)]
        return Story(
            job=job,
            lines=timeline.lines(before, notes, deliveries),
            deliveries=deliveries,
            durations=in_order(durations),
            look_at=_moment(due),
            alone=not tree and not children,
        )


def _moment(score: float | None) -> datetime | None:
    if score is None:
        return None
    return datetime.fromtimestamp(score / 1000, UTC)
