"""A reply of Redis that is lost: the client asks again, and what was done is done once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runhook.worker.domain import moves
from runhook.worker.domain.jobs import Job, new_id
from runhook.worker.flows.cancel import cancel
from runhook.worker.store import Change
from runhook.worker.store.embedded import EmbeddedServer
from tests.conftest import Build, House
from tests.flows.test_lost_writes import _at_its_turn, _claimed
from tests.journeys.proxies import Forgetful, proxy


def test_a_redis_that_has_begun_anew_is_given_the_script_again(house: House, raw: Any) -> None:
    job = _at_its_turn(house)
    claim = _claimed(house, job)
    raw.script_flush()
    assert house.w.store.departures.mark_left(job, claim)
    assert house.job(job).attempt.left_at


class Line:
    """Two houses on one Redis; of the second, the next script's reply is lost."""

    def __init__(self, house: House, forgetful: House, replies: Forgetful) -> None:
        self.house, self._forgetful, self._replies = house, forgetful, replies

    def asks_twice(self) -> Any:
        """The store that loses a reply, from now on."""
        self._replies.scripts = 1.0
        return self._forgetful.w.store

    @property
    def lost(self) -> int:
        """How many replies were."""
        return self._replies.lost


@pytest.fixture
def line(build: Build, server: EmbeddedServer, tmp_path: Path) -> Iterator[Line]:
    """One whose scripts Redis has already, so that what is lost is no word of loading them."""
    house, replies = build(), Forgetful(most=1)
    store = house.w.store
    store.events.alert("redis", "first")
    store.queue.answered(None)
    with proxy(replies, str(server.socket), tmp_path) as path:
        yield Line(house, build(REDIS_URL=f"unix://{path}"), replies)


def _pace(line: Line, name: str) -> float:
    return float(line.house.raw.hget("runhook:pace", name) or 0)


def test_an_alert_is_said_once(line: Line) -> None:
    line.asks_twice().events.alert("redis", "again")
    assert (line.lost, line.house.events()) == (1, ["runhook.alert"] * 2)


def test_two_alerts_of_the_same_words_are_two(line: Line) -> None:
    for _ in range(2):
        line.house.w.store.events.alert("redis", "the same")
    assert len(line.house.events()) == 3


def test_a_place_in_the_pace_is_taken_once(line: Line) -> None:
    line.house.w.store.queue.wait_for("take")
    before = _pace(line, "next")
    assert line.asks_twice().queue.wait_for("take") == 0
    assert (line.lost, round(_pace(line, "next") - before)) == (1, 100)


def test_who_has_no_place_yet_has_none_when_he_asks_again(line: Line) -> None:
    while not (wait := line.house.w.store.queue.wait_for("take")):
        pass
    assert (line.asks_twice().queue.wait_for("take"), line.lost) == (wait, 1)


@pytest.mark.parametrize("word", ["good", "busy"])
def test_how_a_question_went_counts_once(line: Line, word: Any) -> None:
    line.house.w.store.queue.wait_for("good")
    rate = _pace(line, "rate")
    line.asks_twice().queue.wait_for(word)
    after = {"good": rate + 0.2, "busy": rate / 2}[word]
    assert (line.lost, round(_pace(line, "rate"), 3)) == (1, round(after, 3))


def test_a_question_that_was_not_answered_doubles_the_wait_once(line: Line) -> None:
    gate = {"until": 0, "step": 5000, "probe": "", "ask": 1, "why": "an outage"}
    line.house.raw.hset("runhook:gate:main", mapping=gate)
    line.asks_twice().queue.answered("still away")
    assert (line.lost, line.house.raw.hget("runhook:gate:main", "step")) == (1, b"10000")


def _twin(job: Job) -> Job:
    return replace(job, id=new_id("job"))


def test_a_group_is_joined_once_and_closed_once(line: Line) -> None:
    line.house.w.store.queue.pause(True)
    job = line.house.ask(group="g")
    line.asks_twice().jobs.create(_twin(job), "local", (), {"size": 3})
    state = line.house.w.store.groups.state("local", "g")
    assert state
    assert (line.lost, state.made, state.closed) == (1, 2, False)


def test_the_end_of_a_group_is_told_once(line: Line) -> None:
    line.house.w.store.queue.pause(True)
    job = line.house.ask()
    batched = replace(job, id=new_id("job"), spec=replace(job.spec, group="g"))
    line.house.w.store.jobs.create(batched, "local", (), {"batch": True})
    cancel(line.house.w, batched.id)
    line.asks_twice().groups.close("local", "g")
    line.house.w.store.groups.close("local", "g")
    assert (line.lost, line.house.events().count("group.ended")) == (1, 1)


def test_who_waits_no_more_takes_one_place(line: Line) -> None:
    line.house.w.store.queue.pause(True)
    picture = line.house.ask()
    given = {"prompt": "it moves", "imageUrl": f"output:{picture.id}/0"}
    film = line.house.ask("vidu/image-to-video-q2-pro", input=given)

    def ready(job: Job) -> Change:
        return Change(job=moves.wait_for(job, (), line.house.clock.now()))

    moved, _ = line.asks_twice().jobs.change(film.id, ready)
    assert (line.lost, moved) == (1, "done")
    assert line.house.w.store.queue.place("main", film.id).position == 2
    assert not line.house.raw.exists(f"runhook:waiters:{picture.id}")
