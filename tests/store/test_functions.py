"""Scripts that Redis keeps as functions: they do what the scripts do, and nobody needs them."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.errors import StoreUnavailable
from runhook.worker.flows.pump import published
from runhook.worker.store import JobFilter
from runhook.worker.store.embedded import EmbeddedServer
from runhook.worker.store.scripts import OFTEN
from runhook.worker.store.sources import FUNCTIONS, function
from tests.conftest import Build, House
from tests.journeys.proxies import Older, proxy


def _calls(raw: Any, name: str) -> int:
    return int(raw.info("commandstats").get(f"cmdstat_{name}", {}).get("calls", 0))


def _kept(raw: Any) -> set[str]:
    return {row[1].decode() for row in raw.function_list(f"{FUNCTIONS}*")}


@pytest.fixture(autouse=True)
def none_kept(raw: Any) -> None:
    """The server keeps none, as one that is new."""
    raw.function_flush()


def test_what_runs_with_every_job_is_loaded_once_and_called_from_then_on(
    house: House, raw: Any
) -> None:
    house.until(house.ask(), "succeeded")
    loaded, called = _calls(raw, "function|load"), _calls(raw, "fcall")
    house.until(house.ask(), "succeeded")
    assert _kept(raw) <= {function(name).name for name in OFTEN}
    assert _calls(raw, "function|load") == loaded
    assert _calls(raw, "fcall") > called


def test_a_server_that_loses_them_is_given_them_again(house: House, raw: Any) -> None:
    house.ask()
    raw.function_flush()
    house.ask()
    assert function("create").name in _kept(raw)


def test_a_user_who_may_load_none_runs_the_text(
    build: Build, server: EmbeddedServer, raw: Any
) -> None:
    raw.acl_setuser(
        "lean",
        enabled=True,
        nopass=True,
        keys=["*"],
        channels=["*"],
        categories=["+@all"],
        commands=["-function", "-fcall"],
    )
    house = build(REDIS_URL=f"unix://lean:any@{server.socket}")
    house.until(house.ask(), "succeeded")
    raw.acl_deluser("lean")
    assert not _kept(raw)


def test_a_server_before_redis_7_runs_the_text(
    build: Build, server: EmbeddedServer, raw: Any, tmp_path: Path
) -> None:
    with proxy(Older(), str(server.socket), tmp_path) as path:
        house = build(REDIS_URL=f"unix://{path}")
        house.until(house.ask(), "succeeded")
    assert not _kept(raw)


def test_a_server_short_of_memory_takes_nothing_and_still_shows_all(house: House, raw: Any) -> None:
    """Whether it had the functions when memory ran out or not."""
    job = house.ask()
    for lose in (lambda: None, raw.function_flush):
        lose()
        raw.config_set("maxmemory", 1)
        with pytest.raises(StoreUnavailable):
            house.ask()
        shown = [one.id for one in house.w.store.listing.page(JobFilter(), None, 9).jobs]
        raw.config_set("maxmemory", 0)
        assert (shown, house.w.store.queue.place("main", job.id).position) == ([job.id], 1)
    house.until(house.ask(), "succeeded")


def test_what_a_handler_answered_is_kept_though_memory_ran_out(build: Build, raw: Any) -> None:
    heard: list[Any] = []

    def run_out(event: Any) -> None:
        heard.append(event.id)
        raw.config_set("maxmemory", 1)

    registry = Registry()
    registry.add(Handler(name="shop", types=("job.succeeded",), model=None, target=run_out))
    house = build(registry)
    house.w.store.processes.publish_handlers(published(house.w))
    job = house.ask()
    with suppress(StoreUnavailable):
        house.until(job, "succeeded")
    raw.config_set("maxmemory", 0)
    house.later(200)
    (delivery,) = house.w.store.deliveries.of_job(job.id)
    assert (delivery.state, len(heard)) == ("done", 1)


def test_those_of_other_releases_go_when_a_worker_starts(house: House, raw: Any) -> None:
    house.ask()
    old = f"{FUNCTIONS}create_of_before"
    raw.function_load(f"#!lua name={old}\nredis.register_function('{old}', function() end)")
    raw.function_load("#!lua name=mine\nredis.register_function('mine', function() end)")
    house.w.store.upkeep.end_what_older_versions_left()
    assert old not in _kept(raw)
    assert function("create").name in _kept(raw)
    assert raw.fcall("mine", 0) is None
