"""Whether a job that can never be sent ended, free, and held nobody up: by the order of ends."""

from dataclasses import dataclass
from typing import Any

from tests.chaos.kinds import prompt_in, trouble_in
from worker.jobs import Job, State

ENOUGH = 6  # jobs asked for behind it in the first half of its life: fewer prove nothing


@dataclass(frozen=True)
class Order:
    """Jobs with troubles of their own among all others."""

    jobs: list[Job]
    tasks: list[dict[str, Any]]

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
                or any(attempt.left_at for attempt in job.life.attempts)
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
        """Whether most of those that were asked for early in its life ended after it."""
        born, ended = job.ask.created_at, job.life.ended_at
        if ended is None:
            return False
        middle = born + (ended - born) / 2
        behind = [
            other
            for other in self.jobs
            if born < other.ask.created_at < middle and not trouble_in(prompt_of(other))
        ]
        before = [other for other in behind if other.life.ended_at and other.life.ended_at < ended]
        return len(behind) >= ENOUGH and len(before) < len(behind) / 2


def prompt_of(job: Job) -> str:
    """What was asked for, in words."""
    return prompt_in(job.ask.input)


def _is_unsendable(job: Job) -> bool:
    trouble = trouble_in(prompt_of(job))
    return trouble is not None and not trouble.sendable
