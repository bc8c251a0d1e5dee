"""Connections to Redis, and its failures in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast
from urllib.parse import urlsplit

import redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry
from redis.sentinel import Sentinel

from runhook.config.urls import SentinelAddress
from runhook.worker.errors import StoreRefuses, StoreUnavailable
from runhook.worker.net.faults import why
from runhook.worker.store.commands import Redis

SENTINEL_PORT = 26379  # where Sentinel listens unless the address says otherwise
SENTINEL_TIMEOUT = 3  # seconds until the next Sentinel is asked

Patience = Literal["door", "worker"]
# Redis says these instead of doing what it was asked to; nothing was written.
# BUSY: somebody's slow script runs, and until it ends Redis does nothing else.
REFUSALS = ("OOM", "MISCONF", "LOADING", "READONLY", "NOREPLICAS", "MASTERDOWN", "BUSY ")

# The same, of which redis-py leaves the first word out. NoScript: Redis began anew, or was put back
# to an older copy, between loading a script and running it.
NOTHING_WRITTEN = (
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.NoScriptError,
)

# What waiting does not heal: TLS where there is none, a stranger's certificate, no such database.
NO_TLS = ("WRONG_VERSION_NUMBER", "CERTIFICATE_VERIFY_FAILED")
NO_DATABASE = "DB index"
# What redis-py puts before the words of Redis, behind the whole command.
IN_A_PIPELINE = " of pipeline caused error: "


def connect(url: str, patience: Patience) -> Redis:
    """A client of the given Redis.

    Args:
        url: `redis://`, `rediss://`, `unix://`, or `sentinel://h1:p1,h2:p2/<service>[/<db>]`.
        patience: `door` gives up after 2.5 s, so that a callback is answered within 3 s;
            `worker` waits longer and tries again. Scripts are idempotent, so it may.
    """
    # What stood idle for 15 s is asked first whether it lives: a firewall may have dropped it.
    options: dict[str, Any] = {"health_check_interval": 15, "socket_keepalive": True}
    if patience == "door":
        # A second try would take a callback over its 3 s, and RunningHub tries again by itself.
        options |= {
            "socket_timeout": 1.5,
            "socket_connect_timeout": 1.0,
            "retry": Retry(ExponentialBackoff(), 0),
        }
    else:
        # Four tries: policy.ASKED_AGAIN_MS is longer than all of them and the waits between.
        options |= {
            "socket_timeout": 10,
            "socket_connect_timeout": 3,
            "retry": Retry(ExponentialBackoff(cap=1, base=0.05), 3),
        }
    parts = urlsplit(url)
    if parts.scheme == "unix":  # has no keepalive, and redis-py refuses the option
        del options["socket_keepalive"]
    if parts.scheme != "sentinel":
        return cast(Redis, redis.Redis.from_url(url, **options))
    return _through_sentinel(url, options)


def _through_sentinel(url: str, options: dict[str, Any]) -> Redis:
    address = SentinelAddress.of(url)
    pairs = (node.partition(":") for node in address.nodes)
    nodes = [(host, int(port or SENTINEL_PORT)) for host, _, port in pairs]
    if address.password:
        options["password"] = address.password
    found: Any = Sentinel(nodes, socket_timeout=SENTINEL_TIMEOUT)  # type: ignore[no-untyped-call]
    return cast(Redis, found.master_for(address.service, db=address.db, **options))


@contextmanager
def reaching() -> Iterator[None]:
    """Turn what redis-py raises when Redis is away or refuses into StoreUnavailable."""
    try:
        yield
    except (redis.AuthenticationError, redis.InvalidResponse, NoPermissionError) as error:
        raise StoreRefuses(f"Redis refuses: {error}") from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        if any(word in str(error) for word in NO_TLS):
            raise StoreRefuses(f"Redis refuses: {error}") from error
        raise StoreUnavailable(f"Redis does not answer: {why(error)}") from error
    except redis.ResponseError as error:
        said = str(error).rpartition(IN_A_PIPELINE)[2]
        if said.startswith(REFUSALS) or isinstance(error, NOTHING_WRITTEN):
            raise StoreUnavailable(f"Redis refuses: {said}") from error
        if NO_DATABASE in said:
            raise StoreRefuses(f"Redis refuses: {said}") from error
        raise
