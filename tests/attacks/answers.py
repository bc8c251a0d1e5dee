"""Hostile answers: RunningHub's, and subscribers' to what they are told."""

from collections.abc import Iterator

from tests.attacks.ground import Ground, Outcome, Try, ask_json
from tests.conftest import eventually
from tests.receiver import Receiver, Reply, a_receiver

FAULTS = [
    "answer_html",
    "answer_both",
    "answer_nested",
    "text_unwritable",
    "text_huge",
    "money_absurd",
    "numbers_long",
    "nested",
    "many_results",
    "numeric_id",
    "status_unknown",
    "query_html",
    "callback_foreign",
    "callback_unreadable",
]
LONG = 1_000_000  # bytes
SUBSCRIBERS = {
    "huge": Reply(200, body=b"x" * LONG),
    "redirect": Reply(302, {"Location": "http://127.0.0.1:1/"}),
    "retry-after-absurd": Reply(503, {"Retry-After": "9" * 400}),
    "retry-after-negative": Reply(503, {"Retry-After": "-1e999"}),
    "gzip": Reply(200, {"Content-Encoding": "gzip"}, b"\x1f\x8b" + b"x" * 1000),
    "terminal": Reply(500, body=b"\x1b]0;owned\x07\x9b31m" * 10),
    "unwritable": Reply(500, body=b"\xff\xfe\xed\xa0\x80"),
    "drips": Reply(200, body=b"x" * 1000, drip=1.0),
    "hangs": Reply(wait=300),
}


def tries(ground: Ground) -> Iterator[Try]:
    """Every try of this group: the job beside a hostile one ends, and is paid once."""
    for fault in FAULTS:

        def answered(fault: str = fault) -> Outcome:
            return _beside(ground, fault)

        yield Try(f"runninghub-{fault}", f"the sandbox answers with {fault}", answered)
    for name, reply in SUBSCRIBERS.items():

        def told(name: str = name, reply: Reply = reply) -> Outcome:
            return _told_beside(ground, reply)

        yield Try(f"subscriber-{name}", repr(reply)[:200], told)


def _beside(ground: Ground, fault: str) -> Outcome:
    word, town = f"hostile-{fault}-{ground.chance.randrange(10**6)}", ground.town
    town.sandbox.faults({"fault": fault, "match": word})
    before = town.sandbox.accepted()
    try:
        hostile, good = ground.job(word), ground.job("beside it")
        ended = town.ended(good["id"])
        seen = town.get(f"/v1/jobs/{hostile['id']}")
        timeline = town.get(f"/v1/jobs/{hostile['id']}/timeline")
        paid = town.sandbox.accepted() - before
        held = ended["state"] == "succeeded" and paid <= 2 and "items" in timeline
        return Outcome(held and "state" in seen, f"{ended['state']}, {paid} paid, {seen}")
    finally:
        town.sandbox.faults()


def _told_beside(ground: Ground, reply: Reply) -> Outcome:
    town = ground.town
    with a_receiver() as hostile, a_receiver() as good:
        hostile.answers(reply)
        ids = []
        for url in (hostile.url, good.url):
            made = ask_json(
                town.web, "POST", "/v1/subscriptions", {"url": url, "events": ["job.succeeded"]}
            )
            ids.append(made.body.split(b'"id":"')[1].split(b'"')[0].decode())
        job = town.ended(ground.job("told")["id"])
        try:
            eventually(lambda: hostile.requests and job["id"] in _subjects(good), 20)
        finally:
            for one in ids:
                ask_json(town.web, "DELETE", f"/v1/subscriptions/{one}", {})
        listed = town.get("/v1/deliveries?limit=5")
        return Outcome(job["id"] in _subjects(good) and "items" in listed, f"{listed}")


def _subjects(receiver: Receiver) -> set[str]:
    """The jobs that it heard of."""
    return {str(request.event["subject"]) for request in receiver.requests}
