"""Waiting for a job step by step, so that whoever waits is told meanwhile how it stands."""

import time
from typing import Any

from runhook.worker.agents import arguments as take
from runhook.worker.agents.tools import TOOLS, WAIT, Desk, answered, standing
from runhook.worker.client.jobs import Job, WaitTimeout
from runhook.worker.domain import policy
from runhook.worker.domain.bodies import read
from runhook.worker.domain.views import View


class Waiting:
    """One call of wait_for_job whose caller asked to be told of its progress.

    Attributes:
        answer: What the call comes to; None: it goes on.
        message: How the job stands, in words.
    """

    def __init__(self, given: dict[str, Any]) -> None:
        """Args:
        given: The call's arguments, as they came.
        """
        self.answer: tuple[bool, View] | None = None
        self.message = ""
        self._given, self._begun = given, time.monotonic()
        self._job: Job | None = None

    @property
    def seconds(self) -> float:
        """For which it has waited. That is its progress: nobody knows how long a job takes."""
        return time.monotonic() - self._begun

    def step(self, desk: Desk) -> None:
        """Look at the job; from the second step on, wait first for another state of it.

        Args:
            desk: Where this is carried out.
        """
        well, view = answered(TOOLS[WAIT], lambda: self._stepped(desk))
        if view:
            self.answer = well, view

    def _stepped(self, desk: Desk) -> View:
        """The answer; empty where there is none yet."""
        asked = read(take.WaitForJob, self._given)
        longest = min(asked.seconds, desk.longest_wait)
        if self._job is not None and self.seconds < longest:
            _changed(desk, self._job, min(longest - self.seconds, policy.AGENT_TOLD_EVERY))
        # Read anew: who follows a job is not told of its place in the queue.
        self._job = desk.runhook.get(asked.job)
        if self._job.ended or self.seconds >= longest:
            return standing(self._job)
        self.message = _words(self._job)
        return {}


def _changed(desk: Desk, seen: Job, seconds: float) -> None:
    """Wait until a job is in another state, or the time is over."""
    try:
        for found in desk.runhook.watch(seen, timeout=seconds):
            if found.state != seen.state:
                return
    except WaitTimeout:
        return


def _words(job: Job) -> str:
    if job.queue_position is not None:
        place = f"{job.state}, place {job.queue_position} in {job.tenant}'s queue"
        if job.why_waiting:
            return f"{place}: {job.why_waiting}"
        return place
    if job.progress is None:
        return job.state
    running = f"{job.state} for {job.progress.elapsed:.0f} s"
    if job.progress.usual is None:
        return running
    return f"{running}; half of its model's jobs take {job.progress.usual:.0f} s or less"
