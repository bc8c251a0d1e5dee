"""An ASGI application that is answered from WSGI: one event loop for the whole process.

The loop only speaks the application's protocol. What takes long is handed back to the thread that
waits for the answer, so a request has no thread but its own, whichever server gave it that.
"""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
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


class Answered:
    """What an application said to one request: all of it, or what there is so far.

    Attributes:
        status: As it began.
        headers: As it began; none before that.
    """

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[str, str]] = []
        # The loop appends at one end, the request's thread takes from the other.
        self._pieces: deque[bytes] = deque()

    def say(self, piece: bytes) -> None:
        """More of the body has come."""
        self._pieces.append(piece)

    def taken(self) -> bytes:
        """What has come of the body since this was last asked."""
        return b"".join(self._pieces.popleft() for _ in range(len(self._pieces)))


class Turn:
    """The thread that waits for one answer, and what it is asked to do meanwhile.

    Attributes:
        answered: The answer, as far as it has come.
    """

    def __init__(self) -> None:
        self.answered = Answered()
        self._asked: SimpleQueue[tuple[Callable[[], None], bool] | None] = SimpleQueue()
        self._put_off: Callable[[], None] | None = None

    def have_done(self, work: Callable[[], Found], *, long: bool) -> Awaitable[Found]:
        """Asked by the loop: what comes of it, done in a thread that waits.

        Args:
            work: What is to be done.
            long: It takes longer than others may wait for its thread.
        """
        done: Future[Found] = Future()
        self._asked.put((partial(_fulfil, done, work), long))
        return asyncio.wrap_future(done)

    def say(self, piece: bytes) -> None:
        """Asked by the loop: more of the answer has come, which its thread may give on."""
        self.answered.say(piece)
        self._asked.put((_nothing, False))

    def serve(self, answer: Future[None]) -> bool:
        """Do what is asked until the answer is there; False as soon as something long is asked."""
        answer.add_done_callback(lambda _: self._asked.put(None))
        while (asked := self._asked.get()) is not None:
            work, long = asked
            if long:
                self._put_off = work
                return False
            work()
        answer.result()
        return True

    def serve_out(self, answer: Future[None]) -> Iterator[bytes]:
        """Do that, and what else is asked, and give the answer's body piece by piece."""
        if piece := self.answered.taken():
            yield piece
        if self._put_off is not None:
            self._put_off()
        while (asked := self._asked.get()) is not None:
            asked[0]()
            if piece := self.answered.taken():
                yield piece
        answer.result()


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

    def ask(self, scope: Message, body: bytes, turn: Turn) -> Future[None]:
        """Have the application answer one request; done once it has said all of it."""
        loop, app = self._mine()
        return asyncio.run_coroutine_threadsafe(_asked(app, scope, body, turn), loop)

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


async def _asked(app: AsgiApp, scope: Message, body: bytes, turn: Turn) -> None:
    coming = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if not coming:
            await asyncio.Event().wait()  # nobody here hears that a caller hung up
        return coming.pop()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            turn.answered.status = message["status"]
            turn.answered.headers = [
                (k.decode(), v.decode()) for k, v in message.get("headers", ())
            ]
        else:
            turn.say(message.get("body", b""))

    await app({**USUAL, **scope}, receive, send)


def _nothing() -> None:
    """The queue is looked at, and that is all."""


def _fulfil(done: Future[Found], work: Callable[[], Found]) -> None:
    try:
        done.set_result(work())
    except BaseException as error:  # noqa: BLE001 - whoever asked for it is told
        done.set_exception(error)
