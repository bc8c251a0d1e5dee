"""What can happen between a client and web: nothing is paid twice, and nobody waits for ever."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runhook import (
    Forbidden,
    InternalError,
    InvalidRequest,
    RateLimited,
    Runhook,
    SettingsError,
    Unauthorized,
    Unavailable,
)
from runhook.webhook.edge.streams import EACH
from runhook.worker.cli.processes import free_port
from tests.client.between import Between, answering, between
from tests.conftest import IMAGE, SHOP, Build, House, eventually

CAT = {"prompt": "a cat"}
READER = "token-Of-the-reader-5a1c"
EVENTS = b"Content-Type: text/event-stream\r\n\r\n"  # the end of a stream's head


@pytest.fixture
def town(build: Build) -> House:
    """A house whose web lets two callers in."""
    return build(RUNHOOK_API_TOKENS=f"shop:{SHOP},reader:{READER}:read")


@pytest.fixture
def way(town: House) -> Iterator[Between]:
    """Somebody between web and its client."""
    with between(town.web) as found:
        yield found


def _client(way: Between, timeout: float = 10) -> Runhook:
    return Runhook(way.url, SHOP, timeout=timeout)


def test_a_submit_whose_answer_is_lost_is_sent_again_and_makes_one_job(
    way: Between, town: House
) -> None:
    way.fates += ["lost", "lost", "503"]
    job = _client(way).submit(IMAGE, CAT)
    assert town.standing("queued") == 1
    assert [path for path, _ in way.seen] == ["/v1/jobs"] * 4
    (key,) = {key for _, key in way.seen}
    assert key is not None
    assert Runhook(town.web, SHOP).submit(IMAGE, CAT, key=key).id == job.id


def test_a_submit_that_is_never_answered_gives_its_key_back(way: Between, town: House) -> None:
    way.fates += ["lost"] * 50
    with pytest.raises(Unavailable, match="may have been accepted") as caught:
        _client(way, timeout=2).submit(IMAGE, CAT)
    error = caught.value
    assert error.maybe_done
    assert error.key is not None
    assert error.key in str(error)
    way.fates.clear()
    assert town.standing("queued") == 1
    _client(way).submit(IMAGE, CAT, key=error.key)
    assert town.standing("queued") == 1, "the key is the first call's, and so is the job"


def test_where_nobody_listens_it_was_surely_not_accepted() -> None:
    client = Runhook(f"http://127.0.0.1:{free_port()}", timeout=1)
    with pytest.raises(Unavailable, match="no answer from") as caught:
        client.submit(IMAGE, CAT)
    assert not caught.value.maybe_done
    assert "may have been" not in str(caught.value)


def test_a_call_that_only_reads_says_nothing_of_what_may_have_been_done(way: Between) -> None:
    for fate in ("lost", "503"):
        way.fates += [fate] * 50
        with pytest.raises(Unavailable) as caught:
            list(_client(way, timeout=1).jobs())
        assert not caught.value.maybe_done
        assert "look before you call again" not in str(caught.value)
        way.fates.clear()


def test_a_paid_retry_is_never_sent_twice_by_itself(way: Between, town: House) -> None:
    job = _client(way).submit(IMAGE, CAT)
    job.cancel()
    way.seen.clear()
    way.fates += ["lost"]
    with pytest.raises(Unavailable, match="look before you call again"):
        _client(way).retry(job)
    assert len(way.seen) == 1
    assert len(_client(way).get(job.id).attempts) == 2, "it was done all the same"


def test_who_is_told_to_come_later_comes_later(way: Between) -> None:
    way.fates += ["429", "429"]
    client = _client(way)
    assert client.submit(IMAGE, CAT).state == "queued"
    way.fates += ["429"] * 20
    with pytest.raises(RateLimited) as caught:
        _client(way, timeout=2).get("job_x")
    assert caught.value.retry_after == 1
    assert str(caught.value).endswith(". Come again in 1 s.")


def test_a_batch_that_breaks_off_goes_on_where_it_was(way: Between, town: House) -> None:
    jobs = [{"model": IMAGE, "input": {"prompt": str(number)}} for number in range(20)]
    way.fates += ["never", "cut", "lost", "503"]
    lines = list(_client(way).batch(jobs))
    assert [line.line for line in lines] == list(range(1, 21))
    assert [line.job.input["prompt"] for line in lines if line.job] == [str(n) for n in range(20)]
    assert town.standing("queued") == 20


def test_a_wait_goes_on_through_broken_streams_and_restarts(
    way: Between, town: House, elsewhere: ThreadPoolExecutor
) -> None:
    client = _client(way)
    job = client.submit(IMAGE, CAT)
    way.fates += ["cut", "503", "never", "502", "lost"]
    waiting = elsewhere.submit(job.wait, timeout=40)
    eventually(lambda: not way.fates, 30)
    town.until(town.w.store.jobs.get(job.id), "succeeded")
    assert waiting.result(30).state == "succeeded"


def test_beside_as_many_streams_as_may_be_a_wait_looks_from_time_to_time(
    town: House, elsewhere: ThreadPoolExecutor
) -> None:
    hub = [Runhook(town.web, SHOP) for _ in range(EACH)]
    blocker = town.ask(tenant="shop")
    town.w.store.queue.pause(True)
    streams = [threading.Thread(target=one.wait, args=(blocker.id,), daemon=True) for one in hub]
    for stream in streams:
        stream.start()
    client = Runhook(town.web, SHOP)
    full = client._transport.follow

    def is_full() -> bool:
        try:
            next(full(blocker.id, 5))
        except Unavailable as error:
            return "streams of yours" in error.detail
        return False

    eventually(is_full)
    job = town.ask(tenant="shop")
    waiting = elsewhere.submit(client.wait, job.id, timeout=40)
    town.w.store.queue.pause(False)
    town.until(job, "succeeded")
    town.until(blocker, "succeeded")
    assert waiting.result(30).state == "succeeded"
    for stream in streams:
        stream.join(20)
        assert not stream.is_alive()


def test_strangers_and_those_who_may_not_are_told_so(town: House) -> None:
    with pytest.raises(Unauthorized, match="valid token"):
        Runhook(town.web, "token-of-a-stranger-9").get("job_x")
    with pytest.raises(Forbidden, match="Nothing was done"):
        Runhook(town.web, READER).submit(IMAGE, CAT)


def test_a_server_that_is_not_runhook_is_named(way: Between) -> None:
    way.fates += ["500", "500"]
    with pytest.raises(InternalError, match="answered HTTP 500"):
        _client(way).get("job_x")
    with pytest.raises(InternalError, match="submit it again with key='k'"):
        _client(way).submit(IMAGE, CAT, key="k")
    way.fates += ["301"]
    with pytest.raises(SettingsError, match="redirects"):
        _client(way).get("job_x")
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"
    with answering(page) as url, pytest.raises(SettingsError, match="is not runhook"):
        Runhook(url).get("job_x")


READ: dict[str, Callable[[Runhook], Any]] = {
    "a job": lambda runhook: runhook.get("job_x"),
    "jobs": lambda runhook: next(iter(runhook.jobs())),
    "handlers": lambda runhook: runhook.handlers(),
    "models": lambda runhook: runhook.models(),
    "costs": lambda runhook: runhook.costs(),
    "an app": lambda runhook: runhook.app("1")["name"],
}


@pytest.mark.parametrize("read", READ)
@pytest.mark.parametrize("document", [b'{"hello": 1}', b'{"items": [{"x": 1}]}', b'{"items": 5}'])
def test_json_of_another_shape_is_a_strangers(read: str, document: bytes) -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(document), document)
    with answering(said) as url, pytest.raises(SettingsError, match="not runhook"):
        READ[read](Runhook(url))


@pytest.mark.parametrize(
    "said", [b"Content-Type: text/html\r\n\r\n<html>", EVENTS + b"data: 5\n\n"]
)
def test_a_stream_that_is_not_runhooks_is_named_and_not_waited_for(said: bytes) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n" + said) as url, pytest.raises(SettingsError) as not_ours:
        next(Runhook(url).events())
    assert "is not runhook" in str(not_ours.value)


@pytest.mark.parametrize(
    "problem",
    [
        "[]",
        "{}",
        '{"title": ["x"]}',
        '{"title": "x", "errors": "zzz"}',
        '{"title": "x", "errors": [5, {"path": "y"}]}',
    ],
)
def test_an_error_that_is_none_of_runhooks_is_shown_as_it_came(problem: str) -> None:
    head = f"HTTP/1.1 400 Bad Request\r\nContent-Length: {len(problem)}\r\n\r\n"
    with answering((head + problem).encode()) as url, pytest.raises(InvalidRequest) as shown:
        Runhook(url).get("job_x")
    assert f"answered HTTP 400: {problem}" in str(shown.value)


def test_a_wait_ends_though_a_server_says_nothing_any_more() -> None:
    said = b'data: {"id": "job_1", "model": "m", "state": "queued", "input": {}, "created_at": '
    said += b'"2026-11-22T10:00:00Z", "updated_at": "2026-11-22T10:00:00Z"}\n\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    with answering(head + said, hangs=True) as url:
        client = Runhook(url, timeout=1)
        seen = client.watch("job_1", timeout=1.5)
        assert next(seen).state == "queued"
        with pytest.raises(TimeoutError):
            list(seen)
