"""Server-sent events: one listener on the log for all streams of this process, and few streams.

Each stream takes a thread as long as it runs, so their number is bounded: more would hang the site.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from runhook.webhook.edge.limits import Limit
from runhook.webhook.edge.problems import away
from runhook.webhook.edge.responses import Events
from runhook.webhook.edge.sessions import Session
from runhook.worker.domain.events import Event, cloud_event
from runhook.worker.errors import StoreUnavailable
from runhook.worker.store import event_order
from runhook.worker.telemetry import report
from runhook.worker.wiring import Wiring

# Streams of one caller, and of one process: each is a thread that mostly sleeps.
EACH, STREAMS = 32, 64
# Events that streams find without asking Redis, and bytes of them: large jobs make large ones.
RING, LARGEST_RING = 1000, 16 * 1024 * 1024
# Bytes that are sent together: each piece is a turn of a thread, and of hundreds of events a second
# some dozens of streams would make tens of thousands. Who does not read has one piece in memory.
PIECE = 64 * 1024
AT_ONCE = 200  # events of one read: what a busy second brings, in one round trip
# Seconds that the listener waits at most before it looks whether anybody streams, and after an
# error before it tries again.
BREATH = 1.0
# Seconds of silence after which a comment says that the stream lives: proxies cut silent ones, and
# only by writing does this process learn that somebody hung up.
HEARTBEAT = 5.0
ALIVE = b": alive\n\n"  # a comment of server-sent events: it says only that the stream lives
# Proxies would hold events back until they have a buffer full.
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


@dataclass(frozen=True)
class Message:
    """An event, ready to be sent."""

    what: Event
    body: bytes

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands in the log."""
        return event_order(self.what.id)


class Hub:
    """Reads the log once for every stream that follows it."""

    def __init__(self, w: Wiring) -> None:
        self._w = w
        self._news = threading.Condition()
        self._ring: deque[Message] = deque()
        self._bytes = 0  # of the ring
        self._floor: tuple[int, int] | None = None  # from here on the ring has everything
        self._streams = 0
        self._places = Limit("streams of yours run here", each=EACH, together=STREAMS)

    def stream(self, name: str, messages: Iterator[bytes], session: Session | None) -> Events[Any]:
        """An answer that goes on as long as there are messages and its hearer is signed in.

        Args:
            name: The caller's.
            messages: What is said; an empty one whenever there is nothing to say, which becomes a
                comment once the stream was silent for `HEARTBEAT`.
            session: By which a browser asks; None: a token was shown.

        Raises:
            ServiceUnavailable: As many run as may.
        """
        place = self._places.take(name)
        with self._news:
            self._streams += 1
        told = self._told(messages, session)
        response: Events[Any] = Events(told, content_type="text/event-stream", headers=HEADERS)
        response.call_on_close(place.leave)
        response.call_on_close(self._over)
        return response

    def follow(self, cursor: str) -> Iterator[Sequence[Message]]:
        """Everything behind the cursor, for ever, what is there together; none: it was silent."""
        while True:
            try:
                found, cursor = self.after(cursor, HEARTBEAT)
            except StoreUnavailable:
                time.sleep(BREATH)
                found = []
            yield found

    def after(self, cursor: str, seconds: float) -> tuple[Sequence[Message], str]:
        """Events behind the cursor, and the cursor behind them; waits for the first so long.

        Raises:
            StoreUnavailable: Redis does not answer about what the listener has not heard.
        """
        place = event_order(cursor)
        self._listen_from_now()
        with self._news:
            if self._has_heard(place) and not (self._ring and self._ring[-1].place > place):
                self._news.wait(seconds)
            heard = self._has_heard(place)  # more may have come meanwhile than it remembers
            found = [message for message in self._ring if message.place > place]
        if not heard:
            return self._read(cursor)
        if found:
            cursor = found[-1].what.id
        return found, cursor

    def _told(self, messages: Iterator[bytes], session: Session | None) -> Iterator[bytes]:
        looked = said = time.monotonic()
        for message in messages:
            now = time.monotonic()
            if now - looked >= HEARTBEAT:
                looked = now
                if self._has_signed_out(session):
                    return
            if message:
                said = now
                yield message
            elif now - said >= HEARTBEAT:
                said = now
                yield ALIVE

    def _has_signed_out(self, session: Session | None) -> bool:
        if session is None:
            return False
        try:
            return self._w.store.sessions.has_ended(session.id)
        except StoreUnavailable:
            return False  # then nothing is read either that could be told

    def _has_heard(self, place: tuple[int, int]) -> bool:
        """Whether everything behind this place is in the ring."""
        return self._floor is not None and place >= self._floor

    def _listen_from_now(self) -> None:
        with self._news:
            if self._floor is None:
                newest = self._w.store.events.newest()
                self._floor = event_order(newest)
                listening = threading.Thread(target=self._listen, args=(newest,), daemon=True)
                listening.start()

    def _over(self) -> None:
        with self._news:
            self._streams -= 1

    def _listen(self, cursor: str) -> None:
        """Follow the log as long as anybody streams."""
        while self._wanted():
            try:
                self._w.store.events.wait(cursor, BREATH)
                found, cursor = self._read(cursor)
            except StoreUnavailable as error:
                away.add(why=str(error))
                time.sleep(BREATH)
                continue
            except Exception:  # noqa: BLE001 - every stream hangs on this thread
                report("task.failed", lane="streams", exc_info=True)
                time.sleep(BREATH)
                continue
            with self._news:
                for message in found:
                    self._remember(message)
                if found:
                    self._news.notify_all()

    def _remember(self, message: Message) -> None:
        """Put the newest into the ring, and the oldest out of it."""
        self._ring.append(message)
        self._bytes += len(message.body)
        while len(self._ring) > RING or self._bytes > LARGEST_RING:
            gone = self._ring.popleft()
            self._bytes -= len(gone.body)
            self._floor = gone.place

    def _wanted(self) -> bool:
        with self._news:
            if not self._streams:
                self._ring.clear()
                self._bytes = 0
                self._floor = None
            return self._streams > 0

    def _read(self, cursor: str) -> tuple[list[Message], str]:
        found, last = self._w.store.events.after(cursor, AT_ONCE, gaps=True)
        base = self._w.settings.public_url
        messages = [message for one in found if (message := _message(one, base))]
        return messages, last or cursor


def _message(event: Event, base: str) -> Message | None:
    """An event as streams send it; one that cannot be said holds up none behind it."""
    try:
        return Message(event, orjson.dumps(cloud_event(event, base)))
    except Exception:  # noqa: BLE001 - it is that event's own
        report("task.failed", lane="streams", duty=event.id, exc_info=True)
        return None


def joined(said: Iterable[bytes]) -> Iterator[bytes]:
    """The same in few pieces."""
    piece = b""
    for one in said:
        piece += one
        if len(piece) >= PIECE:
            yield piece
            piece = b""
    if piece:
        yield piece


def spoken(event_id: str, kind: str, body: bytes) -> bytes:
    """One message as it goes over the wire."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (event_id.encode(), kind.encode(), body)
