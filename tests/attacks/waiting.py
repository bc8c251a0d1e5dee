"""Clients that are slow, silent or many; while they hold on, a genuine callback is answered."""

import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.attacks.ground import Ground, Outcome, Try, ask

HEAD = "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
LENGTH, CHUNKED = "Content-Length: 1000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3e8\r\n"
GET = "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
JSON = {"Content-Type": "application/json"}
SILENCE = 70.0  # seconds: more than any client that means it is silent before its request
MANY = 4000  # clients at once
PROMISED = 1.0  # seconds within which a genuine callback is answered, whatever the others do
DRIP = 4.0  # seconds between two bytes: below every time-out that begins anew with each
SPARE = 200  # open files besides the clients'
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Clients of one kind.

    Attributes:
        sent: What each sends at once.
        count: How many, in the whole form.
        more: Whether they send a byte now and then, and come back when they are hung up on.
    """

    sent: str
    count: int = MANY
    more: tuple[str, ...] = ()


def _crowds(path: str) -> dict[str, Crowd]:
    """Every kind.

    Args:
        path: Of a genuine callback.
    """
    drip, again = ("--drip", str(DRIP)), ("--again",)
    here = {"host": "localhost"}
    callback = HEAD.format(path=path, **here)
    bodies = {
        "callback": callback,
        "forged": HEAD.format(path="/callbacks/a/1/b", **here),
        "job": HEAD.format(path="/v1/jobs", **here),
        "batch": HEAD.format(path="/v1/jobs/batch", **here),
        "asset": HEAD.format(path="/v1/assets", **here),
        "stranger": HEAD.format(path="/v1/jobs", host="evil.example"),
    }
    return {
        "silent": Crowd(sent="", more=again),
        "half-a-head": Crowd(sent=callback[:-9], more=again),
        "dripping-head": Crowd(sent=callback + "X-", more=(*drip, *again)),
        **{f"{name}-body": Crowd(sent=head + LENGTH, more=drip) for name, head in bodies.items()},
        "callback-chunks": Crowd(sent=callback + CHUNKED, more=drip),
        "callback-replayed": Crowd(sent=f"{callback}Content-Length: 2\r\n\r\n{{}}" * 20),
        "alive": Crowd(sent=GET.format(path="/healthz") * 20),
        "stream-unread": Crowd(sent=GET.format(path="/v1/events/stream")),
        # Each is 400 KB; more of them at once is a holder of a token who floods his own /v1.
        "answers-unread": Crowd(sent=GET.format(path="/v1/models") * 50, count=300),
    }


def tries(ground: Ground) -> Iterator[Try]:
    """Every try of this group."""
    job = ground.town.ended(ground.job()["id"])
    other = ground.town.ended(ground.job("another")["id"])
    path, others = (ground.callback_path(one["id"]) for one in (job, other))
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE
    for name, crowd in _crowds(others).items():
        count = min(ground.many(crowd.count), room)

        def carry_out(crowd: Crowd = crowd, count: int = count) -> Outcome:
            return _held(ground, path, crowd, count)

        yield Try(name, f"{count} clients {crowd.more}, each: {crowd.sent[:120]!r}", carry_out)
    heads = {
        "silent": b"",
        "half-a-head": HEAD.format(path=path, host="localhost")[:-9].encode(),
        "dripping-head": b"GET / HTTP/1.1\r\nX-",
        "kept": GET.format(path="/healthz").encode(),
    }
    for name, sent in heads.items():

        def left(sent: bytes = sent) -> Outcome:
            return _hung_up_on(ground, sent, drips=sent == heads["dripping-head"])

        yield Try(f"for-ever-{name}", f"one client, {sent!r}, and then nothing", left)
    yield Try("log", "nothing; tracebacks in web's log after all of these", lambda: _log(ground))


def _hung_up_on(ground: Ground, sent: bytes, *, drips: bool) -> Outcome:
    """Held when the server ends it: else silent clients take every connection there can be."""
    parts, until = urlsplit(ground.town.web), time.monotonic() + SILENCE
    with socket.create_connection((str(parts.hostname), parts.port or 80), DRIP) as line:
        line.sendall(sent)
        while time.monotonic() < until:
            try:
                if not line.recv(1000):
                    return Outcome(True, "closed")
            except TimeoutError:
                line.sendall(b"a" if drips else b"")
            except OSError as error:
                return Outcome(True, repr(error))
    return Outcome(False, f"still open after {SILENCE:g} s")


def _log(ground: Ground) -> Outcome:
    """Held when whoever hangs up leaves no traceback: else anybody fills the disk."""
    text = (ground.town.book.parent / "logs" / "web.log").read_text(errors="replace")
    return Outcome("Traceback" not in text, f"{text.count('Traceback')} tracebacks")


@contextmanager
def _gathered(ground: Ground, crowd: Crowd, count: int) -> Iterator[subprocess.Popen[bytes]]:
    """The clients, in a process of their own: they are not to hold up who measures."""
    port = str(urlsplit(ground.town.web).port)
    command = [sys.executable, "-m", "tests.crowd", port, str(count), *crowd.more]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as clients:
        try:
            assert clients.stdin
            clients.stdin.write(crowd.sent.encode())
            clients.stdin.close()
            yield clients
        finally:
            clients.kill()


def _held(ground: Ground, path: str, crowd: Crowd, count: int) -> Outcome:
    """Held when callbacks and new requests are answered, in time once all clients stand there."""
    longest, rounds = 0.0, 0
    with _gathered(ground, crowd, count) as clients:
        assert clients.stdout
        connected = int(clients.stdout.readline() or 0)
        until = time.monotonic() + (1.0 if ground.short else 7.0)  # past the time-out for a head
        while time.monotonic() < until or rounds == 0:
            begun = time.monotonic()
            callback = ask(ground.town.web, "POST", path, JSON, b"{}")
            longest, rounds = max(longest, time.monotonic() - begun), rounds + 1
            if callback.status != 200:
                return Outcome(False, f"callback {callback.shown()}")
            time.sleep(0.05)
        api = ask(ground.town.web, "GET", "/v1/jobs?limit=1", {})
    in_time = longest <= PROMISED or ground.short  # a machine of CI is too busy to be judged by
    came = f"{connected} connected, a callback waited {longest:.2f} s, /v1 {api.shown()}"
    return Outcome(in_time and connected == count and api.status == 200, came)
