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

SECONDS = {"image": 2.0, "video": 4.0, "audio": 2.0, "3d": 3.0, "string": 1.0, "comfy": 3.0}
LOOKS_FAILED_FOR = 3.0  # seconds a task with failed_then_succeeds is reported FAILED
EARLY_SHARE = 0.25  # of its time a task is QUEUED

Json = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What a submit asks for."""

    model: str
    kind: str  # image, video, audio, 3d, string; comfy
    prompt: str
    webhook_url: str | None
    legacy: bool
    body: Json
    money: Decimal


@dataclass
class Task:
    """One task. Everything it will say follows from the clock and its faults."""

    id: str
    model: str
    kind: str
    prompt: str
    webhook_url: str | None
    faults: Chosen
    born: float
    seconds: float
    base_url: str
    legacy: bool = False  # it speaks the legacy shapes
    born_at: float = field(default_factory=time.time)
    ended_at: float | None = None
    stopped: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    body: Json = field(default_factory=dict)
    money: Decimal = Decimal(0)  # what it costs when it succeeds; legacy tasks cost a coin

    def status(self) -> str:
        """QUEUED, RUNNING, SUCCESS, FAILED or CANCEL."""
        gone = time.monotonic() - self.born
        if self.stopped:
            return "CANCEL"
        if gone < self.seconds:
            return "QUEUED" if gone < self.seconds * EARLY_SHARE else "RUNNING"
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
        late = self.faults.value("late_output", 8) if "late_output" in self.faults else 0
        return "no_output" not in self.faults and gone >= late


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
        slow = faults.value("slow", 60) if "slow" in faults else 0.0
        instant = "callback_early" in faults or "results_at_once" in faults
        seconds = 0.0 if instant else SECONDS[wanted.kind] * self._pace + slow
        with self._lock:
            if self._in_flight() >= self._limit:
                return None
            number = str(2_000_000_000_000_000_000 + secrets.randbelow(9 * 10**17))
            task = Task(
                number,
                wanted.model,
                wanted.kind,
                wanted.prompt,
                wanted.webhook_url,
                faults,
                time.monotonic(),
                seconds,
                base_url,
                wanted.legacy,
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
    return int(task.id) if "numeric_id" in task.faults else task.id


def outputs(task: Task) -> list[tuple[str, str, str | None]]:
    """(ending, url, text) of what it made."""
    from runhook.worker.runninghub.sandbox.outputs import make

    many = int(task.faults.value("many_outputs", 3)) if "many_outputs" in task.faults else 1
    while len(task.files) < many:
        ending, data = make(task.kind, task.prompt, task.id)
        name = f"{task.id}-{len(task.files)}" if task.files else task.id
        task.files[f"{name}.{ending}"] = data
    rows = []
    for name, data in task.files.items():
        ending = name.rpartition(".")[2]
        text = data.decode() if ending == "txt" else None
        rows.append((ending, f"{task.base_url}/view/{name}", text))
    return rows


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
        rows = outputs(task) if task.shows_results() else []
        said |= {
            "failedReason": {},
            "usage": usage,
            "results": [
                {"url": None if text else url, "nodeId": "2", "outputType": ending, "text": text}
                for ending, url, text in rows
            ],
        }
    elif status == "FAILED":
        said |= {
            "errorCode": "1000",
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
    rows = outputs(task) if task.shows_results() else []
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
            for ending, url, _ in rows
        ],
    }


def _reason(task: Task) -> Json:
    stale = "infrastructure" in task.faults
    return {
        "current_outputs": "{}",
        "exception_type": "OSError" if stale else "RuntimeError",
        "node_name": "LoadImage" if stale else "KSampler",
        "current_inputs": "{}",
        "traceback": "[]",
        "node_id": "3",
        "exception_message": "[Errno 116] Stale file handle"
        if stale
        else "the sandbox was asked to fail",
    }
