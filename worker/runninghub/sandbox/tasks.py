"""The sandbox's tasks: accepted, running, ended, and what RunningHub would say of each."""

import re
import secrets
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from runhook.worker.runninghub.sandbox.faults import Chosen

# Seconds a task takes at pace 1: long enough to see each state, short enough to wait for.
SECONDS = {"image": 2.0, "video": 4.0, "audio": 2.0, "3d": 3.0, "string": 1.0, "comfy": 3.0}
LOOKS_FAILED_FOR = 3.0  # seconds a task with failed_then_succeeds is reported FAILED
EARLY_SHARE = 0.25  # of its time a task is QUEUED
# RunningHub's ids have 19 digits and are beyond 2^53, which JavaScript rounds.
FIRST_ID, IDS = 2_000_000_000_000_000_000, 9 * 10**17
# The failure of its own that RunningHub's users have met, and that a new task heals.
STALE = {
    "exception_type": "OSError",
    "node_name": "LoadImage",
    "exception_message": "[Errno 116] Stale file handle",
}

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a submit asks for.

    Attributes:
        model: An endpoint, or `workflow/<id>` and so on.
        kind: image, video, audio, 3d, string or comfy: what it makes.
        prompt: What is to be made, in words; rules match it.
        webhook_url: Where its end is reported; None: nowhere.
        legacy: It speaks the legacy shapes.
        body: The request without its key, for the books.
        money: What it costs when it succeeds.
    """

    model: str
    kind: str
    prompt: str
    webhook_url: str | None
    legacy: bool
    body: Json
    money: Decimal


@dataclass(kw_only=True)
class Task:
    """One task. Everything it will say follows from the clock and its faults.

    Attributes:
        id: 19 digits, as RunningHub's.
        model, kind, prompt, webhook_url, legacy, body: As `Wanted` has them.
        faults: What goes wrong with it.
        born: When it was accepted, on the monotonic clock; `born_at` by the calendar.
        seconds: How long it takes.
        base_url: Where the sandbox gives out its files.
        stopped: Somebody cancelled it.
        files: What it made, by name; made when first asked for.
        making: Held by whoever makes its files: a query may come beside its callback.
        money: What it costs when it succeeds; a legacy task costs a coin instead.
    """

    id: str
    model: str
    kind: str
    prompt: str
    webhook_url: str | None
    faults: Chosen
    born: float
    seconds: float
    base_url: str
    legacy: bool = False
    born_at: float = field(default_factory=time.time)
    ended_at: float | None = None
    stopped: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    making: threading.Lock = field(default_factory=threading.Lock)
    body: Json = field(default_factory=dict)
    money: Decimal = Decimal(0)

    def status(self) -> str:
        """QUEUED, RUNNING, SUCCESS, FAILED or CANCEL."""
        gone = time.monotonic() - self.born
        if self.stopped:
            return "CANCEL"
        if gone < self.seconds:
            if gone < self.seconds * EARLY_SHARE:
                return "QUEUED"
            return "RUNNING"
        if "cancelled" in self.faults:
            return "CANCEL"
        if any(fault in self.faults for fault in ("failed", "infrastructure", "node_errors")):
            return "FAILED"
        if "failed_then_succeeds" in self.faults and gone < self.seconds + LOOKS_FAILED_FOR:
            return "FAILED"
        return "SUCCESS"

    def shows_results(self) -> bool:
        """Whether a success has its results yet."""
        gone = time.monotonic() - self.born - self.seconds
        late = self.faults.seconds("late_output", 8)
        return "no_output" not in self.faults and gone >= late

    def results(self) -> list[tuple[str, str, str | None]]:
        """What it shows of its outputs now, as `outputs` has them."""
        if not self.shows_results():
            return []
        return outputs(self)


class Office:
    """All tasks of one sandbox."""

    def __init__(self, limit: int, pace: float, slot_lag: float) -> None:
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._live: list[Task] = []  # those that may still hold a slot
        self._limit = limit
        self._pace = pace
        self._lag = slot_lag
        self.calls: Counter[str] = Counter()
        self.folder = tempfile.TemporaryDirectory(prefix="runhook-sandbox-")
        self.uploads: dict[str, Path] = {}

    @property
    def limit(self) -> int:
        """Most tasks at once."""
        return self._limit

    def accept(self, wanted: "Wanted", faults: Chosen, base_url: str) -> Task | None:
        """Take a task; None when the key's limit is reached."""
        seconds = SECONDS[wanted.kind] * self._pace + faults.seconds("slow", 60)
        if "callback_early" in faults or "results_at_once" in faults:
            seconds = 0.0
        with self._lock:
            if self._in_flight() >= self._limit:
                return None
            number = str(FIRST_ID + secrets.randbelow(IDS))
            task = Task(
                id=number,
                model=wanted.model,
                kind=wanted.kind,
                prompt=wanted.prompt,
                webhook_url=wanted.webhook_url,
                faults=faults,
                born=time.monotonic(),
                seconds=seconds,
                base_url=base_url,
                legacy=wanted.legacy,
                body=wanted.body,
                money=wanted.money,
            )
            self._tasks[number] = task
            self._live.append(task)
        return task

    def counts(self) -> tuple[int, int]:
        """How many run, and how many are queued."""
        with self._lock:
            words = Counter(task.status() for task in self._live)
        return words["RUNNING"], words["QUEUED"]

    def charged(self) -> tuple[Decimal, int]:
        """Money and coins that the tasks so far have cost."""
        with self._lock:
            done = [task for task in self._tasks.values() if task.status() == "SUCCESS"]
        money = sum((task.money for task in done if not task.legacy), Decimal(0))
        return money, sum(task.legacy for task in done)

    def get(self, task_id: Any) -> Task | None:
        """The task of that id."""
        return self._tasks.get(str(task_id))

    def stop(self, task: Task) -> bool:
        """Cancel it; False when it has ended."""
        with self._lock:
            if "cancel_refused" in task.faults or task.status() not in ("QUEUED", "RUNNING"):
                return False
            task.stopped = True
            return True

    def keep(self, filename: str | None, save: Callable[[Path], None]) -> str:
        """Keep an uploaded file under a name of ours."""
        ending = re.sub(r"\W", "", (filename or "x.bin").rpartition(".")[2]) or "bin"
        with self._lock:
            name = f"{len(self.uploads) + 1:08d}.{ending}"
            self.uploads[name] = Path(self.folder.name) / name
        save(self.uploads[name])
        return name

    def books(self) -> Json:
        """What was accepted and asked, for whoever checks."""
        with self._lock:
            tasks = [
                {
                    "taskId": t.id,
                    "model": t.model,
                    "status": t.status(),
                    "webhookUrl": t.webhook_url,
                    "prompt": t.prompt,
                    "faults": sorted(t.faults.values),
                    "bornAt": t.born_at,
                    "endsAt": t.born_at + t.seconds,
                    "body": t.body,
                }
                for t in self._tasks.values()
            ]
            uploads = {name: path.stat().st_size for name, path in self.uploads.items()}
        return {
            "accepted": len(tasks),
            "calls": dict(self.calls),
            "tasks": tasks,
            "uploads": uploads,
        }

    def _in_flight(self) -> int:
        now = time.monotonic()
        self._live = [
            task
            for task in self._live
            if task.status() in ("QUEUED", "RUNNING") or now < task.born + task.seconds + self._lag
        ]
        return len(self._live)


def spoken_id(task: Task) -> str | int:
    """Its id as answers write it."""
    if "numeric_id" in task.faults:
        return int(task.id)
    return task.id


def outputs(task: Task) -> list[tuple[str, str, str | None]]:
    """(ending, url, text) of what it made."""
    # Only here: it needs Pillow, which an installation without `local` does not have.
    from runhook.worker.runninghub.sandbox.outputs import make

    many = 1
    if "many_outputs" in task.faults:
        many = int(task.faults.value("many_outputs", 3))
    with task.making:
        while len(task.files) < many:
            ending, data = make(task.kind, task.prompt, task.id)
            name = task.id
            if task.files:
                name = f"{task.id}-{len(task.files)}"
            task.files[f"{name}.{ending}"] = data
    return [_row(task, name, data) for name, data in task.files.items()]


def _row(task: Task, name: str, data: bytes) -> tuple[str, str, str | None]:
    ending, url = name.rpartition(".")[2], f"{task.base_url}/view/{name}"
    if ending == "txt":
        return ending, url, data.decode()
    return ending, url, None


def _v2_result(ending: str, url: str, text: str | None) -> Json:
    """A text comes without a URL, as the reference's example of query V2 has it."""
    result: Json = {"url": url, "nodeId": "2", "outputType": ending, "text": text}
    if text:
        result["url"] = None
    return result


def query_answer(task: Task) -> Json:
    """What query V2 says, and a V2 callback's event data."""
    status = task.status()
    said: Json = {
        "taskId": spoken_id(task),
        "status": status,
        "errorCode": "",
        "errorMessage": "",
        "results": None,
        "clientId": "",
        "promptTips": "",
    }
    usage = {
        "consumeMoney": None,
        "consumeCoins": None,
        "taskCostTime": "0",
        "thirdPartyConsumeMoney": f"{task.money:f}",
    }
    if status == "SUCCESS":
        said |= {
            "failedReason": {},
            "usage": usage,
            "results": [_v2_result(*row) for row in task.results()],
        }
    elif status == "FAILED":
        said |= {
            "errorCode": f"{task.faults.value('failed', 1000):.0f}",
            "errorMessage": "unknown error",
            "failedReason": _reason(task),
            "usage": usage | {"thirdPartyConsumeMoney": None},
        }
    return said


def outputs_answer(task: Task) -> Json:
    """What Check Task Output says, and a legacy callback's event data."""
    status = task.status()
    if status == "QUEUED":
        return {"code": 813, "msg": "APIKEY_TASK_IS_QUEUED", "data": None}
    if status == "RUNNING":
        return {"code": 804, "msg": "APIKEY_TASK_IS_RUNNING", "data": {"netWssUrl": None}}
    if status != "SUCCESS":
        return {
            "code": 805,
            "msg": "APIKEY_TASK_STATUS_ERROR",
            "data": {"failedReason": _reason(task)},
        }
    return {
        "code": 0,
        "msg": "success",
        "data": [
            {
                "fileUrl": url,
                "fileType": ending,
                "taskCostTime": "3",
                "nodeId": "9",
                "thirdPartyConsumeMoney": None,
                "consumeMoney": None,
                "consumeCoins": "1",
            }
            for ending, url, _ in task.results()
        ],
    }


def _reason(task: Task) -> Json:
    reason = {
        "current_outputs": "{}",
        "exception_type": "RuntimeError",
        "node_name": "KSampler",
        "current_inputs": "{}",
        "traceback": "[]",
        "node_id": "3",
        "exception_message": "the sandbox was asked to fail",
    }
    if "infrastructure" in task.faults:
        return reason | STALE
    return reason
