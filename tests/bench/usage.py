"""What Redis did: round trips, commands, scripts and memory, as it counts them itself."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import redis

# What tells one job's or delivery's key from another's, and all behind it.
OWN = re.compile(r"(?<=:)(?:[a-z]+_[0-9]|[0-9a-f]{16}).*$")
BATCH = 1000  # keys asked about in one round trip
SCRIPTS = ("evalsha", "eval", "fcall")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Counters at a moment, or between two.

    Attributes:
        trips: Reads from sockets: what was sent together counts once.
        commands: All of them, those that scripts call too.
        scripts: Scripts that ran.
        script_us: Microseconds that they took in the server.
        cpu_us: Microseconds of CPU that the server's main thread had, with all it reads and writes.
        network: Bytes in and out.
        log: Bytes added to the append-only file.
        memory: Bytes that data takes.
    """

    trips: int
    commands: int
    scripts: int
    script_us: int
    cpu_us: int
    network: int
    log: int
    memory: int

    def since(self, before: "Usage") -> "Usage":
        """What came between."""
        mine, theirs = vars(self), vars(before)
        return Usage(**{name: mine[name] - theirs[name] for name in mine})


def usage(client: redis.Redis) -> Usage:
    """The counters now."""
    info: dict[str, Any] = client.info("everything")
    scripts = [info.get(f"cmdstat_{name}", {}) for name in SCRIPTS]
    return Usage(
        trips=int(info["total_reads_processed"]),
        commands=int(info["total_commands_processed"]),
        scripts=sum(int(row.get("calls", 0)) for row in scripts),
        script_us=sum(int(row.get("usec", 0)) for row in scripts),
        cpu_us=round(1e6 * sum(info[f"used_cpu_{kind}_main_thread"] for kind in ("user", "sys"))),
        network=int(info["total_net_input_bytes"]) + int(info["total_net_output_bytes"]),
        log=int(info.get("aof_current_size", 0)),
        memory=int(info["used_memory"]),
    )


def families(client: redis.Redis, root: str) -> Counter[str]:
    """Bytes by kind of key: its name, without what is one job's or delivery's own."""
    found: Counter[str] = Counter()
    for names in _batches(client):
        pipe = client.pipeline(transaction=False)
        for name in names:
            pipe.memory_usage(name, samples=0)
        for name, size in zip(names, pipe.execute(), strict=True):
            found[OWN.sub("…", name.decode().removeprefix(root))] += size or 0
    return found


def _batches(client: redis.Redis) -> Iterator[list[bytes]]:
    cursor: int | None = None
    while cursor != 0:
        cursor, names = client.scan(cursor or 0, count=BATCH)
        yield cast(list[bytes], names)
