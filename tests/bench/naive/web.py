"""Two views: ask for a job, and be told that it ended."""

import json
import uuid
from typing import Any

from flask import Flask, request

from tests.bench.naive import tasks

app = Flask(__name__)


@app.post("/v1/jobs")
def ask() -> tuple[dict[str, Any], int]:
    """Keep a job, and have it submitted."""
    body = request.get_json()
    job = uuid.uuid4().hex
    given = json.dumps(body["input"])
    row = ["state", "queued", "model", body["model"], "input", given]
    tasks.db.hset(f"job:{job}", items=row)
    tasks.submit.delay(job, body["model"], body["input"])
    return {"id": job, "state": "queued"}, 202


@app.post("/callbacks/<job>")
def callback(job: str) -> dict[str, bool]:
    """RunningHub says that a job ended."""
    tasks.ended.delay(job, request.get_json())
    return {"received": True}


@app.get("/readyz")
def ready() -> dict[str, bool]:
    """Whether it serves."""
    return {"ready": True}
