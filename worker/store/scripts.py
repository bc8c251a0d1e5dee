"""The Lua scripts beside this file: each is one round trip, and safe to be sent again.

A script that wakes a lane also posts its Celery message when broker and state share one Redis.
Otherwise it returns the woken lanes and `post` sends the messages; without `post` the pump does.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha1
from typing import Any

from redis.exceptions import ResponseError

from runhook.worker.domain.lanes import Message
from runhook.worker.store import keys
from runhook.worker.store.calls import Calls, Script, Word
from runhook.worker.store.clock import Clock
from runhook.worker.store.commands import Redis
from runhook.worker.store.connection import reaching
from runhook.worker.store.sources import FUNCTIONS, function, source

# What runs with every job. All of these write: a server that is short of memory runs no function,
# and scripts that only read, or make room, must go on there.
OFTEN = (
    *("create", "claim", "finish", "move", "mark_left"),
    *("take_callback", "open_deliveries", "record_delivery"),
)

Post = Callable[[str, str], None]  # of a lane and the duty to begin with


def stream_moment(entry_id: bytes | str) -> datetime:
    """When an entry was written into its stream: its id begins with Redis's milliseconds."""
    if isinstance(entry_id, bytes):
        entry_id = entry_id.decode()
    return datetime.fromtimestamp(int(entry_id.partition("-")[0]) / 1000, UTC)


def milliseconds(moment: datetime) -> int:
    """A moment as scores and scripts have it: milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def pairs(flat: Sequence[bytes] | dict[bytes, bytes] | None) -> dict[bytes, bytes]:
    """Fields and values in turn, as a script answers them; none: there is no such hash or entry.

    A command beside a script is answered so by the older protocol, and by the newer with a map.
    """
    if not flat:
        return {}
    if isinstance(flat, dict):
        return flat
    return dict(zip(flat[::2], flat[1::2], strict=True))


def until_ms(seconds: float | None) -> int:
    """Seconds as scripts take a wait: in ms, negative where there is nothing to wait for."""
    if seconds is None:
        return -1
    return round(seconds * 1000)


class Scripts:
    """Calls scripts by name with the root of all keys and the clock's argument in front."""

    def __init__(
        self,
        client: Redis,
        clock: Clock,
        messages: Mapping[str, Message],
        post: Post | None,
    ) -> None:
        self.client = client
        self.clock = clock
        self._post = post
        self._messages = {lane: message.text for lane, message in messages.items()}
        self._known: dict[str, Script] = {}
        self._calls = Calls(client)

    def publish_messages(self) -> None:
        """Have scripts post wake-ups themselves, as far as broker and state share this Redis.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        key = keys.wakeups()
        with reaching():
            pipe = self.client.pipeline()
            # All are written anew: scripts must post none that this release does not read.
            pipe.delete(key)
            if self._messages:
                pipe.hset(key, mapping=self._messages)
            pipe.execute()

    def keep_messages(self) -> None:
        """Publish them again where they are lost, or another's, or of a broker that is not used.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        with reaching():
            held = self.client.hgetall(keys.wakeups())
        if {name.decode(): text.decode() for name, text in held.items()} != self._messages:
            self.publish_messages()

    def run(self, name: str, *args: Word) -> Any:
        """Run a script and return its answer as it comes.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        return self.run_and(name, args)[0]

    def each(
        self, name: str, calls: Sequence[Sequence[Word]], *commands: Sequence[str | int]
    ) -> list[Any]:
        """Run a script once for each of these arguments, and commands behind, in one round trip.

        Returns:
            Each answer; an error in its place.

        Raises:
            StoreUnavailable: Redis did not answer all of them.
        """
        with reaching():
            head = [keys.ROOT, self._head]
            words = [[*head, *args] for args in calls]
            return self._calls.each(self._script(name), words, commands)

    def run_and(self, name: str, args: Sequence[Word], *commands: Sequence[str | int]) -> list[Any]:
        """Run a script and behind it commands on the same connection, in one round trip.

        Returns:
            Each answer; an error of a command in its place.

        Raises:
            StoreUnavailable: Redis does not answer or refuses the script.
        """
        answers = self.each(name, [args], *commands)
        with reaching():
            if isinstance(answers[0], ResponseError):
                raise answers[0]
        return answers

    @property
    def _head(self) -> str:
        """Whether the caller wakes lanes itself, and the time that tests set: see lua/lib."""
        if self._post:
            return f"p{self.clock.argument}"
        return self.clock.argument

    def prepare(self, *names: str) -> None:
        """Put texts together now, so that children need not, each for itself."""
        for name in names:
            self._script(name)

    def remove_old_functions(self) -> None:
        """What other releases left of functions; a process of theirs loads its own again.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        own = {function(name).name.encode() for name in OFTEN}
        with reaching(), suppress(ResponseError):  # a server that has none, or a user who may not
            for library in self.client.function_list(f"{FUNCTIONS}*"):
                name = pairs(library)[b"library_name"]
                if name not in own:
                    self.client.function_delete(name.decode())

    def _script(self, name: str) -> Script:
        if name not in self._known:
            text = source(name)
            sha = sha1(text.encode(), usedforsecurity=False).hexdigest()
            script = Script(text=text, sha=sha)
            if name in OFTEN:
                kept = function(name)
                script = replace(script, function=kept.name, library=kept.text)
            self._known[name] = script
        return self._known[name]

    def words(self, name: str, *args: Word) -> list[str]:
        """Run a script that answers in words.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        return [word.decode() for word in self.run(name, *args)]

    def waking(self, name: str, count: int, *args: Word) -> list[str]:
        """Run a script that answers `count` words and behind them what it woke.

        Those are woken, if this process does that, and left out of what is returned.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        return [word.decode() for word in self.answers(name, count, *args)]

    def answers(self, name: str, count: int, *args: Word) -> list[Any]:
        """The same for a script whose answers are not all words: they are as Redis gave them."""
        return self._answered(self.run(name, *args), count)

    def answers_of(self, name: str, count: int, calls: Sequence[Sequence[Word]]) -> list[list[Any]]:
        """The same, once for each of these arguments, in one round trip.

        Raises:
            StoreUnavailable: Redis does not answer or refuses; any of them may be done.
        """
        found = self.each(name, calls)
        with reaching():
            for answer in found:
                if isinstance(answer, Exception):
                    raise answer
        return [self._answered(answer, count) for answer in found]

    def _answered(self, answer: list[Any], count: int) -> list[Any]:
        """What a script said, without the lanes that it woke; those are woken here."""
        if self._post:
            for woken in answer[count:]:
                lane, _, duty = woken.decode().partition(" ")
                self._post(lane, duty)
        return answer[:count]
