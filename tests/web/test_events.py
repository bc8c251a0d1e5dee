"""The event log: from a cursor, and live."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from runhook.webhook.edge.streams import ALIVE, EACH, Hub, Message
from runhook.worker.domain.events import Event
from runhook.worker.store import job_records
from tests.conftest import House, eventually


@pytest.fixture
def client(house: House) -> FlaskClient:
    """A client on this machine."""
    return house.app.test_client()


class Stream:
    """An open stream: its messages so far."""

    def __init__(self, url: str, **headers: str) -> None:
        self.messages: list[dict[str, Any]] = []
        self.over = False
        self._answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers))
        self.kind = self._answer.headers["Content-Type"]
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        message: dict[str, Any] = {}
        try:
            for line in self._answer:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name in ("id", "event", "data"):
                    message[name] = json.loads(value) if name == "data" else value
                elif not name and message:
                    self.messages.append(message)
                    message = {}
        except (OSError, ValueError, AttributeError):
            pass
        self.over = True

    def events(self) -> list[str]:
        """The names of what came."""
        return [message["event"] for message in self.messages]

    def close(self) -> None:
        """Hang up."""
        self._answer.close()


@pytest.fixture
def streams(house: House) -> Iterator[list[Stream]]:
    """Streams that are closed afterwards."""
    found: list[Stream] = []
    yield found
    for stream in found:
        threading.Thread(target=stream.close, daemon=True).start()


def test_the_log_is_read_page_by_page_without_a_gap(client: FlaskClient, house: House) -> None:
    jobs = [house.until(house.ask(), "succeeded") for _ in range(3)]
    seen, cursor = [], ""
    while True:
        page = client.get(f"/v1/events?limit=2&after={cursor}").get_json()
        if not page["items"]:
            break
        seen += page["items"]
        cursor = page["next"]
    assert [one["type"] for one in seen] == ["job.queued", "job.running", "job.succeeded"] * 3
    assert {one["subject"] for one in seen} == {job.id for job in jobs}
    assert client.get(f"/v1/events?after={cursor}").get_json() == {"items": [], "next": cursor}
    house.ask()
    (new,) = client.get(f"/v1/events?after={cursor}").get_json()["items"]
    assert (new["type"], new["data"]["state"]) == ("job.queued", "queued")


def test_types_are_picked_from_however_long_a_log(client: FlaskClient, house: House) -> None:
    for _ in range(2):
        house.until(house.ask(), "succeeded")
    page = client.get("/v1/events?types=job.succeeded,job.failed&limit=1").get_json()
    assert [one["type"] for one in page["items"]] == ["job.succeeded"]
    page = client.get(f"/v1/events?types=job.succeeded&after={page['next']}").get_json()
    assert [one["type"] for one in page["items"]] == ["job.succeeded"]


def test_a_cursor_behind_what_was_trimmed_is_410_with_the_oldest(
    client: FlaskClient, house: House
) -> None:
    first = client.get("/v1/events").get_json()["next"]
    assert first is None
    house.until(house.ask(), "succeeded")
    old = client.get("/v1/events?limit=1").get_json()["next"]
    house.clock.advance(10)
    house.until(house.ask(), "succeeded")
    house.w.store.jobs.sweep(house.clock.now() - timedelta(seconds=5))
    answer = client.get(f"/v1/events?after={old}")
    oldest = client.get("/v1/events?limit=1").get_json()["items"][0]["id"]
    assert (answer.status_code, answer.get_json()["oldest"]) == (410, oldest)
    assert client.get("/v1/events/stream", headers={"Last-Event-ID": old}).status_code == 410
    assert client.get(f"/v1/events?after={oldest}").status_code == 200


@pytest.mark.parametrize("query", ["after=x", "after=evt_-1", "types=job.nope", "limit=-1"])
def test_a_wrong_question_is_refused(client: FlaskClient, query: str) -> None:
    assert client.get(f"/v1/events?{query}").status_code == 422


def test_events_come_live_and_after_a_break_from_where_it_was(
    house: House, streams: list[Stream]
) -> None:
    streams.append(Stream(f"{house.web}/v1/events/stream"))
    assert streams[0].kind.startswith("text/event-stream")
    house.until(house.ask(), "succeeded")
    whole = ["job.queued", "job.running", "job.succeeded"]
    eventually(lambda: streams[0].events() == whole)
    last = streams[0].messages[0]
    assert last["data"]["id"] == last["id"]
    streams.append(Stream(f"{house.web}/v1/events/stream", **{"Last-Event-ID": last["id"]}))
    eventually(lambda: streams[1].events() == whole[1:])
    house.until(house.ask(), "succeeded")
    eventually(lambda: streams[1].events() == whole[1:] + whole)
    eventually(lambda: streams[0].events() == whole + whole)


def test_a_stream_may_want_some_types_only(house: House, streams: list[Stream]) -> None:
    streams.append(Stream(f"{house.web}/v1/events/stream?types=job.succeeded"))
    house.until(house.ask(), "succeeded")
    eventually(lambda: streams[0].events() == ["job.succeeded"])


def test_a_jobs_stream_shows_it_as_it_is_and_ends_with_it(
    house: House, streams: list[Stream]
) -> None:
    job = house.ask()
    streams.append(Stream(f"{house.web}/v1/jobs/{job.id}/stream"))
    eventually(lambda: streams[0].events() == ["job.queued"])
    other = house.ask()
    house.until(job, "succeeded")
    eventually(lambda: streams[0].over)
    assert streams[0].events() == ["job.queued", "job.running", "job.succeeded"]
    assert streams[0].messages[-1]["data"]["state"] == "succeeded"
    assert {message["data"]["id"] for message in streams[0].messages} == {job.id}
    assert other.id != job.id
    streams.append(Stream(f"{house.web}/v1/jobs/{job.id}/stream"))
    eventually(lambda: streams[1].over)
    assert streams[1].events() == ["job.succeeded"]


def test_whoever_heard_a_jobs_end_is_told_to_connect_no_more(
    house: House, client: FlaskClient
) -> None:
    job = house.ask()
    before = house.w.store.events.newest()
    house.until(job, "succeeded")
    end = house.w.store.events.newest()
    house.until(house.ask(), "succeeded")
    path = f"/v1/jobs/{job.id}/stream"
    again = client.get(path, headers={"Last-Event-ID": end})
    assert (again.status_code, again.data) == (204, b"")
    missed = client.get(path, headers={"Last-Event-ID": before})
    assert b"event: job.succeeded\n" in missed.data
    last = missed.data.decode().partition("id: ")[2].partition("\n")[0]
    assert client.get(path, headers={"Last-Event-ID": last}).status_code == 204
    assert client.get(path, headers={"Last-Event-ID": "x"}).status_code == 422


@pytest.mark.parametrize("path", ["/v1/events/stream?types=job.failed", "/v1/jobs/{job}/stream"])
def test_a_stream_is_alive_while_others_events_pass_it_by(
    house: House, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    others = Event(id="evt_1-0", type="job.running", time=house.clock.now(), subject="another")
    busy = iter(range(50))

    def after(_hub: Hub, cursor: str, _seconds: float) -> tuple[list[Message], str]:
        next(busy)  # nothing else would end a stream that says nothing
        return [Message(others, b"{}")], cursor

    monkeypatch.setattr(Hub, "after", after)
    monkeypatch.setattr("runhook.webhook.edge.streams.HEARTBEAT", 0)
    answer = house.app.test_client().get(path.format(job=house.ask().id))
    told = iter(answer.response)
    next(told)
    assert next(told) == ALIVE
    answer.close()


def test_a_stream_of_no_job_is_404(client: FlaskClient) -> None:
    assert client.get("/v1/jobs/job_none/stream").status_code == 404


def test_more_streams_than_threads_are_refused_and_a_closed_one_makes_room(
    house: House,
) -> None:
    client = house.app.test_client()
    open_ones = [client.get("/v1/events/stream") for _ in range(EACH)]
    refused = client.get("/v1/events/stream")
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    open_ones.pop().close()
    open_ones.append(client.get("/v1/events/stream"))
    assert open_ones[-1].status_code == 200
    for answer in open_ones:
        answer.close()


def test_streams_go_on_after_an_error_that_nobody_foresaw(
    house: House, streams: list[Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Stream(f"{house.web}/v1/events/stream")
    streams.append(stream)
    house.ask()
    eventually(lambda: stream.messages)
    read, failed = house.w.store.events.wait, threading.Event()

    def fail_once(*args: Any) -> None:
        if not failed.is_set():
            failed.set()
            raise ValueError("nobody foresaw this")
        read(*args)

    monkeypatch.setattr(house.w.store.events, "wait", fail_once)
    eventually(failed.is_set)
    house.ask()
    eventually(lambda: len(stream.messages) >= 2)


def test_pages_of_large_jobs_are_short_and_leave_none_out(
    client: FlaskClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_records, "LARGEST_PAGE", 100_000)
    asked = {"6.text": "a" * 40_000}
    ids = {house.ask("workflow/1", input=asked).id for _ in range(5)}
    paths = {"/v1/jobs?limit=100": "cursor", "/v1/jobs?limit=100&state=queued": "cursor"}
    paths |= {"/v1/events?limit=100": "after", "/v1/events?limit=100&types=job.queued": "after"}
    for path, name in paths.items():
        page = client.get(path).get_json()
        seen = [page["items"]]
        while page["items"] and page["next"]:
            page = client.get(f"{path}&{name}={page['next']}").get_json()
            seen.append(page["items"])
        pages = [len(items) for items in seen]
        assert max(pages) == 2, path
        found = [one.get("subject") or one["id"] for items in seen for one in items]
        assert set(found) == ids, path
        assert len(found) == len(set(found)), path


def test_a_stream_misses_nothing_of_jobs_so_large_that_few_are_remembered(
    house: House, streams: list[Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runhook.webhook.edge.streams.LARGEST_RING", 100_000)
    streams.append(Stream(f"{house.web}/v1/events/stream"))
    ids = [house.ask("workflow/1", input={"6.text": "a" * 40_000}).id for _ in range(9)]
    (stream,) = streams
    eventually(lambda: len(stream.messages) == len(ids), else_show=stream.events)
    assert [message["data"]["subject"] for message in stream.messages] == ids
    streams.append(Stream(f"{house.web}/v1/events/stream?after={stream.messages[0]['id']}"))
    eventually(lambda: len(streams[1].messages) == len(ids) - 1, else_show=streams[1].events)
