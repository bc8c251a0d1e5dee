"""Callbacks that are forged, of somebody else, replayed, too large or unreadable."""

import json
import string
from collections.abc import Iterator

from runhook.worker.domain import policy
from tests.attacks.ground import Ground, Outcome, Reply, Try, ask, refused
from tests.conftest import eventually

JSON = {"Content-Type": "application/json"}
TOO_LARGE = 5 * 1024 * 1024  # bytes; 4 MiB are taken
ORDINARY = 3  # calls of one look more or less at either of two jobs


def tries(ground: Ground) -> Iterator[Try]:
    """Every try of this group."""
    job = ground.town.ended(ground.job()["id"])
    other = ground.town.ended(ground.job("another")["id"])
    path = ground.callback_path(job["id"])
    yield from _forged(ground, path, ground.callback_path(other["id"]))
    yield from _genuine_but_bad(ground, job["id"], path)
    yield Try(
        "flood", "every kind that is not believed, to one running job", lambda: _flood(ground)
    )


def _forged(ground: Ground, path: str, others: str) -> Iterator[Try]:
    head, _, signature = path.rpartition("/")
    before = len(ground.town.get(f"/v1/jobs/{path.split('/')[2]}/timeline")["items"])
    wrong = [others.rpartition("/")[2], signature.upper(), signature + "0", "0", "*", "%00", "é"]
    wrong += [signature[:n] for n in range(1, len(signature), 4)]
    for _ in range(ground.many(100)):
        at = ground.chance.randrange(len(signature))
        signs = string.hexdigits.replace(signature[at], "")
        wrong.append(signature[:at] + ground.chance.choice(signs) + signature[at + 1 :])
    paths = [f"{head}/{one.replace('é', '%C3%A9')}" for one in wrong if one != signature]
    paths += [path.replace("/1/", f"/{n}/") for n in ("0", "2", "01x", "-1", "9" * 30, "1%00")]
    paths += [f"{path}/", f"{path}%20", f"{path}%00", f"{path}/../{signature}", path.upper()]
    for number, one in enumerate(paths):

        def carry_out(one: str = one) -> Outcome:
            return refused(ask(ground.town.web, "POST", one, JSON, b"{}"), 404, 405, 400, 308)

        yield Try(f"forged-{number}", f"POST {one}", carry_out)

    def nothing_kept() -> Outcome:
        items = ground.town.get(f"/v1/jobs/{path.split('/')[2]}/timeline")["items"]
        return Outcome(len(items) == before, f"{len(items)} entries, {before} before")

    yield Try("forged-kept", "nothing; what the forged ones left in the timeline", nothing_kept)


def _genuine_but_bad(ground: Ground, job_id: str, path: str) -> Iterator[Try]:
    def judged(reply: Reply, *statuses: int) -> Outcome:
        job = ground.town.get(f"/v1/jobs/{job_id}")
        still = job["state"] == "succeeded" and len(job["outputs"]) == 1
        return Outcome(still and reply.status in statuses, f"{reply.shown()}; job {job['state']}")

    foreign = b'{"event":"TASK_END","taskId":"1","eventData":"{\\"taskId\\":\\"1\\"}"}'
    bodies = {"foreign": foreign, "empty": b"", "zeros": bytes(1000), "deep": b"[" * 100_000}
    for number in range(ground.many(50)):
        bodies[f"noise-{number}"] = ground.chance.randbytes(200)
    for name, body in bodies.items():

        def post(body: bytes = body) -> Outcome:
            return judged(ask(ground.town.web, "POST", path, JSON, body), 200)

        yield Try(name, f"genuine URL with {body[:60]!r}", post)

    def large() -> Outcome:
        return judged(ask(ground.town.web, "POST", path, JSON, bytes(TOO_LARGE)), 413, 0)

    def chunked() -> Outcome:
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (TOO_LARGE, bytes(TOO_LARGE))
        headers = {**JSON, "Transfer-Encoding": "chunked"}
        return judged(ask(ground.town.web, "POST", path, headers, body), 413, 0)

    def replayed() -> Outcome:
        told = [line for line in ground.town.told() if job_id in line and "succeeded" in line]
        return Outcome(len(told) == 1, f"handlers were told {len(told)} times")

    yield Try("large", f"{TOO_LARGE} bytes", large)
    yield Try("large-chunked", f"{TOO_LARGE} bytes in a chunk", chunked)
    yield Try("replayed", "nothing; how often handlers heard after all of these", replayed)


def _flood(ground: Ground) -> Outcome:
    """Many callbacks that are not believed cause few calls, and the genuine one counts at once."""
    town, many = ground.town, ground.many(40)
    town.sandbox.faults({"fault": "slow", "match": "of the flood", "value": 900})
    try:
        job, quiet = (ground.job(f"{n} of the flood")["id"] for n in ("one", "two"))
        ref = eventually(lambda: town.get(f"/v1/jobs/{job}")["ref"])
        path, foreign = ground.callback_path(job), str(int(ref) + 1)
        for n in range(many):
            ask(town.web, "POST", path, JSON, b"%d" % n)
            ask(town.web, "POST", path, JSON, _end(foreign, n))
            if n % 10 == 0:
                ask(town.web, "POST", path, JSON, bytes(TOO_LARGE))
        eventually(lambda: _noted(ground, job, "callback not believed") == 2 * many, 30)
        calls = _noted(ground, job, "asked RunningHub") - _noted(ground, quiet, "asked RunningHub")
        ask(town.web, "POST", path, JSON, _end(ref, 0))
        by = town.ended(job)["settled_by"]
    finally:
        town.sandbox.faults()
    for one in (job, quiet):
        ask(town.web, "POST", f"/v1/jobs/{one}/cancel", JSON, b"")
    few = calls <= policy.CALLBACK_CALLS + ORDINARY
    return Outcome(few and by == "callback", f"{calls} calls, settled by {by}")


def _end(ref: str, n: int) -> bytes:
    results = [{"url": "https://a.example/x.png", "outputType": "png"}]
    event = {"taskId": ref, "status": "SUCCESS", "clientId": str(n), "results": results}
    return json.dumps({"event": "TASK_END", "taskId": ref, "eventData": event}).encode()


def _noted(ground: Ground, job_id: str, what: str) -> int:
    items = ground.town.get(f"/v1/jobs/{job_id}/timeline")["items"]
    return sum(item["what"] == what for item in items)
