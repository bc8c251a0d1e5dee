"""The sandbox's webhook sender: one record a task, retries, resends."""

import json
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runhook.worker.runninghub.sandbox.garbling import garbled
from runhook.worker.runninghub.sandbox.tasks import (
    Json,
    Task,
    outputs_answer,
    query_answer,
    spoken_id,
)

TIMEOUT = 10.0  # seconds for a receiver; RunningHub's own is not published
RETRIES = 3  # the documented sample of a record shows three, a minute apart
FOREIGN = "1234567890123456789"  # a task that nobody has
RUBBISH = "<html>502 Bad Gateway</html>"  # what a proxy leaves in an event's place


@dataclass(kw_only=True)
class Record:
    """What getWebhookDetail (api-276642713) tells.

    Attributes:
        id: What a resend is asked with; not the task's.
        task: Whose end it is.
        url: Where it went.
        event: Its eventData, always a text here.
        status: SUCCESS once a receiver answered 2xx, else FAILED.
        response: The receiver's answer, or why there was none.
        retries: How often it was sent again; -1 before the first time.
        created, updated: Moments without a zone, as RunningHub writes them.
    """

    id: str
    task: Task
    url: str
    event: str
    status: str = "FAILED"
    response: str = ""
    retries: int = -1
    created: str = ""
    updated: str = ""

    def tell(self) -> Json:
        """In RunningHub's words."""
        return {
            "id": self.id,
            "userApiKey": "*" * 18,
            "taskId": spoken_id(self.task),
            "webhookUrl": self.url,
            "eventData": self.event,
            "callbackStatus": self.status,
            "callbackResponse": self.response,
            "retryCount": max(0, self.retries),
            "createTime": self.created,
            "updateTime": self.updated,
        }


class Sender:
    """Calls back when tasks end."""

    def __init__(self, retry_gap: float) -> None:
        self._gap = retry_gap
        self._records: dict[str, Record] = {}
        self.sent = 0

    def watch(self, task: Task) -> None:
        """Call back when it ends; at once and before returning if it is to be early."""
        if task.webhook_url is None:
            return
        if "callback_early" in task.faults:
            self._ended(task)
            return
        threading.Thread(target=self._wait, args=(task,), daemon=True).start()

    def record(self, task_id: Any) -> Record | None:
        """What is on record for a task."""
        return self._records.get(str(task_id))

    def recorded(self) -> list[str]:
        """The tasks that have a record."""
        return list(self._records)

    def by_id(self, webhook_id: Any) -> Record | None:
        """The record of that id."""
        return next((r for r in self._records.values() if r.id == str(webhook_id)), None)

    def resend(self, record: Record, url: str | None) -> None:
        """Send a recorded event again, well this time."""
        record.event = _event_text(record.task)
        target = url or record.url
        threading.Thread(target=self._deliver, args=(record, target, 1, None), daemon=True).start()

    def _wait(self, task: Task) -> None:
        while task.status() in ("QUEUED", "RUNNING"):
            time.sleep(min(0.2, max(0.01, task.seconds / 20)))
        self._ended(task)

    def _ended(self, task: Task) -> None:
        faults = task.faults
        if "failed_then_succeeds" in faults:
            while task.status() != "SUCCESS":
                time.sleep(0.1)
        if "callback_late" in faults:
            time.sleep(faults.value("callback_late", 20))
        if "callback_unrecorded" in faults:
            return
        event, body = _event_text(task), None
        if "callback_unreadable" in faults:
            event, body = RUBBISH, RUBBISH.encode()
        record = Record(
            id=str(int(task.id) + 7),
            task=task,
            url=str(task.webhook_url),
            event=event,
            created=_now(),
        )
        if "callback_lost" in faults:
            record.retries, record.updated = RETRIES, _now()
            record.response = "I/O error on POST request: Connection reset"
            self._records[task.id] = record
            return
        self._deliver(record, record.url, RETRIES + 1, body)
        if "callback_doubled" in faults:
            self._deliver(record, record.url, 1, body)

    def _deliver(self, record: Record, url: str, tries: int, body: bytes | None) -> None:
        for turn in range(tries):
            if turn:
                time.sleep(self._gap)
            record.status, record.response = _post(url, body or _body(record.task))
            record.retries += 1
            record.updated = _now()
            self.sent += 1
            self._records[record.task.id] = record
            if record.status == "SUCCESS":
                return


def _post(url: str, body: bytes) -> tuple[str, str]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            return "SUCCESS", answer.read(1000).decode("utf-8", "replace")
    except (urllib.error.URLError, OSError) as error:
        return "FAILED", f"I/O error on POST request: {error}"


def _event_text(task: Task) -> str:
    return json.dumps(_event(task))


def _event(task: Task) -> Json:
    if task.legacy:
        return garbled(outputs_answer(task), task.faults)
    return garbled(query_answer(task), task.faults)


def _body(task: Task) -> bytes:
    named = spoken_id(task)
    if "callback_foreign" in task.faults:
        named = FOREIGN
    event: Any = _event(task) | {"taskId": named}
    if task.legacy:
        event = _event_text(task)
    return json.dumps({"event": "TASK_END", "taskId": named, "eventData": event}).encode()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
