"""Who has no token, who has one for less, and who is not this machine."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from runhook.webhook.edge.access import MOST_WRONG
from runhook.worker.cli.processes import free_port
from tests.attacks.ground import (
    READER,
    STALL,
    TOKEN,
    Ground,
    Outcome,
    Try,
    ask,
    ask_json,
    refused,
)
from tests.conftest import IMAGE, eventually

PATH = "/v1/jobs?limit=1"
METHODS = ("get", "post", "put", "patch", "delete")  # as the document has them
MARK = "canary-prompt-of-another-tenant"
# Where a list, a log or a filter might show another tenant's job, whole or in part.
LISTS = [
    "/v1/jobs",
    "/v1/jobs?limit=100&state={state}",
    "/v1/jobs?tenant=local",
    "/v1/jobs?tenant=stall&tenant=local",
    "/v1/jobs?model={model}",
    "/v1/jobs?cursor={job}",
    "/v1/deliveries",
    "/v1/deliveries?job={job}",
    "/v1/deliveries?job={job}&job={own}",
    "/v1/deliveries?handler=book",
    "/v1/events",
    "/v1/events/stream?after=evt_0-0",
    "/v1/handlers",
    "/v1/queue",
    "/v1/account",
]
FOREIGN_HOSTS = [
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "evil.example:8080",
    "127.0.0.2",
    "0.0.0.0",
    "[::ffff:127.0.0.1]",
    "127.1",
    "2130706433",
    "localhost@evil.example",
    "evil.example#localhost",
]
PROXIED = [
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "x-forwarded-for",
    "X-FORWARDED-FOR",
    "X-Forwarded-Port",
    "X-Real-IP",
    "Via",
    "CF-Connecting-IP",
    "True-Client-IP",
    "X-Client-IP",
    "Fly-Client-IP",
    "X-Cluster-Client-IP",
    "X-Original-Host",
    "X-Envoy-External-Address",
    "Fastly-Client-IP",
]
ORIGINS = "null https://evil.example http://localhost.evil.example file:// http://127.0.0.1.nip.io"


def tries(ground: Ground) -> Iterator[Try]:
    """Every try of this group."""
    for number, headers in enumerate([*_without_token(ground), *_near_tokens(ground)]):

        def guarded(headers: dict[str, str] = headers) -> Outcome:
            return refused(ask(ground.guarded, "GET", PATH, headers), 401, 400, 429)

        yield Try(f"token-{number}", f"GET {PATH} {headers}", guarded)
    yield from _beyond_scope(ground)
    yield Try("token-of-up", "nothing; the token that up makes", _token_of_up)
    guesses = f"{2 * MOST_WRONG} wrong tokens, then a right one"
    yield Try("guessing", guesses, lambda: _guessing(ground))
    spellings: list[dict[str, str]] = [{"Host": host} for host in FOREIGN_HOSTS]
    spellings += [{name: "203.0.113.9"} for name in PROXIED]
    spellings += [{"Origin": origin} for origin in ORIGINS.split()]
    spellings += [{"Sec-Fetch-Site": "cross-site"}]
    for headers in spellings:

        def here(headers: dict[str, str] = headers) -> Outcome:
            return refused(ask(ground.town.web, "GET", PATH, headers), 400, 401, 403, 421)

        name = "-".join(f"{key}-{value}" for key, value in headers.items())
        yield Try(f"loopback-{name}", f"GET {PATH} {headers}", here)


def _calls(ground: Ground) -> Iterator[tuple[str, str]]:
    """Every call of /v1, as the document says: its method and its path."""
    answer = ask(ground.guarded, "GET", "/openapi.json", {"Authorization": f"Bearer {TOKEN}"})
    for path, methods in json.loads(answer.body)["paths"].items():
        for method in METHODS:
            if path.startswith("/v1/") and method in methods:
                yield method.upper(), path


def _beyond_scope(ground: Ground) -> Iterator[Try]:
    """Every call that there is, with tokens that may not: to read with, and of another tenant."""
    theirs = ground.town.ended(ground.job(MARK)["id"])
    body = {"model": IMAGE, "input": {"prompt": "mine"}}
    stall = {"Authorization": f"Bearer {STALL}"}
    own = json.loads(ask_json(ground.guarded, "POST", "/v1/jobs", body, **stall).body)["id"]
    (delivery, *_) = ground.town.get(f"/v1/deliveries?job={theirs['id']}")["items"]
    named = {"{job_id}": theirs["id"], "{delivery_id}": delivery["id"]}
    for method, path in _calls(ground):
        call = f"{method} {path}"
        for name, value in named.items():
            path = path.replace(name, value)
        path = path.replace("{", "").replace("}", "")
        word = re.sub(r"\W+", "-", call)
        if method != "GET":
            changes = _changes(ground, method, path)
            yield Try(f"reader-{word}", f"{call} to read with", changes)
        if any(value in path for value in named.values()):
            reaches = _reaches(ground, method, path)
            yield Try(f"stall-{word}", f"{call} of another", reaches)
    places = {"job": theirs["id"], "own": own, "state": theirs["state"], "model": IMAGE}
    for number, path in enumerate(LISTS):

        def shows(path: str = path.format(**places)) -> Outcome:
            reply = ask(ground.guarded, "GET", path, {"Authorization": f"Bearer {STALL}"})
            held = reply.status < 500 and MARK.encode() not in reply.body
            return Outcome(held and delivery["id"].encode() not in reply.body, reply.shown())

        yield Try(f"stall-list-{number}", f"GET {path}", shows)
    for number, tenant in enumerate(("local", "shop", "", None, ["stall"], "Stall")):

        def asks(tenant: object = tenant) -> Outcome:
            reply = ask_json(ground.guarded, "POST", "/v1/jobs", body | {"tenant": tenant}, **stall)
            made = json.loads(reply.body).get("tenant")
            return Outcome(reply.status == 422 or made == "stall", reply.shown())

        yield Try(f"stall-tenant-{number}", f"a job of {tenant!r}", asks)


def _changes(ground: Ground, method: str, path: str) -> Callable[[], Outcome]:
    def carry_out() -> Outcome:
        bearer = {"Authorization": f"Bearer {READER}"}
        return refused(ask_json(ground.guarded, method, path, {}, **bearer), 403)

    return carry_out


def _reaches(ground: Ground, method: str, path: str) -> Callable[[], Outcome]:
    def carry_out() -> Outcome:
        bearer = {"Authorization": f"Bearer {STALL}"}
        return refused(ask_json(ground.guarded, method, path, {}, **bearer), 403, 404)

    return carry_out


def _token_of_up() -> Outcome:
    """Held when nobody but its owner can read it, or is let in by `up` without it."""
    with TemporaryDirectory() as folder:
        token, log = Path(folder) / ".runhook" / "token", Path(folder) / "log"
        environ = {"PATH": os.environ["PATH"], "HOME": folder, "PORT": str(free_port())}
        with log.open("wb") as out:
            up = subprocess.Popen(
                [sys.executable, "-m", "runhook.worker.cli", "up", "--sandbox"],
                cwd=folder,
                env=environ,
                stdout=out,
                stderr=out,
                umask=0,
            )
        try:
            eventually(lambda: "ready at" in log.read_text(), 60, log.read_text)
            mode, said = stat.S_IMODE(token.stat().st_mode), token.read_text()
            here = f"http://127.0.0.1:{environ['PORT']}"
            replies = [ask(here, "GET", path, {}) for path in (PATH, "/", f"/?token={said[1:]}")]
            right = ask(here, "GET", PATH, {"Authorization": f"Bearer {said}"})
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait(40)
        came = [reply.status for reply in replies]
        held = mode == 0o600 and came == [401] * 3 and right.status == 200
        held = held and said not in log.read_text()
    return Outcome(held, f"mode {mode:o}, {came}, with it {right.status}")


def _guessing(ground: Ground) -> Outcome:
    """Held when whoever guesses is told to stop, and who need not guess is not."""
    wrong = [
        ask(ground.guarded, "GET", PATH, {"Authorization": f"Bearer {ground.chance.random()}"})
        for _ in range(2 * MOST_WRONG)
    ]
    right = ask(ground.guarded, "GET", PATH, {"Authorization": f"Bearer {TOKEN}"})
    came = [reply.status for reply in wrong]
    held = set(came) <= {401, 429} and came[-1] == 429 and right.status == 200
    return Outcome(held, f"{came}, then {right.shown()}")


def _without_token(ground: Ground) -> list[dict[str, str]]:
    plain = [{}, {"Cookie": f"token={TOKEN}"}, {"X-Api-Key": TOKEN}, {"Authorization": TOKEN}]
    kinds = ("Basic", "Digest", "Bearer:", "Token", "BearerBearer", "")
    return [*plain, *({"Authorization": f"{kind} {TOKEN}"} for kind in kinds)]


def _near_tokens(ground: Ground) -> list[dict[str, str]]:
    near = [TOKEN.upper(), TOKEN[:-1], TOKEN + "0", TOKEN[::-1], "", "*", "\u00e9", TOKEN + "\x00"]
    for _ in range(ground.many(100)):
        at = ground.chance.randrange(len(TOKEN))
        near.append(TOKEN[:at] + chr(ground.chance.randrange(33, 126)) + TOKEN[at + 1 :])
    return [{"Authorization": f"Bearer {one}"} for one in near if one != TOKEN]
