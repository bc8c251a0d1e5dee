"""Calls of scripts over connections of redis-py's that are kept between calls.

redis-py's own way costs as much again as the round trip: with each call it takes a connection from
its pool, puts it back, and keeps accounts. Here a connection stays out of the pool while it works.
All else is redis-py's still: how one is opened, by Sentinel, TLS or a unix socket, its health
check, its time-outs, and how often a call is tried again.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import (
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
)

from runhook.worker.store.commands import Connection, Redis

Word = str | bytes | int | float
# How a server says that it has no such function, or an older one that it has none at all.
NO_FUNCTION = ("Function not found", "unknown command")


@dataclass(frozen=True, kw_only=True)
class Script:
    """A script as Redis is asked to run it.

    Attributes:
        text: The whole of it.
        sha: By which Redis knows its text.
        function: As which it keeps the same where it can, which costs less; empty: it does not.
        library: What FUNCTION LOAD takes for that.
    """

    text: str
    sha: str
    function: str = ""
    library: str = ""


class Calls:
    """The script calls of one process. Safe to share between threads, and to inherit by a fork."""

    def __init__(self, client: Redis) -> None:
        """Args:
        client: Whose pool the connections come from.
        """
        self._client = client
        self._pool = client.connection_pool
        self._kept: list[Connection] = []
        self._functions = True  # until the server says otherwise

    def each(
        self,
        script: Script,
        many: Sequence[Sequence[Word]],
        commands: Sequence[Sequence[Word]] = (),
    ) -> list[Any]:
        """Run a script several times, and commands behind it, in one round trip.

        Args:
            script: Which.
            many: Each time its key, and its arguments.
            commands: What follows.

        Returns:
            Each answer; an error in its place.

        Raises:
            redis.RedisError: Not all were answered; any of them may be done.
        """
        answers: list[Any] = []
        # In the first way of calling that the server has. Some may be done twice: that is as once.
        for way in self._ways(script):
            answers = self._sent([*((*way, 1, *words) for words in many), *commands])
            if not any(_is_unknown(answer) for answer in answers[: len(many)]):
                break
        return answers

    def _ways(self, script: Script) -> Iterator[tuple[str, str]]:
        """As a function, loaded if it is not there; by its name; with the text, which no flush can
        take away."""
        if script.function and self._functions:
            yield "FCALL", script.function
            loaded = self._sent([("FUNCTION", "LOAD", "REPLACE", script.library)])[0]
            if not isinstance(loaded, ResponseError):
                yield "FCALL", script.function
            # One before Redis 7, or this user may not. What is short of memory is asked again.
            self._functions = isinstance(loaded, ResponseError) and not _is_unknown_way(loaded)
        yield "EVALSHA", script.sha
        yield "EVAL", script.text

    def _sent(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        connection = self._taken()

        def ask() -> list[Any]:
            connection.connect()  # unless it is; after a failure Sentinel may know another place
            pieces = [connection.pack_command(*words) for words in commands]
            connection.send_packed_command([b"".join(map(b"".join, pieces))])
            return [_answer(connection) for _ in commands]

        try:
            answers: list[Any] = connection.retry.call_with_retry(
                ask, lambda _: connection.disconnect()
            )
        except BaseException:
            connection.disconnect()  # else the next call would read what is left of this one
            self._pool.release(connection)
            raise
        if connection.should_reconnect():  # its server is about to move
            self._pool.release(connection)
        else:
            self._kept.append(connection)
        return answers

    def _taken(self) -> Connection:
        """A kept connection, or one of the pool."""
        while self._kept:
            try:
                connection = self._kept.pop()
            except IndexError:
                break  # another thread was quicker
            if connection.pid == os.getpid() and not _has_news(connection):
                return connection
            # Closed by the server, or of the process that this one was forked from.
            self._pool.release(connection)
        return self._pool.get_connection()


def _answer(connection: Connection) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _is_unknown(answer: Any) -> bool:
    """Whether the server did not run it, for it cannot be called like that there.

    One short of memory begins no function, and runs a text that makes room first.
    """
    return isinstance(answer, NoScriptError | OutOfMemoryError) or _is_unknown_way(answer)


def _is_unknown_way(answer: Any) -> bool:
    if isinstance(answer, NoPermissionError):
        return True
    return isinstance(answer, ResponseError) and str(answer).startswith(NO_FUNCTION)


def _has_news(connection: Connection) -> bool:
    """Whether there is something to read where nothing was asked: most often the end."""
    try:
        return connection.can_read()
    except (RedisError, OSError):
        return True
