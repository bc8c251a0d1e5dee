"""One run of many jobs through the real processes, and its books.

    python -m tests.journeys.books 200

A tenth of the callbacks is lost and a tenth doubled. Exits with 1 on any breach.
"""

import collections
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.journeys.conftest import Town, a_town

MODELS = {
    "rhart-image-n-pro/text-to-image": "prompt",
    "vidu/text-to-video-q3-turbo": "prompt",
    "rhart-audio/text-to-audio/speech-2.8-hd": "text",
    "hunyuan3d-v3.1/text-to-3d": "prompt",
    "workflow/1904136902449209346": "6.text",
}


def run(count: int) -> int:
    """Do it; 0 if every job ended right, was paid once and every handler told once."""
    with tempfile.TemporaryDirectory() as folder, a_town(Path(folder)) as town:
        town.sandbox.faults(callback_lost=0.1, callback_doubled=0.1, seed=2)
        start = time.monotonic()
        names = list(MODELS)
        ids = []
        for number in range(count):
            model = names[number % len(names)]
            ids.append(town.post({"model": model, "input": {MODELS[model]: f"n {number}"}})["id"])
        asked = time.monotonic() - start
        jobs = [town.ended(job_id, 120) for job_id in ids]
        took = time.monotonic() - start
        time.sleep(2)  # whatever would be told a second time has been by then
        return _print(town, jobs, asked, took)


def _print(town: Town, jobs: list[dict[str, Any]], asked: float, took: float) -> int:
    books = town.sandbox.books()
    told = collections.Counter(line.split()[2] for line in town.told() if " job." in line)
    per_attempt = collections.Counter(task["webhookUrl"] for task in books["tasks"])
    faults = collections.Counter(f for task in books["tasks"] for f in task["faults"])
    states = collections.Counter(job["state"] for job in jobs)
    wrong = [job["id"] for job in jobs if job["state"] != "succeeded" or not job["outputs"]]
    twice = [url for url, count in per_attempt.items() if count > 1]
    untold = [job["id"] for job in jobs if told[job["id"]] != 1]
    redis = town.w.store.client.info("commandstats")
    print(f"jobs {len(jobs)}, states {dict(states)}, wrongly ended {len(wrong)}")
    print(f"settled by {dict(collections.Counter(job['settled_by'] for job in jobs))}")
    print(f"callbacks lost {faults['callback_lost']}, doubled {faults['callback_doubled']}")
    print(f"accepted upstream {books['accepted']}, paid twice {len(twice)}")
    print(f"handler told not exactly once {len(untold)}")
    total = sum(books["calls"].values())
    print(f"upstream calls {total}, {total / len(jobs):.2f} a job: {books['calls']}")
    called = [redis.get(f"cmdstat_{name}", {}) for name in ("evalsha", "fcall")]
    scripts = sum(int(row.get("calls", 0)) for row in called)
    print(f"scripts run in Redis {scripts}, {scripts / len(jobs):.1f} a job")
    lives = [_seconds(job) for job in jobs]
    print(
        f"asked in {asked:.1f} s, all ended after {took:.1f} s; a job's life "
        f"p50 {statistics.median(lives):.1f} s, longest {max(lives):.1f} s"
    )
    return 1 if wrong or twice or untold or books["accepted"] != len(jobs) else 0


def _seconds(job: dict[str, Any]) -> float:
    from datetime import datetime

    start, end = (datetime.fromisoformat(job[name]) for name in ("created_at", "ended_at"))
    return (end - start).total_seconds()


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1])))
