"""What the server says of itself: its version, and how safe what it was told is there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from redis.exceptions import ResponseError

from runhook.worker.store.commands import Redis

NUMBER = re.compile(r"[0-9]+")
OLDEST = (6, 2)  # the Redis that the scripts are written for
WAITAOF_SINCE = (7, 2)
# With `appendfsync everysec` these answer WAITAOF once the system has the write, up to a second or
# as long as the disk takes before it is there: Redis 7.4.0 to 7.4.2 (redis/redis#12622, mended by
# #13793), and every Valkey since 8.0. Seen with Valkey 9.1.2.
EARLY_REDIS = ((7, 4), (7, 4, 3))
EARLY_VALKEY = (8, 0)


@dataclass(frozen=True, kw_only=True)
class Server:
    """What the server says of itself.

    Attributes:
        name: What it calls itself, with its own version: `Redis 7.2.4`, `Valkey 8.1.4`.
        version: Of Redis, or of the Redis that it is compatible with.
        policy: What it does when its memory is full.
        durable: It keeps an append-only file.
        appendfsync: When that goes to disk: `always`, `everysec`, `no`; empty: it may not be asked.
        early: Its WAITAOF answers too early, unless each write goes to disk at once.
    """

    name: str
    version: str
    policy: str
    durable: bool
    appendfsync: str
    early: bool

    @classmethod
    def of(cls, info: Mapping[str, Any], appendfsync: str) -> Self:
        """What INFO says of it, and CONFIG of `appendfsync`."""
        version = str(info.get("redis_version", "0"))
        name, early = f"Redis {version}", EARLY_REDIS[0] <= _numbers(version) < EARLY_REDIS[1]
        if own := info.get("valkey_version"):
            name, early = f"Valkey {own}", _numbers(str(own)) >= EARLY_VALKEY
        return cls(
            name=name,
            version=version,
            policy=str(info.get("maxmemory_policy", "noeviction")),
            durable=str(info.get("aof_enabled", 0)) == "1",
            appendfsync=appendfsync,
            early=early,
        )

    @property
    def too_old(self) -> bool:
        """The scripts need a newer one."""
        return _numbers(self.version) < OLDEST

    @property
    def has_waitaof(self) -> bool:
        """Whether WAITAOF can be asked: it is new enough, and keeps an append-only file."""
        return self.durable and _numbers(self.version) >= WAITAOF_SINCE

    @property
    def tells_when_on_disk(self) -> bool:
        """Whether what it has answered, with WAITAOF, is on disk."""
        at_once = self.appendfsync == "always"
        return self.durable and (at_once or (self.has_waitaof and not self.early))

    @property
    def never_tells(self) -> bool:
        """WAITAOF only ever runs out of time, for the server never flushes."""
        return self.has_waitaof and self.appendfsync == "no"

    @property
    def evicts(self) -> bool:
        """It would throw queued work away."""
        return self.policy != "noeviction"


def server_of(client: Redis) -> Server:
    """Ask the server; raises what redis-py raises."""
    return Server.of(client.info("default"), appendfsync_of(client))


def appendfsync_of(client: Redis) -> str:
    """When its append-only file goes to disk; empty: it lets nobody ask, as managed ones do."""
    try:
        return client.config_get("appendfsync").get("appendfsync", "")
    except ResponseError:
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in NUMBER.findall(version)[:3])
