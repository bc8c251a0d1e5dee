"""Pairs of requests that come at the same moment under one key, through real HTTP.

    python -m tests.journeys.pairs 1000

The bodies of a pair mean the same and are spelt otherwise. Exits with 1 unless each made one job.
"""

import collections
import http.client
import json
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.conftest import IMAGE
from tests.journeys.conftest import Town, a_town

PROMPT = "a cät"
THREADS = 32  # that ask; each has a connection
TRIES = 5  # of one request, where it is told that too many are here


def spelt(number: int) -> tuple[bytes, bytes]:
    """One job in two spellings: other order, escapes, 1 and 1.0, usual values said and left out."""
    job = {"model": IMAGE, "input": {"prompt": PROMPT}, "metadata": {"n": number, "x": 1}}
    other = (
        f'{{"metadata": {{"x": 1.0, "n": {number}.0}}, "priority": 5, "parent": null,\n'
        f' "input": {{"prompt": "a c\\u00e4t"}}, "model": "{IMAGE}"}}'
    )
    return json.dumps(job, ensure_ascii=False).encode(), other.encode()


class Pairs:
    """Asks in pairs."""

    def __init__(self, town: Town) -> None:
        self._host = town.web.removeprefix("http://")

    def post(self, key: str, body: bytes, token: str = "") -> tuple[int, Any]:
        """Status and JSON of one answer; a 503 is asked again, as it says."""
        for _ in range(TRIES):
            status, found = self._once(key, body, token)
            if status != 503:
                break
            time.sleep(0.5)
        return status, found

    def ask(self, count: int) -> list[list[tuple[int, Any]]]:
        """So many pairs, each at one moment; their answers."""
        with ThreadPoolExecutor(THREADS) as threads:
            return list(threads.map(self._pair, range(count), timeout=300))

    def _pair(self, number: int) -> list[tuple[int, Any]]:
        ready = threading.Barrier(2)
        found: list[tuple[int, Any]] = []

        def twin(body: bytes) -> None:
            ready.wait()
            found.append(self.post(f"pair-{number}", body))

        twins = [threading.Thread(target=twin, args=(body,)) for body in spelt(number)]
        for one in twins:
            one.start()
        for one in twins:
            one.join()
        return found

    def _once(self, key: str, body: bytes, token: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self._host, timeout=30)
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            connection.request("POST", "/v1/jobs", body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


def one_job_each(pairs: list[list[tuple[int, Any]]]) -> bool:
    """Whether each pair has one job, that one of its answers says is new."""
    jobs = [{job.get("id") for _, job in pair} for pair in pairs]
    statuses = [sorted(status for status, _ in pair) for pair in pairs]
    distinct = {job for pair in jobs for job in pair}
    return all(pair == [200, 202] for pair in statuses) and len(distinct) == len(pairs)


def main(count: int) -> int:
    """Ask, and say what came of it."""
    with tempfile.TemporaryDirectory() as folder, a_town(Path(folder)) as town:
        begun = time.monotonic()
        pairs = Pairs(town).ask(count)
        took = time.monotonic() - begun
        statuses = collections.Counter(status for pair in pairs for status, _ in pair)
        jobs = {job.get("id") for pair in pairs for _, job in pair}
        right = one_job_each(pairs)
    said = f"{count} pairs in {took:.1f} s: {dict(statuses)}, {len(jobs)} jobs"
    sys.stdout.write(f"\n{said}: {'right' if right else 'WRONG'}\n")
    return int(not right)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
