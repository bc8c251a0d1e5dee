"""The client that asks: as the provider's kits do it, every five seconds until a task has ended."""

import time
from dataclasses import dataclass
from typing import Any

import requests

EVERY = 5.0  # seconds; RunningHub's own examples sleep so long
ENDED = ("SUCCESS", "FAILED")


@dataclass(frozen=True)
class Known:
    """A task that has ended.

    Attributes:
        task: Its id.
        at: When the client knew it.
    """

    task: str
    at: float


def known(url: str, model: str, parameters: dict[str, Any]) -> Known:
    """Submit a task, and ask until it has ended."""
    headers = {"Authorization": "Bearer key"}
    with requests.Session() as session:
        submit = session.post(f"{url}/openapi/v2/{model}", json=parameters, headers=headers)
        task = submit.json()["taskId"]
        while True:
            time.sleep(EVERY)
            answer = session.post(f"{url}/openapi/v2/query", json={"taskId": task}, headers=headers)
            if answer.json()["status"] in ENDED:
                return Known(task, time.time())
