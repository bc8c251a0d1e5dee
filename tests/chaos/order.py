"""Whether a job that can never be sent ended, free, and held nobody up: by the order of ends."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runhook.worker.domain.jobs import Job, State
from tests.chaos.kinds import prompt_in, trouble_in
from tests.journeys.conftest import Town

ENOUGH = 6  # jobs that waited when it was first kept back: fewer prove nothing
TRIED = 3  # times it was kept back: one that failed at once held nobody up


@dataclass(frozen=True, kw_only=True)
class Order:
    """Jobs with troubles of their own among all others.

    Attributes:
        jobs: All of them.
        tasks: What RunningHub was paid for.
        kept_back: When each that can never be sent was tried in vain.
        limit: How many jobs are in flight at once.
    """

    jobs: list[Job]
    tasks: list[dict[str, Any]]
    kept_back: dict[str, list[datetime]]
    limit: int

    def breaches(self) -> dict[str, list[str]]:
        """What must never be."""
        unsendable = [job for job in self.jobs if _is_unsendable(job)]
        paid = {task["prompt"] for task in self.tasks}
        return {
            "never sendable, and not ended free": [
                f"{job.id} {job.state} {prompt_of(job)}"
                for job in unsendable
                if prompt_of(job) in paid
                or job.state not in (State.FAILED, State.CANCELLED)
                or any(attempt.left_at for attempt in job.history.attempts)
            ],
            "held up those behind": [
                f"{job.id} {prompt_of(job)}" for job in unsendable if self._holds_up(job)
            ],
            "given up though RunningHub told": [
                f"{job.id} {prompt_of(job)} {job.attempt.error.code}"
                for job in self.jobs
                if (trouble := trouble_in(prompt_of(job)))
                and trouble.told
                and job.attempt.error
                and job.attempt.error.code == "timeout"
            ],
        }

    def _holds_up(self, job: Job) -> bool:
        """Whether most of those that waited when it was first kept back ended after it.

        In a long queue that alone proves nothing. But whoever ends before it beyond those that were
        in flight already was sent while it was kept back.
        """
        kept_back, ended = self.kept_back.get(job.id, []), job.history.ended_at
        if ended is None or len(kept_back) < TRIED:
            return False
        behind = [
            other.history.ended_at
            for other in self.jobs
            if other.spec.created_at < kept_back[0] and not trouble_in(prompt_of(other))
            if other.history.ended_at and other.history.ended_at > kept_back[0]
        ]
        before = sum(end < ended for end in behind)
        return len(behind) >= ENOUGH and before < min(len(behind) / 2, self.limit + 1)


def kept_back(town: Town, jobs: list[Job]) -> dict[str, list[datetime]]:
    """When each job that can never be sent was tried in vain."""
    return {
        job.id: [
            datetime.fromisoformat(note["at"])
            for note in town.w.store.jobs.timeline(job.id)
            if note["what"] == "never left"
        ]
        for job in jobs
        if _is_unsendable(job)
    }


def prompt_of(job: Job) -> str:
    """What was asked for, in words."""
    return prompt_in(job.spec.input)


def _is_unsendable(job: Job) -> bool:
    trouble = trouble_in(prompt_of(job))
    return trouble is not None and not trouble.sendable
