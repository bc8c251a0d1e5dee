"""Words that mean something to Redis, Lua, JSON or a clock, in every place that takes one."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from standardwebhooks import Webhook, WebhookVerificationError

from runhook.worker.delivery.subscriptions import new_secret, signed
from tests.attacks.ground import Ground, Outcome, Reply, Try, ask, ask_json, unharmed
from tests.conftest import IMAGE

WORDS = (
    "*",
    "job_*",
    "../../../etc/passwd",
    "a\r\nFLUSHALL\r\n",
    "*1\r\n$8\r\nFLUSHALL\r\n",
    "'] ) redis.call('FLUSHALL') --",
    "%s%n%d",
    "{{7*7}}",
    "${jndi:ldap://127.0.0.1/a}",
    "\u202e\u0000",
    "'; DROP TABLE jobs; --",
    "runhook:jobs",
    "state:done",
    "x" * 5000,
    "[\x1b[31m",
)
BOMBS = {
    "lists": "[" * 100_000,
    "objects": '{"a":' * 100_000,
    "number": '{"model":"m","priority":' + "9" * 100_000 + "}",
    "exponent": '{"model":"m","priority":1e999999999}',
    "nan": '{"model":"m","priority":NaN}',
    "surrogate": '{"model":"\\ud800"}',
    "twice": '{"model":"a","model":"b"}',
    "keys": json.dumps({f"k{n}": n for n in range(100_000)}),
    "metadata": json.dumps(
        {"model": IMAGE, "input": {"prompt": "x"}, "metadata": {"m": "x" * 10**6}}
    ),
    "bom": '\ufeff{"model":"m"}',
}
PLACES = [
    "GET /v1/jobs/{}",
    "GET /v1/jobs/{}/timeline",
    "POST /v1/jobs/{}/cancel",
    "GET /v1/jobs?state={}",
    "GET /v1/jobs?model={}",
    "GET /v1/jobs?cursor={}",
    "GET /v1/jobs?limit={}",
    "GET /v1/assets/{}",
    "GET /v1/subscriptions/{}",
    "DELETE /v1/subscriptions/{}",
    "GET /v1/deliveries?handler={}",
    "GET /v1/deliveries?job={}",
    "DELETE /v1/handlers/{}",
    "GET /v1/events?after={}",
    "GET /v1/models/{}",
    "POST /v1/deliveries/{}/redeliver",
    "GET /v1/models?q={}",
]
MEMBERS = {
    "/v1/deliveries/redeliver": ("job", "handler", "state", "since", "until"),
    "/v1/recover": ("since", "until", "handler"),
    "/v1/subscriptions": ("url", "events", "models"),
    "/v1/jobs/job_0/resolve": ("ref", "as"),
}
NUMBERS = [1e308, -1, -1e308, 0, "1e999", "NaN", None, [], {}, True, "9" * 400, 2**63, 2**64]


def tries(ground: Ground) -> Iterator[Try]:
    """Every try of this group: answered, no mistake of ours, and Redis as it was."""
    for place in PLACES:
        for number, word in enumerate(WORDS):
            method, path = place.format(quote(word, safe="")).split(" ", 1)

            def carry_out(method: str = method, path: str = path) -> Outcome:
                kind = {"Content-Type": "application/json"} if method == "POST" else {}
                return unharmed(ask(ground.town.web, method, path, kind, b"{}" if kind else None))

            yield Try(
                f"{place.format('X')}-{number}".replace(" ", "-"), f"{method} {path}", carry_out
            )
    for path, names in MEMBERS.items():
        for name in names:
            yield from _in_a_body(ground, path, name)
    yield from _of_jobs(ground)
    yield Try("still-there", "nothing; whether Redis still has its jobs", lambda: _there(ground))
    yield from _signatures(ground)


def _in_a_body(ground: Ground, path: str, name: str) -> Iterator[Try]:
    for number, word in enumerate([*WORDS, *NUMBERS]):

        def carry_out(word: object = word) -> Outcome:
            return unharmed(ask_json(ground.town.web, "POST", path, {name: word}))

        yield Try(f"{path.strip('/')}-{name}-{number}", f"POST {path} {name}={word!r}", carry_out)


def _of_jobs(ground: Ground) -> Iterator[Try]:
    web, honest = ground.town.web, {"model": IMAGE, "input": {"prompt": "x"}}
    for number, word in enumerate(WORDS):
        key = {"Idempotency-Key": word.replace("\r", "").replace("\n", "").replace("\0", "")}
        bodies: list[dict[str, object]] = [
            {"metadata": {word: word}},
            {"handlers": [word]},
            {"model": word},
            {"input": {word: word}},
            {"options": {word: word}},
            {"parent": word},
            {"tenant": word},
        ]

        def keyed(key: dict[str, str] = key) -> Outcome:
            return unharmed(ask_json(web, "POST", "/v1/jobs?dry_run=true", honest, **key))

        yield Try(f"key-{number}", repr(key), keyed)
        for body in bodies:

            def worded(body: dict[str, object] = body) -> Outcome:
                return unharmed(ask_json(web, "POST", "/v1/jobs?dry_run=true", {**honest, **body}))

            yield Try(f"job-{next(iter(body))}-{number}", repr(body)[:300], worded)
    for name, text in BOMBS.items():

        def bomb(text: str = text) -> Outcome:
            kind = {"Content-Type": "application/json"}
            reply = ask(web, "POST", "/v1/jobs", kind, text.encode("utf-8", "surrogatepass"))
            return Outcome(400 <= reply.status < 500, reply.shown())

        yield Try(f"bomb-{name}", text[:100], bomb)
    for option in ("expires_in", "retries", "max_price", "priority"):
        for number, value in enumerate(NUMBERS):

            def clock(option: str = option, value: object = value) -> Outcome:
                more = {"priority": value} if option == "priority" else {"options": {option: value}}
                return unharmed(ask_json(web, "POST", "/v1/jobs?dry_run=true", {**honest, **more}))

            yield Try(f"number-{option}-{number}", f"{option}: {value!r}", clock)


def _there(ground: Ground) -> Outcome:
    found = ground.town.get("/v1/jobs?limit=1")
    ready = ask(ground.town.web, "GET", "/readyz", {})
    return Outcome(bool(found.get("items")) and ready.status == 200, f"{found} {ready.shown()}")


def _signatures(ground: Ground) -> Iterator[Try]:
    secret, body = new_secret(), b'{"type":"job.succeeded"}'
    good = signed([secret], "evt_1", body)
    old = datetime.now(UTC) - timedelta(hours=1)
    replayed = Webhook(secret).sign("evt_1", old, body.decode())
    stamp = {"webhook-timestamp": str(int(old.timestamp()))}
    late = {"webhook-timestamp": str(int(good["webhook-timestamp"]) + 3600)}
    forged = {
        "other-body": (good, body + b" "),
        "other-id": ({**good, "webhook-id": "evt_2"}, body),
        "other-secret": (signed([new_secret()], "evt_1", body), body),
        "replayed": ({**good, **stamp, "webhook-signature": replayed}, body),
        "from-the-future": ({**good, **late}, body),
        "unsigned": ({**good, "webhook-signature": ""}, body),
        "other-version": (
            {**good, "webhook-signature": good["webhook-signature"].replace("v1,", "v1a,")},
            body,
        ),
    }
    for name, (headers, sent) in forged.items():

        def verified(headers: dict[str, str] = headers, sent: bytes = sent) -> Outcome:
            try:
                Webhook(secret).verify(sent, headers)
            except (WebhookVerificationError, ValueError) as error:
                return Outcome(True, repr(error))
            return Outcome(False, Reply(200, b"verified").shown())

        yield Try(f"signature-{name}", repr(headers), verified)
