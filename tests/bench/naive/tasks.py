"""Submit, take the callback in, and a task for each of three handlers. Plain defaults."""

import json
import os
from typing import Any

import redis
import requests
from celery import Celery

from tests.bench.book import written

REDIS_URL, BASE_URL = os.environ["REDIS_URL"], os.environ["RUNNINGHUB_BASE_URL"]
app = Celery("naive", broker=os.environ["CELERY_BROKER_URL"])
db = redis.Redis.from_url(REDIS_URL, decode_responses=True)


@app.task
def submit(job: str, model: str, parameters: dict[str, Any]) -> None:
    """Have RunningHub make it."""
    callback = f"{os.environ['PUBLIC_URL']}/callbacks/{job}"
    answer = requests.post(
        f"{BASE_URL}/openapi/v2/{model}",
        json={**parameters, "webhookUrl": callback},
        headers={"Authorization": f"Bearer {os.environ['RUNNINGHUB_API_KEY']}"},
        timeout=30,
    )
    answer.raise_for_status()
    db.hset(f"job:{job}", mapping={"state": "running", "task": answer.json()["taskId"]})


@app.task
def ended(job: str, callback: dict[str, Any]) -> None:
    """Write down how it ended, and tell every handler."""
    event = callback["eventData"]
    outputs = [result["url"] for result in event["results"] or ()]
    db.hset(f"job:{job}", mapping={"state": event["status"], "outputs": json.dumps(outputs)})
    for handler in (publish, invoice, notify):
        handler.delay(job, outputs)


@app.task
def publish(job: str, outputs: list[str]) -> None:
    """The first handler."""
    written("publish", job)


@app.task
def invoice(job: str, outputs: list[str]) -> None:
    """The second."""
    written("invoice", job)


@app.task
def notify(job: str, outputs: list[str]) -> None:
    """The third."""
    written("notify", job)
