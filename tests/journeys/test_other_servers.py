"""Where Redis and the broker are: another broker, and a Redis found through Sentinel."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from runhook.worker.cli.processes import free_port
from runhook.worker.store.embedded import EmbeddedServer, binary
from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town, a_town


def _one_job(town: Town) -> None:
    job = town.ended(town.post({"model": IMAGE, "input": {"prompt": "a cat"}})["id"])
    assert job["state"] == "succeeded"
    assert eventually(lambda: [line for line in town.told() if job["id"] in line])


def test_wake_ups_go_through_celery_when_the_broker_is_another(tmp_path: Path) -> None:
    broker = EmbeddedServer(
        tmp_path / "broker", Path("/tmp") / f"runhook-broker-{tmp_path.stat().st_ino}.s"
    )
    broker.start()
    try:
        with a_town(tmp_path, CELERY_BROKER_URL=broker.url) as town:
            _one_job(town)
            with redis.Redis(unix_socket_path=str(town.server.socket)) as state:
                assert not state.keys("runhook:queue:*")
    finally:
        broker.stop()


@contextmanager
def _running(*command: str, log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def test_redis_is_found_through_sentinel(tmp_path: Path) -> None:
    master, port = free_port(), free_port()
    configuration = tmp_path / "sentinel.conf"
    configuration.write_text(
        f"bind 127.0.0.1\nport {port}\ndir {tmp_path}\n"
        f"sentinel monitor mymaster 127.0.0.1 {master} 1\n"
    )
    serve = (binary(), "--bind", "127.0.0.1", "--port", str(master), "--save", "")
    sentinel = (binary(), str(configuration), "--sentinel")
    with (
        _running(*serve, "--dir", str(tmp_path), log=tmp_path / "master.log"),
        _running(*sentinel, log=tmp_path / "sentinel.log"),
        a_town(tmp_path, REDIS_URL=f"sentinel://127.0.0.1:{port}/mymaster/1") as town,
    ):
        _one_job(town)
