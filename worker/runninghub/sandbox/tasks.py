"""The sandbox's tasks: accepted, running, ended, and what RunningHub would say of each."""

import secrets
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from worker.runninghub.sandbox.faults import Chosen

SECONDS = {"image": 2.0, "video": 4.0, "audio": 2.0, "3d": 3.0, "string": 1.0, "workflow": 3.0}
LOOKS_FAILED_FOR = 3.0  # seconds a task with failed_then_succeeds is reported FAILED
EARLY_SHARE = 0.25  # of its time a task is QUEUED

Json = dict[str, Any]


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
    ended_at: float | None = None
    stopped: bool = False
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def legacy(self) -> bool:
        """Whether it speaks the legacy shapes."""
        return self.kind == "workflow"

    def status(self) -> str:
        """QUEUED, RUNNING, SUCCESS, FAILED or CANCEL."""
        gone = time.monotonic() - self.born
        if self.stopped:
            return "CANCEL"
        if gone < self.seconds:
            return "QUEUED" if gone < self.seconds * EARLY_SHARE else "RUNNING"
        if "cancelled" in self.faults:
            return "CANCEL"
        if "failed" in self.faults:
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
        self._limit = limit
        self._pace = pace
        self._lag = slot_lag
        self.calls: Counter[str] = Counter()
        self.uploads: dict[str, bytes] = {}

    @property
    def limit(self) -> int:
        """Most tasks at once."""
        return self._limit

    def accept(
        self,
        model: str,
        kind: str,
        prompt: str,
        webhook_url: str | None,
        faults: Chosen,
        base_url: str,
    ) -> Task | None:
        """Take a task; None when the key's limit is reached."""
        slow = faults.value("slow", 60) if "slow" in faults else 0.0
        instant = "callback_early" in faults or "results_at_once" in faults
        seconds = 0.0 if instant else SECONDS[kind] * self._pace + slow
        with self._lock:
            if self._in_flight() >= self._limit:
                return None
            number = str(2_000_000_000_000_000_000 + secrets.randbelow(9 * 10**17))
            task = Task(
                number,
                model,
                kind,
                prompt,
                webhook_url,
                faults,
                time.monotonic(),
                seconds,
                base_url,
            )
            self._tasks[number] = task
        return task

    def counts(self) -> tuple[int, int]:
        """How many run, and how many are queued."""
        with self._lock:
            words = Counter(task.status() for task in self._tasks.values())
        return words["RUNNING"], words["QUEUED"]

    def get(self, task_id: Any) -> Task | None:
        """The task of that id."""
        return self._tasks.get(str(task_id))

    def stop(self, task: Task) -> bool:
        """Cancel it; False when it has ended."""
        with self._lock:
            if task.status() not in ("QUEUED", "RUNNING"):
                return False
            task.stopped = True
            return True

    def keep(self, filename: str | None, data: bytes) -> str:
        """Keep an uploaded file under a name of ours."""
        name = f"{len(self.uploads) + 1:08d}.{(filename or 'x.bin').rpartition('.')[2]}"
        self.uploads[name] = data
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
                }
                for t in self._tasks.values()
            ]
        return {"accepted": len(tasks), "calls": dict(self.calls), "tasks": tasks}

    def _in_flight(self) -> int:
        now = time.monotonic()
        return sum(
            task.status() in ("QUEUED", "RUNNING") or now < task.born + task.seconds + self._lag
            for task in self._tasks.values()
        )


def outputs(task: Task) -> list[tuple[str, str, str | None]]:
    """(ending, url, text) of what it made."""
    from worker.runninghub.sandbox.outputs import make

    if not task.files:
        ending, data = make(task.kind, task.prompt, task.id)
        task.files[f"{task.id}.{ending}"] = data
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
        "taskId": task.id,
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
        "thirdPartyConsumeMoney": "0.14",
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
            "failedReason": _reason(),
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
        return {"code": 805, "msg": "APIKEY_TASK_STATUS_ERROR", "data": {"failedReason": _reason()}}
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


def _reason() -> Json:
    return {
        "current_outputs": "{}",
        "exception_type": "RuntimeError",
        "node_name": "KSampler",
        "current_inputs": "{}",
        "traceback": "[]",
        "node_id": "3",
        "exception_message": "the sandbox was asked to fail",
    }
