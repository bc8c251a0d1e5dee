"""The Lua scripts beside this file: each is one round trip, and safe to be sent again.

A script that wakes a duty also posts its Celery message when broker and state share one Redis.
Otherwise it returns the woken duties and `post` sends them; without `post` the pump does.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from worker.store.clock import Clock
from worker.store.commands import Redis
from worker.store.connection import reaching
from worker.wakeups import Message

Post = Callable[[str, str], None]


def stream_moment(entry_id: bytes | str) -> datetime:
    """When an entry was written into its stream: its id begins with Redis's milliseconds."""
    text = entry_id.decode() if isinstance(entry_id, bytes) else entry_id
    return datetime.fromtimestamp(int(text.partition("-")[0]) / 1000, UTC)


@cache
def _source(name: str) -> str:
    return files("worker.store").joinpath("lua", f"{name}.lua").read_text()


def _lua_table(messages: Mapping[str, Message]) -> str:
    rows = [
        f"{lane}={{queue=[==[{m.queue}]==],text=[==[{m.text}]==]}}" for lane, m in messages.items()
    ]
    return f"local MESSAGES = {{{','.join(rows)}}}\n"


class Scripts:
    """Calls scripts by name with the root key and the clock's argument in front."""

    def __init__(
        self,
        client: Redis,
        root: str,
        clock: Clock,
        messages: Mapping[str, Message],
        post: Post | None,
    ) -> None:
        self.client = client
        self.root = root
        self.clock = clock
        self._post = post
        posts = f"local POSTS = {'true' if post else 'false'}\n"
        self._head = _lua_table(messages) + posts + _source("prelude")
        self._loaded: dict[str, Any] = {}

    def run(self, name: str, *args: str | bytes | int | float) -> Any:
        """Run a script and return its answer as it comes.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        script = self._loaded.get(name)
        if script is None:
            script = self.client.register_script(self._head + _source(name))
            self._loaded[name] = script
        with reaching():
            return script(keys=[self.root], args=[self.clock.argument, *args])

    def words(self, name: str, *args: str | bytes | int | float) -> list[str]:
        """Run a script that answers in words.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        return [word.decode() for word in self.run(name, *args)]

    def waking(self, name: str, count: int, *args: str | bytes | int | float) -> list[str]:
        """Run a script that answers `count` words and behind them the duties it woke."""
        words = self.words(name, *args)
        for duty in words[count:]:
            lane, _, duty_id = duty.partition(" ")
            if self._post:
                self._post(lane, duty_id)
        return words[:count]
