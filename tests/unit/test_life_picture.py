"""Where everything of a job's life stands in its picture."""

import itertools
from datetime import timedelta

from runhook.webhook.pages.life_picture import APART, picture_of
from runhook.worker.domain.life import Life, life_of
from tests.unit.test_life import BEGAN, begun, line

NOW = BEGAN + timedelta(hours=2)


def test_everything_stands_within_the_picture_and_every_row_has_its_place() -> None:
    told = [{"event": "job.succeeded", "handler": f"h{k}"} for k in range(5)]
    lines = [
        *begun(),
        line(9, "callback came", attempt=1, via="callback", bytes=3, body="{}"),
        line(9, "succeeded", attempt=1, ref="201", by="callback", outputs=1),
        *(line(9, "delivery opened", **who) for who in told),
        *(line(10 + 900 * k, "delivery done", n=1, **who) for k, who in enumerate(told)),
    ]
    picture = picture_of(life_of(lines), NOW)
    bars = [bar for track in picture.tracks for bar in track.bars]
    dots = [dot for track in picture.tracks for dot in track.dots]
    assert len(bars) == 3 + 5
    assert all(bar.x >= 0 and bar.x + bar.width <= 101 and bar.width > 0 for bar in bars)
    assert all(0 < dot.x < 100 and 0 < dot.y < picture.height for dot in dots)
    assert len({bar.y for bar in picture.tracks[2].bars}) == 5, "a row for each who is told"
    assert [track.title for track in picture.tracks] == ["runhook", "RunningHub", "Handlers"]
    assert picture.says.endswith("running; 5 of 5 deliveries taken.")


def test_times_beneath_do_not_run_into_each_other() -> None:
    lines = [line(k / 10, ("turn", "busy")[k % 2], attempt=1, code="1", why="x") for k in range(90)]
    places = [place for place, _ in picture_of(life_of(lines), NOW).ticks]
    assert len(places) > 2
    assert all(b - a >= APART for a, b in itertools.pairwise(places))


def test_what_goes_on_is_drawn_until_now_and_nothing_is_a_picture_too() -> None:
    [_, bar] = picture_of(life_of(begun()), NOW).tracks[0].bars
    assert bar.says == "sending, 0.8 s"
    [running] = picture_of(life_of(begun()), NOW).tracks[1].bars
    assert running.says == "running, 119 min so far"
    assert running.x + running.width == 100
    assert picture_of(Life((), ()), NOW).says == "The job's life: nothing yet."
