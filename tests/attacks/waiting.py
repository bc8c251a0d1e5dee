"""Clients that are slow, silent or many; while they hold on, a genuine callback is answered."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

from tests.attacks.ground import Ground, Outcome, Try, ask

HEAD = "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
JSON = {"Content-Type": "application/json"}
SILENCE = 70.0  # seconds: more than any client that means it is silent before its request
ENOUGH = 6  # rounds in which each client sends one byte more


def tries(ground: Ground) -> Iterator[Try]:
    """Every try of this group."""
    job = ground.town.ended(ground.job()["id"])
    path = ground.callback_path(job["id"])
    lengths = "Content-Length: 1000\r\n\r\n"
    kinds = {
        "silent": b"",
        "half-a-head": HEAD.format(path=path)[:-9].encode(),
        "callback-body": (HEAD.format(path=path) + lengths).encode(),
        "forged-body": (HEAD.format(path="/callbacks/a/1/b") + lengths).encode(),
        "job-body": (HEAD.format(path="/v1/jobs") + lengths).encode(),
        "batch-body": (HEAD.format(path="/v1/jobs/batch") + lengths).encode(),
        "asset-body": (HEAD.format(path="/v1/assets") + lengths).encode(),
        "stream-unread": b"GET /v1/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "answers-unread": b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50,
    }
    for name, sent in kinds.items():

        def carry_out(sent: bytes = sent) -> Outcome:
            return _held(ground, path, sent)

        yield Try(name, f"{ground.many(300)} clients, each: {sent[:120]!r}", carry_out)
    for name, sent in (("silent", b""), ("half-a-head", kinds["half-a-head"])):

        def left(sent: bytes = sent) -> Outcome:
            return _hung_up_on(ground, sent)

        yield Try(f"for-ever-{name}", f"one client, {sent!r}, and then nothing", left)
    yield Try("log", "nothing; tracebacks in web's log after all of these", lambda: _log(ground))


def _hung_up_on(ground: Ground, sent: bytes) -> Outcome:
    """Held when the server ends it: else silent clients take every connection there can be."""
    parts = urlsplit(ground.town.web)
    with socket.create_connection((str(parts.hostname), parts.port or 80), SILENCE) as line:
        line.sendall(sent)
        try:
            return Outcome(True, repr(line.recv(1000)))
        except TimeoutError:
            return Outcome(False, f"still open after {SILENCE:g} s")
        except OSError as error:
            return Outcome(True, repr(error))


def _log(ground: Ground) -> Outcome:
    """Held when whoever hangs up leaves no traceback: else anybody fills the disk."""
    text = (ground.town.book.parent / "logs" / "web.log").read_text(errors="replace")
    return Outcome("Traceback" not in text, f"{text.count('Traceback')} tracebacks")


def _held(ground: Ground, path: str, sent: bytes) -> Outcome:
    parts = urlsplit(ground.town.web)
    with ExitStack() as open_lines:
        lines = []
        for _ in range(ground.many(300)):
            line = socket.create_connection((str(parts.hostname), parts.port or 80), 5)
            lines.append(open_lines.enter_context(line))
            line.setblocking(False)
            with suppress(OSError):
                line.send(sent)
        for _ in range(ENOUGH):
            for line in lines:
                with suppress(OSError):
                    line.send(b"a" if sent and not sent.startswith(b"GET") else b"")
            time.sleep(0.3)
        callback = ask(ground.town.web, "POST", path, JSON, b"{}")
        api = ask(ground.town.web, "GET", "/v1/jobs?limit=1", {})
        held = callback.status == 200 and api.status == 200
        return Outcome(held, f"callback {callback.shown()}, /v1 {api.shown()}")
