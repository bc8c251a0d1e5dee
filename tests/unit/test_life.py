"""A job's life as a picture and in sentences, made from its timeline alone."""

import ast
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runhook.worker.domain.jobs import iso
from runhook.worker.domain.knowing import how_known
from runhook.worker.domain.lengths import lasting
from runhook.worker.domain.life import BEGINS, ENDS, POINTS, Scale, life_of
from runhook.worker.domain.lines import KINDS, kind_of, sentence

BEGAN = datetime(2026, 11, 22, 10, tzinfo=UTC)
WORKER = Path(__file__).parents[2] / "worker"
HOSTILE = "{0.__class__} {why} <script>alert(1)</script> \ud800"


def line(seconds: float, what: str, **rest: Any) -> dict[str, Any]:
    """A line of a timeline, so many seconds after the beginning."""
    return {"at": iso(BEGAN + timedelta(seconds=seconds)), "what": what, **rest}


def begun(n: int = 1, seconds: float = 0) -> list[dict[str, Any]]:
    """An attempt that RunningHub took after a second."""
    return [
        line(seconds, "queued", model="vidu/x", by="shop"),
        line(seconds + 0.2, "turn", attempt=n),
        line(seconds + 0.4, "request left", attempt=n),
        line(seconds + 1, "accepted", attempt=n, ref="201"),
    ]


def written() -> set[str]:
    """Every word that a flow writes at the beginning of a line, by the sources."""
    found = set()
    for path in WORKER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "TimelineEntry":
                words = (n.value for n in ast.walk(node.args[0]) if isinstance(n, ast.Constant))
                found |= {word for word in words if isinstance(word, str)}
    return found


def test_every_line_that_a_flow_writes_has_its_sentence() -> None:
    assert len(written()) > 40
    assert written() - set(KINDS) == set()
    assert {*BEGINS, *ENDS, *POINTS} - set(KINDS) == set()


@pytest.mark.parametrize("what", sorted(KINDS))
def test_a_sentence_says_what_its_line_has_and_nothing_breaks_it(what: str) -> None:
    names = [name for _, name, _, _ in string.Formatter().parse(KINDS[what].says) if name]
    said = sentence({"what": what, **dict.fromkeys(names, HOSTILE)})
    assert said.count(HOSTILE) == len(names)
    assert sentence({"what": what, "status": 1}).count("?") >= len(names) - 1, "what is not there"
    assert "None" not in sentence({"what": what, **dict.fromkeys(names)})


def test_what_a_newer_release_wrote_stands_there_in_its_own_words() -> None:
    assert sentence({"what": "danced {why}", "why": "x"}) == "danced {why}"
    assert kind_of({"what": {"odd": 1}}).lane == "us"
    assert sentence({}) == KINDS["unreadable"].says


def test_a_lost_callback_is_told_with_the_time_it_took_to_find_its_record() -> None:
    lines = [*begun(), line(62, "succeeded", attempt=1, ref="201", by="detail", outputs=1)]
    [(tone, said)] = how_known(lines)
    assert said == "Callback lost; found in RunningHub's record after 61 s: it succeeded."
    assert tone == "good"


@pytest.mark.parametrize(
    ("by", "more", "said"),
    [
        ("callback", "callback came", "RunningHub's callback told it after 9.0 s: it failed."),
        ("resend", "callback came", "Callback unreadable; RunningHub sent it again when asked"),
        ("detail", "callback not believed", "Callback not believed; found in RunningHub's record"),
        ("query", "no record of a callback", "No callback, and no record of one; RunningHub told"),
        ("submit", "turn", "RunningHub's answer to the submit told it at once"),
        ("oracle", "turn", "Known by oracle after 9.0 s: it failed."),
    ],
)
def test_how_it_was_known_is_told_for_every_way(by: str, more: str, said: str) -> None:
    lines = [*begun(), line(9, more, attempt=1), line(10, "failed", attempt=1, by=by, outputs=0)]
    [(tone, told)] = how_known(lines)
    assert told.startswith(said)
    assert tone == "bad"


def test_a_lost_answer_is_told_by_what_proved_the_task() -> None:
    lines = [
        *begun()[:3],
        line(4, "unconfirmed", attempt=1, why="connection reset", ref=None),
        line(7, "callback came", attempt=1, via="callback", bytes=3, body="{}"),
        line(7, "adopted", attempt=1, ref="201"),
        line(8, "succeeded", attempt=1, ref="201", by="callback", outputs=1),
    ]
    told = [said for _, said in how_known(lines)]
    assert told[0].startswith("The submit's answer was lost; RunningHub's own callback proved")
    assert "nothing was paid twice" in told[0]


def test_what_was_refused_after_all_and_sent_again_was_not_lost() -> None:
    lines = [
        *begun()[:3],
        line(4, "unconfirmed", attempt=1, why="421", ref="200"),
        line(7, "refused after all", attempt=1, ref="200"),
        *begun(1, 9)[1:],
    ]
    assert how_known(lines) == []


def test_what_another_attempt_heard_is_not_told_of_this_one() -> None:
    lines = [
        *begun(1),
        line(3, "callback came", attempt=1, via="callback", bytes=3, body="{}"),
        line(3, "failed", attempt=1, ref="201", by="callback", outputs=0),
        line(5, "retried", attempt=2, risk=False),
        *begun(2, 10)[1:],
        line(80, "succeeded", attempt=2, ref="202", by="detail", outputs=1),
    ]
    assert how_known(lines)[-1][1].startswith(
        "Callback lost; found in RunningHub's record after 69"
    )


def test_doubled_callbacks_and_handlers_that_failed_first_are_told() -> None:
    who = {"event": "job.succeeded", "handler": "shop"}
    other = {"event": "job.succeeded", "handler": "books"}
    came = line(5, "callback came", attempt=1, via="callback", bytes=3, body="{}")
    lines = [
        *begun(),
        came,
        came,
        line(5, "succeeded", attempt=1, ref="201", by="callback", outputs=1),
        line(5, "delivery opened", **who),
        line(5, "delivery opened", **other),
        line(5, "delivery failed", n=1, why="RuntimeError", **who),
        line(6, "delivery done", n=1, **other),
        line(40, "delivery done", n=2, **who),
    ]
    told = [said for _, said in how_known(lines)]
    assert told[0].endswith("it succeeded, and counted once of 2 callbacks.")
    assert told[1:] == [
        "shop took job.succeeded only at try 2 after 35 s.",
        "One delivery was taken at the first try.",
    ]


def test_a_delivery_that_fails_so_far_is_said_to_be_still_tried() -> None:
    who = {"event": "job.succeeded", "handler": "shop"}
    other = {"event": "job.succeeded", "handler": "books"}
    lines = [
        *begun(),
        line(5, "succeeded", attempt=1, ref="201", by="callback", outputs=1),
        line(5, "delivery opened", **who),
        line(5, "delivery opened", **other),
        line(5, "delivery failed", n=1, why="HTTP 500", **who),
        line(6, "delivery done", n=1, **other),
    ]
    still = "shop has not taken job.succeeded at {}: still being tried."
    assert how_known(lines)[1:] == [
        ("doubt", still.format("its first try")),
        ("good", "One delivery was taken at the first try."),
    ]
    lines += [line(9, "delivery dead", n=2, why="HTTP 500", **who), line(99, "redelivered", **who)]
    assert ("doubt", still.format("2 tries")) in how_known(lines)
    assert how_known([*begun(), line(5, "delivery opened", **who)]) == [], "nobody was asked yet"


def test_a_life_has_its_stages_in_their_lanes() -> None:
    who = {"event": "job.succeeded", "handler": "shop"}
    lines = [
        *begun(),
        line(9, "callback came", attempt=1, via="callback", bytes=3, body="{}"),
        line(10, "succeeded", attempt=1, ref="201", by="callback", outputs=1),
        line(10, "delivery opened", **who),
        line(11, "delivery dead", n=1, why="gone", **who),
        line(12, "delivery opened", event="job.archived", handler="shop"),
    ]
    life = life_of(lines)
    assert [(span.lane, span.stage) for span in life.spans] == [
        ("us", "queued"),
        ("us", "sending"),
        ("provider", "running"),
        ("handlers", "dead"),
        ("handlers", "open"),
    ]
    running = life.spans[2]
    assert running.ends == BEGAN + timedelta(seconds=10)
    assert life.spans[-1].ends is None, "it goes on"
    assert life.rows("handlers") == 2
    assert [point.says for point in life.points][1].startswith("RunningHub's callback came")


def test_what_goes_back_to_the_queue_is_there_again_and_what_waits_waits_first() -> None:
    lines = [
        line(0, "queued", model="m", by="shop"),
        line(5, "input ready", job="job_1", waits_for=1),
        line(6, "input ready", job="job_2", waits_for=0),
        line(7, "turn", attempt=1),
        line(8, "busy", attempt=1, code="429", why="full"),
        line(9, "turn", attempt=1),
        line(10, "unconfirmed", attempt=1, why="reset", ref=None),
        line(20, "refused after all", attempt=1, ref="1"),
        line(25, "turn", attempt=1),
    ]
    stages = [span.stage for span in life_of(lines, waits=True).spans]
    assert stages == [
        *("waiting", "queued", "sending", "queued", "sending", "unconfirmed", "queued", "sending")
    ]


def test_lines_without_a_moment_and_lines_of_nobody_hide_no_other() -> None:
    odd: list[dict[str, Any]] = [{}, {"at": 7, "what": None}, {"what": ["x"]}, {"at": "2026"}]
    life = life_of([*odd, *begun(), {"at": iso(BEGAN), "what": "delivery done"}])
    assert [span.stage for span in life.spans] == ["queued", "sending", "running"]
    assert how_known(odd) == []


def test_a_very_long_life_is_drawn_by_its_newest_part() -> None:
    lines = [line(k, ("turn", "busy")[k % 2], attempt=1, code="1", why="x") for k in range(2000)]
    assert len(life_of(lines).spans) == 60


def test_a_scale_keeps_the_order_and_leaves_seconds_readable_beside_hours() -> None:
    moments = [BEGAN + timedelta(seconds=s) for s in (0, 0.001, 1, 10, 10 + 5 * 3600)]
    places = [Scale(moments).place(moment) for moment in moments]
    assert places == sorted(set(places))
    assert (places[0], places[-1]) == (0, 100)
    assert places[2] > 5, "one second beside five hours"
    assert Scale([BEGAN]).place(BEGAN) == 0
    assert Scale([]).place(BEGAN) == 0
    assert Scale(moments).place(BEGAN - timedelta(1)) == 0


def test_times_are_told_in_two_figures() -> None:
    told = [lasting(seconds) for seconds in (-1, 0.44, 61, 600, 3 * 3600)]
    assert told == ["0.0 s", "0.4 s", "61 s", "10 min", "3 h"]
