"""The books: what RunningHub accepted against what runhook says, job by job."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from runhook.worker.domain.jobs import Attempt, Job, State
from runhook.worker.store import Delivery
from runhook.worker.store.scripts import stream_moment
from tests.chaos.backwards import WentBack
from tests.chaos.kinds import HANGING
from tests.chaos.leftovers import Leftovers
from tests.chaos.order import Order, kept_back, prompt_of
from tests.chaos.spread import spread
from tests.chaos.storm import Kill, Storm
from tests.chaos.twice import around

TRUTH = {"SUCCESS": "succeeded", "FAILED": "failed", "CANCEL": "cancelled"}
MISTAKE = 700  # characters of a log line that show what was wrong
RUNNING_THEN = 10.0  # seconds before the copy in which something ended may have been told after it


@dataclass(frozen=True)
class Books:
    """Everything that is known after a run."""

    jobs: list[Job]
    asked: int
    tasks: list[dict[str, Any]]
    told: Counter[str]
    interrupted: set[str]
    kills: list[Kill]
    endings: list[float]
    mistakes: list[str]
    told_after: list[float]
    forgotten: dict[str, str]
    backs: list[WentBack]
    left: Leftovers
    order: Order
    incomplete: list[str]

    @classmethod
    def of(cls, storm: Storm) -> "Books":
        """Read them."""
        town = storm.town
        asked = list(dict.fromkeys(storm.ids.values()))
        jobs = town.w.store.jobs.many(asked)
        deliveries = {job.id: town.w.store.deliveries.of_job(job.id) for job in jobs}
        tasks = town.sandbox.books()["tasks"]
        redis: Any = town.w.store.client
        endings = [
            stream_moment(entry).timestamp()
            for entry, fields in redis.xrange("runhook:events")
            if fields.get(b"state") in (b"succeeded", b"failed", b"cancelled")
        ]
        return cls(
            jobs,
            len(asked),
            tasks,
            Counter(line.split()[2] for line in town.told() if " job." in line),
            _interrupted(deliveries),
            storm.kills,
            endings,
            _mistakes(Path(town.environ["HOME"], "logs")),
            _told_after(deliveries),
            storm.forgotten,
            storm.backs,
            Leftovers.of(town),
            Order(
                jobs=jobs,
                tasks=tasks,
                kept_back=kept_back(town, jobs),
                limit=town.w.store.queue.state().limit,
            ),
            storm.trees.incomplete(town, {job.id: job for job in jobs}),
        )

    def breaches(self) -> list[str]:
        """What must never be; empty when all is well."""
        found = {
            "paid twice": self.unexcused(),
            "paid, and nobody knows for whom": self.strangers(),
            "lost": ["jobs"] * (self.asked - len(self.jobs)),
            "stuck": [f"{job.id} {job.state}" for job in self.jobs if not job.state.ended],
            "wrongly settled": self.wrongly_settled(),
            "trees not complete": self.incomplete,
            "not told": [job.id for job in self.jobs if not self.told[job.id]],
            "told twice without a kill": self.told_twice(),
            "accepted though cancelled free": self.accepted_though_free(),
            "mistakes of ours in the logs": self.mistakes,
            **self.order.breaches(),
            **self.left.breaches(len(self.jobs)),
        }
        lines = [f"{what}: {len(which)}, {which[:3]}" for what, which in found.items() if which]
        return lines + [
            around(what, self.tasks, self.kills, self.backs) for what in self.unexcused()
        ]

    def paid_twice(self) -> list[str]:
        """Attempts that RunningHub accepted more than once, or without there being one."""
        per_attempt = Counter(task["webhookUrl"] for task in self.tasks if task["webhookUrl"])
        twice = [url for url, count in per_attempt.items() if count > 1]
        quick = Counter(t["prompt"] for t in self.tasks if t["model"].startswith("quick/"))
        tried = Counter(self.forgotten.values())
        for job in self._kind("quick"):
            tried[prompt_of(job)] += len(job.history.attempts)
        return twice + [prompt for prompt, count in quick.items() if count > tried[prompt]]

    def unexcused(self) -> list[str]:
        """Paid twice, though its owner did not choose the risk and no alert named the job."""
        risky = {job.id for job in self.jobs if job.history.risk}
        fine = risky | self.left.alerted
        named = {prompt_of(job): job.id for job in self.jobs}
        return [
            what
            for what in self.paid_twice()
            if named.get(what, what.split("/")[-3:][0]) not in fine
        ]

    def strangers(self) -> list[str]:
        """Jobs that RunningHub was paid for, that Redis has not, and of which nobody was told.

        Of one that Redis had to forget before whoever asked heard its id, only an alert can tell.
        """
        known = {job.id for job in self.jobs} | set(self.forgotten) | self.left.alerted
        asked = {task["webhookUrl"].split("/")[-3] for task in self.tasks if task["webhookUrl"]}
        return sorted(asked - known)

    def wrongly_settled(self) -> list[str]:
        """Attempts whose end, or whose model, is not the one that their task had."""
        truth = {str(task["taskId"]): task for task in self.tasks}
        wrong = []
        for job in self.jobs:
            for attempt in job.history.attempts:
                task = truth.get(attempt.ref or "")
                if task and not (
                    _right(job, attempt, task) and task["model"] == job.model_of(attempt)
                ):
                    wrong.append(f"{job.id}/{attempt.n} {_end(job, attempt)}, {task['status']}")
        return wrong

    def told_twice(self) -> list[str]:
        """Events told again though nothing was killed in the act."""
        events = {job.id: _endings(job) for job in self.jobs}
        return [
            job_id
            for job_id, count in self.told.items()
            if count > events.get(job_id, 0)
            and job_id not in self.interrupted
            and job_id not in self.forgotten
            and job_id not in self._ended_before_redis_went_back()
        ]

    def _ended_before_redis_went_back(self) -> set[str]:
        """Jobs whose end may have been told and forgotten."""
        return {
            job.id
            for job in self.jobs
            for back in self.backs
            if job.spec.created_at.timestamp() < back.back
            and job.history.ended_at
            and job.history.ended_at.timestamp() > back.copied - RUNNING_THEN
        }

    def accepted_though_free(self) -> list[str]:
        """Jobs cancelled before a byte left, of which RunningHub knows all the same."""
        known = {task["webhookUrl"].split("/")[-3] for task in self.tasks if task["webhookUrl"]}
        free = [job.id for job in self.jobs if _never_left(job) and job.id in known]
        return [job_id for job_id in free if job_id not in self.left.alerted]

    def page(self) -> str:
        """The books, for people."""
        states = Counter(job.state.value for job in self.jobs)
        attempts = sum(len(job.history.attempts) for job in self.jobs)
        unproved = [
            j for j in self.jobs if j.attempt.error and j.attempt.error.code == "unconfirmed"
        ]
        victims = Counter(kill.victim for kill in self.kills)
        again = sum(count - 1 for count in self.told.values() if count > 1)
        lines = [
            f"kills {len(self.kills)}: {dict(victims)}",
            f"jobs {len(self.jobs)}, {attempts} attempts: {dict(states)}",
            f"accepted upstream {len(self.tasks)}, paid twice {len(self.paid_twice())} "
            f"({len(self.unexcused())} without a word)",
            f"Redis went back {len(self.backs)} times and forgot {len(self.forgotten)} jobs; "
            f"alerts name {len(self.left.alerted)}",
            f"lost {self.asked - len(self.jobs)}, stuck "
            f"{sum(not job.state.ended for job in self.jobs)}, "
            f"wrongly settled {len(self.wrongly_settled())}",
            f"told {sum(self.told.values())}, told again {again} "
            f"({len(self.told_twice())} without a kill in the act)",
            f"settled by {dict(Counter(job.attempt.settled_by or 'nobody' for job in self.jobs))}",
            f"unconfirmed {len(unproved)}, at risk {_at_risk(unproved)}",
            f"from RunningHub's end to ours: {spread(self.delays())}",
            f"from a kill of worker or Redis to the next job's end: {spread(self.recoveries())}",
            f"from an end to a good handler: {spread(self.told_after)}",
            self.left.page(),
        ]
        return "\n".join(lines)

    def delays(self) -> list[float]:
        """Seconds from a task's end at RunningHub to its job's end here, jobs that were stopped
        or given up aside."""
        ends = {str(task["taskId"]): float(task["endsAt"]) for task in self.tasks}
        return sorted(
            job.attempt.ended_at.timestamp() - ends[job.attempt.ref]
            for job in self.jobs
            if job.attempt.ref in ends and job.attempt.ended_at and job.state is State.SUCCEEDED
        )

    def recoveries(self) -> list[float]:
        """Seconds from a kill to the first ending after it."""
        found = []
        for kill in self.kills:
            after = [moment - kill.at for moment in self.endings if moment > kill.at]
            if after and kill.victim in ("worker", "redis"):
                found.append(min(after))
        return sorted(found)

    def _kind(self, kind: str) -> list[Job]:
        return [job for job in self.jobs if job.spec.kind == kind]


def _mistakes(logs: Path) -> list[str]:
    """Everything that failed for no reason that was foreseen, with the end of what was said."""
    lines = [line for log in sorted(logs.glob("*.log")) for line in log.read_text().splitlines()]
    return [line[-MISTAKE:] for line in lines if '"task.failed"' in line]


def _interrupted(deliveries: Mapping[str, list[Delivery]]) -> set[str]:
    """Jobs of which a handler was begun more often than it answered: it was killed in the act."""
    return {
        job_id
        for job_id, found in deliveries.items()
        if any(delivery.begun > len(delivery.tries) for delivery in found)
    }


def _told_after(deliveries: Mapping[str, list[Delivery]]) -> list[float]:
    """Seconds from what happened to the last try of a good handler."""
    return sorted(
        datetime.fromisoformat(delivery.tries[-1]["at"]).timestamp()
        - delivery.happened_at.timestamp()
        for found in deliveries.values()
        for delivery in found
        if delivery.lane == "handlers" and delivery.state == "done"
        if delivery.handler not in HANGING and delivery.tries
    )


def _right(job: Job, attempt: Attempt, task: dict[str, Any]) -> bool:
    end, true = _end(job, attempt), TRUTH.get(task["status"])
    if end == true or (end == "cancelled" and attempt.settled_by == "user"):
        return True
    if end != "failed" or attempt.error is None:
        return False
    # Check Task Output says 805 for a failed and for a cancelled task alike, and a graph that
    # will not run (433) fails at once, whatever becomes of its task.
    if true == "cancelled" and attempt.error.provider_code in ("805", "433"):
        return True
    # Given up unproved, out of time or without results is said as what it is.
    return attempt.error.code in ("unconfirmed", "timeout", "no_output")


def _end(job: Job, attempt: Attempt) -> str:
    state = attempt.state if attempt.n != job.attempt.n else job.state
    return state.value if state else ""


def _endings(job: Job) -> int:
    """How many endings of a job there were to tell: each attempt's, and late success."""
    return len(job.history.attempts) + 1


def _never_left(job: Job) -> bool:
    attempts = job.history.attempts
    return job.state is State.CANCELLED and len(attempts) == 1 and attempts[0].left_at is None


def _at_risk(jobs: list[Job]) -> str:
    amounts = [j.attempt.error.detail.get("money_at_risk") for j in jobs if j.attempt.error]
    known = [Decimal(amount.split()[0]) for amount in amounts if amount]
    return f"{sum(known, Decimal(0)):f} CNY and {len(amounts) - len(known)} of unknown price"
