"""Any interleaving of work, callbacks, crashes, lost messages and clock steps keeps the promises.

The store and the flows are real; RunningHub is a value that hypothesis plays. A crash is an
exception that nobody catches, at any script: what a killed process leaves behind.
"""

import dataclasses
import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from runhook.worker.domain import policy
from runhook.worker.domain.handlers import Handler, HandlerEvent, Registry
from runhook.worker.domain.jobs import LOCAL, Job, State
from runhook.worker.domain.lanes import LANES
from runhook.worker.domain.provider import Submit
from runhook.worker.domain.reports import (
    Accepted,
    Busy,
    Capacity,
    Cost,
    Error,
    LivePrice,
    NeverLeft,
    Output,
    Recorded,
    Refused,
    Report,
    SubmitAnswer,
    TaskState,
    Uncertain,
)
from runhook.worker.errors import Conflict, OverBudget, ProviderRefused, ProviderSilent
from runhook.worker.flows import create
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.create import JobRequest
from runhook.worker.flows.drain import drain
from runhook.worker.flows.pump import published
from runhook.worker.flows.resolve import retry
from runhook.worker.flows.steps import books
from runhook.worker.money.budgets import holds_of
from runhook.worker.runninghub.capabilities import CAPABILITIES, line_of
from runhook.worker.runninghub.codes import explain, other_model_may
from runhook.worker.runninghub.wire import read_callback
from tests.conftest import IMAGE, Build, House
from tests.turns import wrong_turns

OFFICIAL = "rhart-image-n-pro-official/text-to-image"
ANSWERS = (
    *("accepted", "lost", "lost unaccepted", "both", "busy", "refused", "not sold"),
    "never left",
)
ENDS: dict[str, State] = {
    "succeeded": State.SUCCEEDED,
    "failed": State.FAILED,
    "cancelled": State.CANCELLED,
}
OWN_FAILURE = "1000"  # what a task fails with, which another model may make good
LIMIT, LIMIT_OF_ONE = 3, 2
PRICE = Decimal("0.40")  # of IMAGE
BUDGET = "6.00"  # of which a long history finds the end
PICTURE = (Output(url="https://a.example/x.png", type="png"),)
WORDS: tuple[Callable[..., Job], ...] = (cancel, retry)  # what a user may say of a job


class Crash(BaseException):
    """The process is gone."""


@dataclasses.dataclass
class Task:
    """One task at RunningHub."""

    ref: str
    url: str
    model: str
    state: TaskState = "running"

    def report(self) -> Report:
        """What RunningHub says of it."""
        if self.state == "succeeded":
            cost = Cost(money=f"{PRICE}")
            return Report(ref=self.ref, state="succeeded", outputs=PICTURE, cost=cost)
        error = None
        if self.state == "failed":
            error = Error(code="failed", message="it failed", provider_code=OWN_FAILURE)
        return Report(ref=self.ref, state=self.state, outputs=(), error=error)


class Provider:
    """RunningHub, as the client shows it."""

    heard: None = None
    capabilities = CAPABILITIES
    line_of = staticmethod(line_of)
    explain = staticmethod(explain)
    other_model_may = staticmethod(other_model_may)

    def listening(self) -> "Provider":
        """It tells nobody what it was asked."""
        return self

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        self.next = "accepted"
        self.away = False
        self.deadly = False  # whoever submits dies before he hears the answer

    def submit(self, wanted: Submit, leaving: Callable[[], bool]) -> SubmitAnswer | None:
        """Play one answer."""
        if self.next == "never left":
            return NeverLeft(why="no connection")
        if not leaving():
            return None
        ref = str(2 * 10**18 + len(self.tasks))
        if self.next in ("accepted", "lost", "both"):
            self.tasks[ref] = Task(ref, str(wanted.webhook_url), wanted.model)
        if self.deadly:
            raise Crash
        match self.next:
            case "accepted":
                return Accepted(ref)
            case "both":
                return Uncertain(why="an id with an error", code="421", ref=ref, busy=True)
            case "busy":
                return Busy(code="421", message="later")
            case "refused":
                return Refused(Error(code="rejected", message="no", provider_code="1007"))
            case "not sold":
                return Refused(Error(code="rejected", message="no", provider_code="1001"))
            case _:
                return Uncertain(why="no answer", outage=True)

    def report(self, ref: str, kind: str, *, legacy: bool = False) -> Report:
        """Query."""
        self._answer()
        task = self.tasks.get(ref)
        return task.report() if task else Report(ref=ref, state="unknown")

    def price(self, model: str, given: dict[str, Any]) -> LivePrice:
        """As the catalogue has it."""
        self._answer()
        return LivePrice(PRICE, "CNY")

    def calls_of_report(self, kind: str, *, legacy: bool) -> int:
        """Query is one call."""
        return 1

    def signs_of_life(self) -> tuple[Callable[[], object], ...]:
        """Anything."""
        return (self.capacity,)

    def read_callback(self, body: bytes) -> Report:
        """As the client reads it."""
        return read_callback(body)

    def recorded(self, ref: str) -> Recorded | None:
        """The record of a callback."""
        self._answer()
        task = self.tasks.get(ref)
        if task is None or task.state not in ENDS:
            return None
        return Recorded("1", task.url, task.report())

    def cancel(self, ref: str) -> None:
        """Stop a task."""
        self._answer()
        task = self.tasks.get(ref)
        if task is None or task.state != "running":
            raise ProviderRefused("no such task", "807")
        task.state = "cancelled"

    def capacity(self) -> Capacity:
        """How many run."""
        self._answer()
        return Capacity(limit=5, total=sum(task.state == "running" for task in self.tasks.values()))

    def _answer(self) -> None:
        if self.away:
            raise ProviderSilent("away")


class Interleaving(RuleBasedStateMachine):
    """One history."""

    begun = False
    house: House  # one for all histories: its web server would live as long as the test
    heard: ClassVar[Counter[str]] = Counter()  # by job, how often its handler was called

    @initialize()
    def begin(self) -> None:
        """An empty house."""
        self.heard.clear()
        self.house.begin_anew()
        self.provider = Provider()
        self.w = dataclasses.replace(
            self.house.w,
            client=self.provider,  # type: ignore[arg-type]
        )
        self.begun = True
        self.w.store.processes.publish_handlers(published(self.w))
        self.ids: list[str] = []
        self.ended: dict[str, State] = {}
        self.retried: set[str] = set()

    @rule(answer=st.sampled_from(ANSWERS))
    def answers(self, answer: str) -> None:
        """From now on submits are answered so."""
        self.provider.next = answer

    @rule(away=st.booleans())
    def goes_away(self, away: bool) -> None:
        """Free questions are answered, or not."""
        self.provider.away = away

    @rule(
        expires=st.sampled_from([0, 0, 0, 30]),
        other=st.booleans(),
        tenant=st.sampled_from([LOCAL, "b"]),
    )
    def asks(self, expires: int, other: bool, tenant: str) -> None:
        """A new job of either tenant, perhaps with a model to go on with."""
        options: dict[str, Any] = {"expires_in": expires} if expires else {}
        options |= {"fallback": [OFFICIAL]} if other else {}
        asked = JobRequest(model=IMAGE, input={"prompt": "a"}, options=options, tenant=tenant)
        with suppress(OverBudget):
            self.ids.append(create.request(self.w, asked)[1].id)

    @precondition(lambda self: self._busy())
    @rule(data=st.data(), many=st.integers(1, 4))
    def works(self, data: st.DataObject, many: int) -> None:
        """Some wake-ups of a lane are worked through."""
        lane = data.draw(st.sampled_from(self._busy()))
        for _ in range(many):
            self._look(lane)

    @precondition(lambda self: self._busy())
    @rule(data=st.data(), at=st.integers(1, 6), before=st.booleans())
    def crashes(self, data: st.DataObject, at: int, before: bool) -> None:
        """A holder dies at some script."""
        lane = data.draw(st.sampled_from(self._busy()))
        scripts = self.w.store.jobs._scripts
        run, count = scripts.run, 0

        def until(name: str, *args: Any) -> Any:
            nonlocal count
            count += 1
            if count == at and before:
                raise Crash
            found = run(name, *args)
            if count == at:
                raise Crash
            return found

        scripts.run = until  # type: ignore[method-assign]
        try:
            self._look(lane)
        except Crash:
            pass
        finally:
            del scripts.run

    @rule(later=st.sampled_from([0, 31, 65]))
    def dies_with_the_answer(self, later: float) -> None:
        """A sender dies between the paid request and the record of its answer; another looks."""
        if "send" not in self._busy():
            self.asks(expires=0, other=False, tenant=LOCAL)
            self._look("line")
        self.provider.deadly = True
        try:
            self._look("send")
        except Crash:
            pass
        finally:
            self.provider.deadly = False
        self.time_passes(later)
        self._look("send")

    @precondition(lambda self: self._busy())
    @rule(data=st.data())
    def message_is_lost(self, data: st.DataObject) -> None:
        """A wake-up vanishes."""
        self.house.raw.rpop(f"runhook:queue:{data.draw(st.sampled_from(self._busy()))}")

    @rule(seconds=st.sampled_from([0.5, 3, 6, 31, 65, 130]))
    def time_passes(self, seconds: float) -> None:
        """And the pump goes on."""
        self.house.clock.advance(seconds)
        self.w.store.duties.pump("test", 3, thorough=False)

    @precondition(lambda self: self.provider.tasks)
    @rule(data=st.data(), end=st.sampled_from(list(ENDS)), told=st.integers(0, 2))
    def a_task_ends(self, data: st.DataObject, end: TaskState, told: int) -> None:
        """With its callback lost, told or doubled. A late success overrules a failure."""
        task = self.provider.tasks[data.draw(st.sampled_from(sorted(self.provider.tasks)))]
        if task.state == "running" or (task.state == "failed" and end == "succeeded"):
            task.state = end
        for _ in range(told if task.state in ENDS else 0):
            self._call_back(task)

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), word=st.sampled_from(WORDS))
    def the_user_speaks(self, data: st.DataObject, word: Callable[..., Job]) -> None:
        """He cancels a job, or wants it again."""
        job_id = data.draw(st.sampled_from(self.ids))
        try:
            word(self.w, job_id)
        except (Conflict, OverBudget, ProviderSilent):
            return
        if word is retry:
            self.retried.add(job_id)
            self.ended.pop(job_id, None)

    @invariant()
    def nothing_is_paid_twice(self) -> None:
        """One acceptance an attempt."""
        if hasattr(self, "provider"):
            urls = Counter(task.url for task in self.provider.tasks.values())
            assert all(count == 1 for count in urls.values())

    @invariant()
    def each_attempt_is_of_its_own_model(self) -> None:
        """And the next one is paid for only behind one that is over."""
        if not self.begun:
            return
        for job in self._jobs():
            mine = [t for t in self.provider.tasks.values() if t.url.split("/")[-3] == job.id]
            for task in mine:
                attempt = job.nth(int(task.url.split("/")[-2]))
                assert attempt is None or task.model == job.model_of(attempt)
            others = [t for t in mine if t.model == OFFICIAL]
            if others and job.id not in self.retried:
                assert all(t.state != "running" for t in mine if t.model == IMAGE)

    @invariant()
    def never_more_run_than_the_limit(self) -> None:
        """Whoever is killed. What was given up, or let go of unproved, nobody here can count."""
        if not self.begun:
            return
        raw = self.house.raw
        counted = {
            *raw.zrange("runhook:jobs:state:sending", 0, -1),
            *raw.zrange("runhook:jobs:state:running", 0, -1),
            *raw.smembers("runhook:holding"),
        }
        there = {t.url.split("/")[-3].encode() for t in self._running()}
        assert len(there & counted) <= LIMIT

    @invariant()
    def turns_are_those_of_what_stands_and_is_in_flight(self) -> None:
        """And nobody has more in flight than it may."""
        if not self.begun:
            return
        assert wrong_turns(self.house.raw) == []
        flying = Counter(row.split()[0] for row in self.house.raw.zrange("runhook:flight", 0, -1))
        assert all(count <= LIMIT_OF_ONE for count in flying.values())

    @invariant()
    def an_end_is_an_end(self) -> None:
        """But for late success, and the user's retry."""
        for job in self._jobs():
            before = self.ended.get(job.id)
            if before and job.state is not before:
                assert (before, job.state) == (State.FAILED, State.SUCCEEDED)
            if job.state.ended:
                self.ended[job.id] = job.state

    @invariant()
    def every_job_has_a_way_forward(self) -> None:
        """And every duty a job."""
        raw = self.begun and self.house.raw
        if not raw:
            return
        due = {
            lane: {m.decode() for m in raw.zrange(f"runhook:due:{lane}", 0, -1)} for lane in LANES
        }
        known = set(self.ids)
        for lane in ("send", "intake", "reconcile"):
            for duty in due[lane]:
                assert {*duty.split("/")} & known, f"a duty of no job: {lane} {duty}"
        for job in self._jobs():
            duty = f"{job.id}/{job.attempt.n}"
            match job.state:
                case State.QUEUED:
                    assert due["line"] or raw.zcard("runhook:jobs:state:sending") or self._holders()
                case State.SENDING:
                    assert duty in due["send"], f"{job.id} is sending and nobody sends it"
                case State.RUNNING | State.UNCONFIRMED:
                    assert duty in due["reconcile"], f"{job.id} is {job.state}, nobody asks"

    def teardown(self) -> None:
        """In the end all is well: every job has ended, and somebody heard of each end."""
        if not hasattr(self, "provider"):
            return
        self.provider.away, self.provider.next = False, "accepted"
        for _ in range(80):
            for task in self.provider.tasks.values():
                if task.state == "running":
                    task.state = "succeeded"
                self._call_back(task)
            while any(self._look(lane) for lane in LANES):
                pass
            if all(job.state.ended for job in self._jobs()) and not self._owed():
                break
            self.time_passes(65)
        for job in self._jobs():
            assert job.state.ended, f"{job} never ends: {self.house.notes(job)}"
            assert self.heard[job.id], f"nobody heard of {job}"
            self._true(job)
        self.nothing_is_paid_twice()
        self._books_agree()

    def _true(self, job: Job) -> None:
        """A success is one, and what succeeded is not called failed unless it was given up."""
        task = self.provider.tasks.get(job.attempt.ref or "")
        if job.state is State.SUCCEEDED:
            assert task is not None
            assert task.state == "succeeded"
        elif task is not None and task.state == "succeeded" and job.state is State.FAILED:
            assert job.attempt.error
            assert job.attempt.error.code in ("timeout", "unconfirmed"), job

    def _books_agree(self) -> None:
        """The days say what the jobs say, and of budgets is held what jobs hold."""
        agreed = books.compare(self.w)
        assert (agreed.unbooked, agreed.differing) == ([], [])
        held: Counter[tuple[str, str]] = Counter()
        for job in self._jobs():
            for day, count in holds_of(job).items():
                held[day, "all"] += count
                if job.tenant == LOCAL:
                    held[day, "of:local"] += count
        for (day, field), count in held.items():
            assert int(self.house.raw.hget(f"runhook:budget:{day}", field)) == count

    def _running(self) -> list[Task]:
        return [task for task in self.provider.tasks.values() if task.state == "running"]

    def _busy(self) -> list[str]:
        """Lanes with wake-ups."""
        if not self.begun:
            return []
        return [lane for lane in LANES if self.house.raw.llen(f"runhook:queue:{lane}")]

    def _owed(self) -> int:
        lanes = ("send", "intake", "fanout", "handlers")
        return sum(int(self.house.raw.zcard(f"runhook:due:{lane}")) for lane in lanes)

    def _jobs(self) -> list[Job]:
        return self.w.store.jobs.many(self.ids) if getattr(self, "ids", None) else []

    def _holders(self) -> int:
        states = ("running", "unconfirmed")
        return sum(int(self.house.raw.zcard(f"runhook:jobs:state:{state}")) for state in states)

    def _look(self, lane: str) -> bool:
        if self.house.raw.rpop(f"runhook:queue:{lane}") is None:
            return False
        drain(self.w, lane)
        return True

    def _call_back(self, task: Task) -> None:
        job_id, n = task.url.split("/")[-3:-1]
        status = {"succeeded": "SUCCESS", "failed": "FAILED", "cancelled": "CANCEL"}[task.state]
        results = [{"url": PICTURE[0].url, "outputType": "png"}] if status == "SUCCESS" else None
        code = OWN_FAILURE if status == "FAILED" else ""
        event = {"taskId": task.ref, "status": status, "errorCode": code, "results": results}
        body = json.dumps({"event": "TASK_END", "taskId": task.ref, "eventData": event}).encode()
        self.w.store.callbacks.take(job_id, int(n), "callback", body)


def _hear(event: HandlerEvent) -> None:
    Interleaving.heard[event.job.id] += 1


@pytest.mark.timeout(300)
def test_any_interleaving_keeps_the_promises(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "DRAINED_AT_ONCE", 1)  # anything may happen between two duties
    handlers = Registry()
    kinds = ("job.succeeded", "job.failed", "job.cancelled")
    handlers.add(Handler(name="heard", types=kinds, model=None, target=_hear))
    Interleaving.house = build(
        handlers,
        RUNHOOK_CONCURRENCY=LIMIT,
        RUNHOOK_TENANT_CONCURRENCY=LIMIT_OF_ONE,
        RUNHOOK_UNCONFIRMED_AFTER=200,
        RUNHOOK_BUDGET_DAY=BUDGET,
    )
    run_state_machine_as_test(
        Interleaving,
        settings=settings(
            max_examples=60,
            phases=[Phase.explicit, Phase.generate],  # shrinking takes longer than CI waits
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
