"""Asking for jobs and striking at the same time."""

import contextlib
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runhook.worker.errors import RunhookError
from runhook.worker.flows.create import keep
from runhook.worker.runninghub.sandbox.outputs import make
from tests.chaos.backwards import WentBack, go_back, kill
from tests.chaos.kinds import TROUBLES, prompt_in
from tests.chaos.plan import Plan
from tests.chaos.trees import Trees
from tests.conftest import eventually
from tests.journeys.conftest import Town

ASSETS = 6
OF_TREES = 10**6  # from which on a number is that of a job of a tree
PATIENCE = 60
BAD_KEY = 1.0  # seconds for which the key is good for nothing: what is sent then fails, free


@dataclass(frozen=True)
class Kill:
    """One blow."""

    at: float
    victim: str


@dataclass
class Storm:
    """What is asked, and what was done to it.

    Attributes:
        ids: The job of each number.
        forgotten: The prompts of jobs that were taken, and of which Redis knew nothing any more
            when it had gone back.
        files: The asset of each fault that a file has.
        trees: Pipelines among them.
    """

    town: Town
    plan: Plan
    folder: Path
    ids: dict[int, str] = field(default_factory=dict)
    forgotten: dict[str, str] = field(default_factory=dict)
    kills: list[Kill] = field(default_factory=list)
    backs: list[WentBack] = field(default_factory=list)
    assets: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    trees: Trees = field(default_factory=lambda: Trees(0))

    def prepare(self) -> None:
        """Keep the files, and let the sandbox make its faults."""
        self.assets = [_asset(self.town, self.folder, str(number)) for number in range(ASSETS)]
        faults = [trouble.file for trouble in TROUBLES.values() if trouble.file]
        self.files = {fault: _asset(self.town, self.folder, fault) for fault in faults}
        # The faults refuse what tells the key's limit; until it is known, jobs go one by one.
        queue = self.town.w.store.queue
        eventually(lambda: queue.state().limit > 1, PATIENCE, lambda: str(queue.state()))
        self._set_faults()

    def ask_for_jobs(self) -> None:
        """Ask for every job until it is taken; each has a key, so asking twice is one job."""
        whims = self.plan.whims()
        for number, body in enumerate(self.plan.bodies(self.assets, self.files)):
            self.ids[number] = _posted(self.town, body, self._key(number))
            with contextlib.suppress(urllib.error.URLError, RunhookError, OSError):
                _follow_whim(self.town, next(whims), self.ids[number])
            if number in self.plan.trees:
                self._ask_for_tree(number)
            time.sleep(self.plan.pace)

    def strike(self, asking: threading.Thread) -> None:
        """Kill and strike as planned; everything killed is started again at once."""
        for wait, victim in self.plan.blows():
            time.sleep(wait)
            self.kills.append(Kill(time.time(), victim))
            self._strike(victim)
            tend(self.town)
        while asking.is_alive():
            time.sleep(0.2)
            tend(self.town)

    def ask_again(self) -> None:
        """Redis went back: ask again for jobs that it knows nothing of any more."""
        bodies = list(self.plan.bodies(self.assets, self.files)) if self.backs else []
        for number, body in enumerate(bodies):
            if _is_gone(self.town, self.ids[number]):
                self.forgotten[self.ids[number]] = prompt_in(body["input"])
                self.ids[number] = _posted(self.town, body, self._key(number))

        for number, names in dict(self.trees.ids).items():
            if self.backs and any(_is_gone(self.town, name) for name in names):
                self.forgotten |= {name: f"tree {number}.{n}" for n, name in enumerate(names)}
                self._ask_for_tree(number)

    def _ask_for_tree(self, number: int) -> None:
        for place, name in enumerate(self.trees.ask(self.town, number)):
            self.ids[OF_TREES + 10 * number + place] = name

    def keep_alive(self, deadline: float) -> None:
        """Wait until every job has ended, or for so long."""
        while time.monotonic() < deadline:
            tend(self.town)
            _let_go(self.town)
            with contextlib.suppress(RunhookError):
                jobs = self.town.w.store.jobs.many(list(self.ids.values()))
                if all(job.state.ended for job in jobs):
                    return
            time.sleep(1)

    def ended(self) -> list[str]:
        """The jobs that have ended."""
        jobs = self.town.w.store.jobs.many(list(self.ids.values()))
        return [job.id for job in jobs if job.state.ended]

    def _key(self, number: int) -> str:
        return f"{self.plan.seed}/{number}"

    def _strike(self, victim: str) -> None:
        match victim:
            case "redis":
                kill(self.town.server)
                self.town.server.start()
            case "backwards":
                self.backs.append(go_back(self.town.server, self.folder))
            case "key":
                self._set_faults(key_refused=1.0)
                time.sleep(BAD_KEY)
                self._set_faults()
            case _:
                _kill(self.town, victim)

    def _set_faults(self, **more: float) -> None:
        faults = self.plan.faults(self.files, **more)
        self.town.sandbox.faults(*faults.pop("rules"), **faults)


def tend(town: Town) -> None:
    """Start again what has ended; so many deaths in a minute are wanted here."""
    for starts in town.fleet._starts.values():
        starts.forget()
    town.fleet.tend()


def _kill(town: Town, name: str) -> None:
    killed = town.fleet.pids()[name]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(killed, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while town.fleet.pids()[name] == killed and time.monotonic() < deadline:
        tend(town)
        time.sleep(0.02)


def _asset(town: Town, folder: Path, name: str) -> str:
    path = folder / f"asset-{name}.png"
    path.write_bytes(make("image", f"asset {name}", name)[1])
    with path.open("rb") as file:
        return keep(town.w, path.name, file).id


def _posted(town: Town, body: Mapping[str, object], key: str) -> str:
    for _ in range(PATIENCE * 4):
        try:
            return str(town.post(body, **{"Idempotency-Key": key})["id"])
        except urllib.error.HTTPError as error:
            if error.code == 422:
                raise AssertionError(error.read()) from None
        except OSError:
            pass
        time.sleep(0.25)
    raise AssertionError(f"nobody took job {key} for {PATIENCE} s")


def _is_gone(town: Town, job_id: str) -> bool:
    for _ in range(PATIENCE):
        with contextlib.suppress(RunhookError):
            return not town.w.store.jobs.many([job_id])
        time.sleep(1)
    raise AssertionError(f"Redis did not answer for {PATIENCE} s")


def _follow_whim(town: Town, whim: str, job_id: str) -> None:
    if whim == "pause":
        town.w.store.queue.pause(True)
        time.sleep(0.5)
        _let_go(town)
    elif whim:
        request = urllib.request.Request(f"{town.web}/v1/jobs/{job_id}/{whim}", b"", method="POST")
        urllib.request.urlopen(request, timeout=20).close()


def _let_go(town: Town) -> None:
    """As the owner does who saw that the line is paused, whatever for."""
    for _ in range(PATIENCE):
        with contextlib.suppress(RunhookError):
            if town.w.store.queue.state().paused:
                town.w.store.queue.pause(False)
            return
        time.sleep(1)
