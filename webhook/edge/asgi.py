"""An ASGI application that is answered from WSGI: one event loop for the whole process.

The loop only speaks the application's protocol. What takes long is handed back to the thread that
waits for the answer, so a request has no thread but its own, whichever server gave it that.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

Found = TypeVar("Found")
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]

# What stays the same of every request; its path is the application's own matter.
USUAL = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "root_path": ""}


@dataclass
class Answered:
    """What an application said to one request."""

    status: int = 500
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


class Turn:
    """The thread that waits for one answer, and what it is asked to do meanwhile."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[tuple[Callable[[], None], bool] | None] = SimpleQueue()
        self._put_off: Callable[[], None] | None = None

    def work(self, work: Callable[[], Found], *, long: bool) -> Awaitable[Found]:
        """Asked by the loop: what comes of it, done in a thread that waits.

        Args:
            work: What is to be done.
            long: It takes longer than others may wait for its thread.
        """
        done: Future[Found] = Future()
        self._asked.put((partial(_fulfil, done, work), long))
        return asyncio.wrap_future(done)

    def serve(self, answer: Future[Found]) -> Found | None:
        """Do what is asked until the answer is there; None as soon as something long is."""
        answer.add_done_callback(lambda _: self._asked.put(None))
        while (asked := self._asked.get()) is not None:
            work, long = asked
            if long:
                self._put_off = work
                return None
            work()
        return answer.result()

    def serve_out(self, answer: Future[Found]) -> Found:
        """Do that, and what else is asked, until the answer is there."""
        if self._put_off is not None:
            self._put_off()
        while (asked := self._asked.get()) is not None:
            asked[0]()
        return answer.result()


class Loop:
    """The event loop of a process, begun by the first who needs it."""

    def __init__(self, begin: Callable[[], tuple[AsgiApp, AbstractAsyncContextManager[Any]]]):
        """Args:
        begin: Makes the application, and the context in which it lives.
        """
        self._begin = begin
        self._lock = threading.Lock()
        # With the process whose it is: one that was forked has a loop of its own.
        self._here: tuple[int, asyncio.AbstractEventLoop, AsgiApp] | None = None

    def ask(self, scope: Message, body: bytes) -> Future[Answered]:
        """What the application will have said to one request."""
        loop, app = self._mine()
        return asyncio.run_coroutine_threadsafe(_asked(app, scope, body), loop)

    def _mine(self) -> tuple[asyncio.AbstractEventLoop, AsgiApp]:
        with self._lock:
            if self._here is None or self._here[0] != os.getpid():
                self._here = os.getpid(), *self._begun()
            return self._here[1:]

    def _begun(self) -> tuple[asyncio.AbstractEventLoop, AsgiApp]:
        app, life = self._begin()
        loop = asyncio.new_event_loop()
        ready: Future[None] = Future()
        alive = _alive(life, ready)
        # A daemon: whatever it does at the end of the process, requests are over by then.
        threading.Thread(
            target=loop.run_until_complete, args=(alive,), name="agents", daemon=True
        ).start()
        ready.result()
        return loop, app


async def _alive(life: AbstractAsyncContextManager[Any], ready: Future[None]) -> None:
    async with life:
        ready.set_result(None)
        await asyncio.Event().wait()


async def _asked(app: AsgiApp, scope: Message, body: bytes) -> Answered:
    answered, coming = Answered(), [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if not coming:
            await asyncio.Event().wait()  # nobody here hears that a caller hung up
        return coming.pop()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answered.status = message["status"]
            answered.headers = [(k.decode(), v.decode()) for k, v in message.get("headers", ())]
        else:
            answered.body += message.get("body", b"")

    await app({**USUAL, **scope}, receive, send)
    return answered


def _fulfil(done: Future[Found], work: Callable[[], Found]) -> None:
    try:
        done.set_result(work())
    except BaseException as error:  # noqa: BLE001 - whoever asked for it is told
        done.set_exception(error)
