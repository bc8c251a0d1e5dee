"""Many jobs in Redis at once, each like one that the real processes made.

Everything in Redis that names the one job is written again under other names, whatever the keys are
called: keys of its own whole, and of shared ones the members that name it.
"""

import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

Command = tuple[bytes, ...]
DIGITS = slice(4, 20)  # of a job's id behind `job_`: hexadecimal, and the older the smaller
STEP = 65536  # between two clones' ids


Entry = tuple[bytes, bytes, dict[bytes, bytes]]  # of a stream: its key, its id and its fields
Marked = Callable[..., bool]


class Mould:
    """One job, as commands that write it."""

    def __init__(self, client: Any, job: str) -> None:
        """Args:
        client: The Redis that holds it; few others may be in it, for all of it is looked through.
        job: Its id.
        """
        self._job = job.encode()
        # What happened to it is in a shared stream, whose ids stand in the names of deliveries.
        self.events = sorted(_events(client, self._job))
        marks = [self._job, *(entry for _, entry, _ in self.events)]
        commands = [*self._announced(), *_commands(client, marks)]
        self._commands = b"".join(map(_packed, commands))
        moments = [_ms(entry) for _, entry, _ in self.events]
        self.span = max(moments, default=0) - min(moments, default=0) + 1

    def _announced(self) -> Iterator[Command]:
        for stream, entry, fields in self.events:
            yield (b"XADD", stream, entry, *_flat(fields))

    def clone(self, steps: int, first: int) -> tuple[str, bytes]:
        """An older job, and the commands that write it.

        Args:
            steps: How much older; another number is another job.
            first: When its first event happened, ms.
        """
        name, written = self._older(steps), self._commands
        for _, entry, _ in self.events:
            moment = first + _ms(entry) - _ms(self.events[0][1])
            written = written.replace(entry, b"%d-%s" % (moment, entry.partition(b"-")[2]))
        return name.decode(), written.replace(self._job, name)

    def _older(self, steps: int) -> bytes:
        digits = self._job[DIGITS]
        other = f"{int(digits, 16) - steps * STEP:0{len(digits)}x}".encode()
        return self._job[: DIGITS.start] + other + self._job[DIGITS.stop :]


def cast(client: Any, listens: Path, moulds: Sequence[Mould], count: int) -> list[str]:
    """Write so many jobs like those of some moulds in turn; their ids, oldest first."""
    streams = {stream for mould in moulds for stream, _, _ in mould.events}
    kept = {stream: client.xrange(stream) for stream in streams}
    oldest = min((_ms(entry) for rows in kept.values() for entry, _ in rows), default=0)
    span = max(mould.span for mould in moulds)
    if kept:  # entries can only be added behind the last: the clones first, then what was
        client.delete(*kept)
    names = []
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(listens))
        line.sendall(_packed((b"CLIENT", b"REPLY", b"OFF")))
        for number in range(count):
            steps = count - number
            name, written = moulds[number % len(moulds)].clone(steps, oldest - steps * span)
            names.append(name)
            line.sendall(written)
        line.sendall(_packed((b"CLIENT", b"REPLY", b"ON")))
        assert line.recv(100) == b"+OK\r\n"
    for stream, entries in kept.items():
        for entry, fields in entries:
            client.xadd(stream, fields, id=entry)
    return names


def _ms(entry: bytes) -> int:
    return int(entry.partition(b"-")[0])


def _flat(fields: dict[bytes, bytes]) -> list[bytes]:
    return [part for pair in fields.items() for part in pair]


def _events(client: Any, job: bytes) -> Iterator[Entry]:
    """Entries of shared streams that name a job."""
    for key in client.scan_iter(count=1000, _type="stream"):
        if job in key:
            continue
        for entry, fields in client.xrange(key):
            if any(job in value for value in fields.values()):
                yield key, entry, fields


def _commands(client: Any, marks: Sequence[bytes]) -> Iterator[Command]:
    """Whatever writes what has one of these marks in it."""

    def marked(*parts: bytes) -> bool:
        return any(mark in part for mark in marks for part in parts)

    for key in client.scan_iter(count=1000):
        kind = client.type(key).decode()
        if marked(key):
            yield from READ[kind](client, key, lambda *_: True)
        elif kind in ("zset", "set", "hash"):
            yield from READ[kind](client, key, marked)


def _string(client: Any, key: bytes, marked: Marked) -> Iterator[Command]:
    yield (b"SET", key, client.get(key))


def _hash(client: Any, key: bytes, marked: Marked) -> Iterator[Command]:
    for name, value in client.hgetall(key).items():
        if marked(name):
            yield (b"HSET", key, name, value)


def _list(client: Any, key: bytes, marked: Marked) -> Iterator[Command]:
    for value in client.lrange(key, 0, -1):
        yield (b"RPUSH", key, value)


def _set(client: Any, key: bytes, marked: Marked) -> Iterator[Command]:
    for member in client.smembers(key):
        if marked(member):
            yield (b"SADD", key, member)


def _zset(client: Any, key: bytes, marked: Marked) -> Iterator[Command]:
    for member, score in client.zrange(key, 0, -1, withscores=True):
        if marked(member):
            yield (b"ZADD", key, repr(score).encode(), member)


def _stream(client: Any, key: bytes, marked: Marked) -> Iterator[Command]:
    for _, fields in client.xrange(key):
        yield (b"XADD", key, b"*", *_flat(fields))  # its own ids may be those of shared entries


READ = {
    "string": _string,
    "hash": _hash,
    "list": _list,
    "set": _set,
    "zset": _zset,
    "stream": _stream,
}


def _packed(command: Command) -> bytes:
    parts = [b"$%d\r\n%s\r\n" % (len(part), part) for part in command]
    return b"*%d\r\n%s" % (len(parts), b"".join(parts))
