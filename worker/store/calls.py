"""Calls of scripts over connections of redis-py's that are kept between calls.

redis-py's own way costs as much again as the round trip: with each call it takes a connection from
its pool, puts it back, and keeps accounts. Here a connection stays out of the pool while it works.
All else is redis-py's still: how one is opened, by Sentinel, TLS or a unix socket, its health
check, its time-outs, and how often a call is tried again.
"""

import os
from collections.abc import Sequence
from typing import Any

from redis.exceptions import NoScriptError, RedisError, ResponseError

from runhook.worker.store.commands import Connection, Redis

Word = str | bytes | int | float


class Calls:
    """The script calls of one process. Safe to share between threads, and to inherit by a fork."""

    def __init__(self, client: Redis) -> None:
        """Args:
        client: Whose pool the connections come from.
        """
        self._client = client
        self._pool = client.connection_pool
        self._kept: list[Connection] = []

    def one(self, script: Any, words: Sequence[Word]) -> Any:
        """Run a script.

        Args:
            script: As the client registered it.
            words: Its key, and its arguments.

        Returns:
            Its answer as it comes.

        Raises:
            redis.RedisError: It was not answered, or with an error.
        """
        answer = self.each(script, [words])[0]
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    def each(self, script: Any, many: Sequence[Sequence[Word]]) -> list[Any]:
        """Run a script several times, in one round trip.

        Args:
            script: As the client registered it.
            many: Each time its key, and its arguments.

        Returns:
            Each answer; an error in its place.

        Raises:
            redis.RedisError: Not all were answered; any of them may be done.
        """
        answers = self._asked(script.sha, many)
        if any(isinstance(answer, NoScriptError) for answer in answers):
            # With the text, which no flush can take away. Some may be done twice: that is as once.
            answers = self._sent([("EVAL", script.script, 1, *words) for words in many])
        return answers

    def followed(
        self, script: Any, words: Sequence[Word], commands: Sequence[Sequence[Word]]
    ) -> list[Any]:
        """Run a script and behind it commands on the same connection, in one round trip.

        Args:
            script: As the client registered it.
            words: Its key, and its arguments.
            commands: What follows.

        Returns:
            Each answer; an error of a command in its place.

        Raises:
            redis.RedisError: The script was not answered, or with an error.
        """
        call = ("EVALSHA", script.sha, 1, *words)
        answers = self._sent([call, *commands])
        if isinstance(answers[0], NoScriptError):
            answers = self._sent([("EVAL", script.script, 1, *words), *commands])
        if isinstance(answers[0], ResponseError):
            raise answers[0]
        return answers

    def _asked(self, sha: str, many: Sequence[Sequence[Word]]) -> list[Any]:
        return self._sent([("EVALSHA", sha, 1, *words) for words in many])

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


def _has_news(connection: Connection) -> bool:
    """Whether there is something to read where nothing was asked: most often the end."""
    try:
        return connection.can_read()
    except (RedisError, OSError):
        return True
