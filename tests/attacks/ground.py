"""What is attacked, how bytes reach it, and what a genuine callback waits meanwhile."""

import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.conftest import IMAGE
from tests.journeys.conftest import Town

PATIENCE = 20.0  # seconds for one answer: more than the slowest honest one takes under load
PROBE_GAP = 0.25  # seconds between two genuine callbacks
TOKEN = "canary-token-4f1c9a7e2b55"
READER = "canary-reader-1d3f5b7a9c0e42"  # sees everything, changes nothing
STALL = "canary-stall-8e6c4a2f0b1d39"  # asks for jobs, and has to do with its own alone
API_KEY = "canary-api-key-91d2c07b55e8"
SECRET = "canary-secret-0c6b1f9d2e8a4735-of-the-attacks"
PASSWORD = "canary-password-77ab1"


@dataclass(frozen=True)
class Outcome:
    """What came of one try: whether it was held off, and what came back."""

    held: bool
    came: str


@dataclass(frozen=True)
class Try:
    """One attack.

    Attributes:
        name: Unique in its group; the same seed makes the same tries.
        sent: What is sent, as a breach shows it.
        carry_out: Does it.
    """

    name: str
    sent: str
    carry_out: Callable[[], Outcome]


@dataclass(frozen=True)
class Reply:
    """An answer over HTTP; status 0 is none."""

    status: int
    body: bytes

    def shown(self) -> str:
        """For a breach."""
        return f"{self.status} {self.body[:200]!r}"


@dataclass
class Ground:
    """The town, a second web that is guarded by a token, and how much is tried.

    Attributes:
        guarded: The web with a token that refuses private addresses.
        short: Fewer spellings of each kind.
    """

    town: Town
    guarded: str
    seed: int
    short: bool
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def many(self, full: int) -> int:
        """How many spellings to make of a kind."""
        return max(3, full // 10) if self.short else full

    def job(self, prompt: str = "a cat", **more: Any) -> dict[str, Any]:
        """An honest job."""
        made: dict[str, Any] = self.town.post({"model": IMAGE, "input": {"prompt": prompt}, **more})
        return made

    def callback_path(self, job_id: str, attempt: int = 1) -> str:
        """Where RunningHub reports."""
        return urlsplit(self.town.w.callback_url(job_id, attempt) or "").path


def ask(
    base: str, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> Reply:
    """One request with exactly these headers; Host and length are added where they are missing."""
    parts = urlsplit(base)
    line = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE)
    try:
        named = {name.lower() for name in headers}
        line.putrequest(method, path, skip_host="host" in named, skip_accept_encoding=True)
        for name, value in headers.items():
            line.putheader(name, value.encode("utf-8", "surrogatepass"))
        if body is not None and not named & {"content-length", "transfer-encoding"}:
            line.putheader("Content-Length", str(len(body)))
        line.endheaders()
        with suppress(OSError):  # a refusal may come before the body is through
            if body is not None:
                line.send(body)
        answer = line.getresponse()
        return Reply(answer.status, answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Reply(0, repr(error).encode())
    finally:
        line.close()


def ask_json(base: str, method: str, path: str, body: Any, **headers: str) -> Reply:
    """One request with a JSON body."""
    told = {"Content-Type": "application/json", **headers}
    return ask(base, method, path, told, json.dumps(body).encode())


def raw(base: str, sent: bytes, seconds: float = 3.0) -> bytes:
    """Send bytes as they are; what comes back until the other end closes or is silent."""
    parts = urlsplit(base)
    got = b""
    line = socket.create_connection((str(parts.hostname), parts.port or 80), seconds)
    with line, suppress(OSError):
        line.sendall(sent)
        while piece := line.recv(65536):
            got += piece
    return got


def refused(reply: Reply, *statuses: int) -> Outcome:
    """Held when it was answered with one of these."""
    return Outcome(reply.status in statuses, reply.shown())


def unharmed(reply: Reply) -> Outcome:
    """Held when it was answered, and not as a mistake of ours."""
    return Outcome(0 < reply.status < 500 or reply.status == 503, reply.shown())


class Genuine:
    """Posts a genuine callback again and again: answered or not, and how long it waited."""

    def __init__(self, ground: Ground, path: str, body: bytes) -> None:
        self._ground, self._path, self._body = ground, path, body
        self._over = threading.Event()
        self.longest = 0.0
        self.sent = 0
        self.unanswered: list[str] = []

    def __enter__(self) -> "Genuine":
        self._thread = threading.Thread(target=self._post, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(2 * PATIENCE)

    def _post(self) -> None:
        while not self._over.is_set():
            start = time.monotonic()
            headers = {"Content-Type": "application/json"}
            reply = ask(self._ground.town.web, "POST", self._path, headers, self._body)
            self.sent += 1
            self.longest = max(self.longest, time.monotonic() - start)
            if reply.status != 200:
                self.unanswered.append(reply.shown())
            self._over.wait(PROBE_GAP)
