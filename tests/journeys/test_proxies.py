"""The proxies of the tests do what they say."""

from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from runhook.worker.store.embedded import EmbeddedServer
from tests.journeys.proxies import Forgetful, proxy

SCRIPT = "return redis.call('INCR', KEYS[1])"


def _client(path: str | int, retries: int) -> Any:
    again = Retry(NoBackoff(), retries)
    return redis.Redis(unix_socket_path=str(path), retry=again, retry_on_error=[ConnectionError])


def test_what_was_asked_for_is_done_though_its_reply_is_lost(
    raw: Any, server: EmbeddedServer, tmp_path: Path
) -> None:
    loses_all = Forgetful(scripts=1.0)
    digest = raw.script_load(SCRIPT)
    with proxy(loses_all, str(server.socket), tmp_path) as path:
        client = _client(path, 0)
        assert client.ping(), "only scripts lose theirs"
        with pytest.raises(redis.ConnectionError):
            client.evalsha(digest, 1, "runhook:fence")
        assert client.get("runhook:fence") == b"1"
        assert loses_all.lost == 1
        client.close()


def test_a_client_that_sends_again_does_it_twice(
    raw: Any, server: EmbeddedServer, tmp_path: Path
) -> None:
    digest = raw.script_load(SCRIPT)
    with proxy(Forgetful(seed=1, scripts=0.5), str(server.socket), tmp_path) as path:
        client = _client(path, 20)
        asked = [client.evalsha(digest, 1, "runhook:fence") for _ in range(20)]
        assert asked[-1] > 20, "so scripts must be idempotent"
        client.close()


def test_a_proxy_outlives_what_is_behind_it(tmp_path: Path) -> None:
    with proxy(Forgetful(), str(tmp_path / "nobody"), tmp_path) as path:
        client = _client(path, 0)
        for _ in range(2):
            with pytest.raises(redis.ConnectionError):
                client.ping()
