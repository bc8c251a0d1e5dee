"""A batch whose lines name each other: a whole pipeline in one request."""

import gc
import sys
from typing import Any

import orjson
import pytest

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Job, State
from runhook.worker.errors import InvalidRequest, OverBudget
from runhook.worker.flows import batch
from runhook.worker.flows.steps.batch_lines import Line
from tests.bodies import asked
from tests.conftest import IMAGE, Build, House, provider_at
from tests.receiver import Receiver

DAY = 86400.0  # seconds
VIDEO = "vidu/image-to-video-q2-pro"
PICTURE = {"as": "pic", "model": IMAGE, "input": {"prompt": "a cat"}}
FILM: dict[str, Any] = {
    "as": "film",
    "model": VIDEO,
    "input": {"prompt": "it moves", "imageUrl": "output:@pic/0"},
}
LARGE = {"model": "topazlabs/video-upscale", "input": {"videoUrl": "output:@film/0"}}


@pytest.fixture(autouse=True)
def paused(house: House) -> None:
    """Nothing is sent until a test lets the queue go on."""
    house.w.store.queue.pause(True)


def _sent(house: House, *lines: dict[str, Any], **more: Any) -> list[Line]:
    return list(batch.accept(house.w, [orjson.dumps(line) for line in lines], **more))


def _jobs(lines: list[Line]) -> list[Job]:
    found = [line.job for line in lines if line.job]
    assert len(found) == len(lines), [str(line.error) for line in lines]
    return found


def _faults(line: Line) -> dict[str, str]:
    assert isinstance(line.error, InvalidRequest)
    return {fault.path: fault.message for fault in line.error.faults}


def test_a_whole_pipeline_is_one_batch(house: House) -> None:
    lines = _sent(house, PICTURE, FILM, LARGE)
    picture, film, large = _jobs(lines)
    assert [line.name for line in lines] == ["pic", "film", None]
    assert film.spec.input["imageUrl"] == f"output:{picture.id}/0"
    assert film.history.waits_for == (picture.id,)
    assert {job.root for job in (picture, film, large)} == {picture.id}
    house.w.store.queue.pause(False)
    house.until(large, "succeeded")
    assert house.sandbox.accepted() == 3


@pytest.mark.parametrize("n", [0, 7])
def test_a_prompt_that_reads_like_a_lines_output_stays_as_it_is_written(
    house: House, n: int
) -> None:
    said = f"output:@pic/{n}"
    picture, film = _jobs(_sent(house, PICTURE, FILM | {"input": FILM["input"] | {"prompt": said}}))
    assert film.spec.input["prompt"] == said
    assert film.spec.input["imageUrl"] == f"output:{picture.id}/0"
    house.w.store.queue.pause(False)
    house.until(film, "succeeded")


def test_a_prompt_that_reads_like_a_jobs_output_wants_none(house: House) -> None:
    (picture,) = _jobs(_sent(house, PICTURE))
    given = {"prompt": f"output:{picture.id}/7", "imageUrl": f"output:{picture.id}/0"}
    (film,) = _jobs(_sent(house, FILM | {"input": given}))
    house.w.store.queue.pause(False)
    house.until(film, "succeeded")


@pytest.mark.parametrize("how", ["batch", "lines"])
def test_the_same_batch_under_keys_makes_the_same_jobs(house: House, how: str) -> None:
    lines, more = [PICTURE, FILM, LARGE], {"key": "order-7"}
    if how == "lines":
        lines = [{"key": f"line-{n}", **line} for n, line in enumerate(lines)]
        more = {}
    first = _jobs(_sent(house, *lines, **more))
    again = _sent(house, *lines, **more)
    assert [job.id for job in _jobs(again)] == [job.id for job in first]
    assert not any(line.new for line in again)


@pytest.mark.parametrize(
    ("bad", "lines"),
    [
        (0, [PICTURE | {"as": "a b"}, PICTURE]),
        (1, [PICTURE, PICTURE, PICTURE | {"as": "cat"}]),
        (0, [FILM | {"as": "early"}, PICTURE, FILM]),
    ],
    ids=["no name", "the name of one before it", "names one behind it"],
)
def test_a_batch_sent_again_with_or_without_its_bad_lines_pays_nothing_again(
    house: House, bad: int, lines: list[dict[str, Any]]
) -> None:
    first = _sent(house, *lines, key="order-7")
    assert _faults(first.pop(bad))
    made = [job.id for job in _jobs(first)]
    again = _sent(house, *lines, key="order-7")
    assert not any(line.new for line in again)
    del again[bad]
    for found in (again, _sent(house, *lines[:bad], *lines[bad + 1 :], key="order-7")):
        assert [job.id for job in _jobs(found)] == made


def test_a_line_that_may_be_taken_later_keeps_its_key_from_its_like(build: Build) -> None:
    house = build(RUNHOOK_BUDGET_DAY="0.50")  # a picture and a bit
    house.ask()
    twins = [orjson.dumps(PICTURE | {"as": name}) for name in ("one", "other")]
    lines = batch.accept(house.w, twins, key="order-7")
    assert isinstance(next(lines).error, OverBudget)
    house.clock.advance(DAY)
    (made,) = _jobs(list(lines))
    house.clock.advance(DAY)
    one, other = batch.accept(house.w, twins, key="order-7")
    assert one.new, "it is a second picture, as was asked for"
    assert [job.id for job in _jobs([other])] == [made.id]


def test_a_keyed_line_is_the_same_request_whichever_job_its_name_stands_for(house: House) -> None:
    keyed = {"key": "film-7", **FILM}
    _, film = _jobs(_sent(house, PICTURE, keyed))
    picture, again = _sent(house, PICTURE, keyed)
    assert picture.new, "without a key it is a second job"
    assert again.job
    assert (again.new, again.job.id) == (False, film.id)


def test_a_name_is_the_first_lines_that_says_it(house: House) -> None:
    first, second, film = _sent(house, PICTURE, PICTURE, FILM)
    assert _faults(second) == {"as": "is 'pic', and an earlier line calls itself that"}
    assert first.job
    assert film.job
    assert film.job.history.waits_for == (first.job.id,)


def test_a_line_that_names_a_refused_one_is_refused_naming_it(house: House) -> None:
    bad = PICTURE | {"model": "no/such-model"}
    _, film, large = _sent(house, bad, FILM, LARGE)
    assert _faults(film) == {"input.imageUrl": "names @pic, which was refused"}
    assert _faults(large) == {"input.videoUrl": "names @film, which was refused"}
    assert house.standing("queued") == 0


def test_a_line_that_names_one_that_may_be_taken_later_may_be_so_itself(build: Build) -> None:
    house = build(RUNHOOK_BUDGET_DAY="0.01")
    large = {**LARGE, "options": {"max_price": "0.01"}}
    lines = _sent(house, PICTURE, FILM, large, FILM | {"as": "bad", "model": "nobodys"})
    views = [batch.line_view(house.w, line) for line in lines]
    assert [view["status"] for view in views] == [402, 402, 402, 422]
    for view in views[1:3]:
        assert view["error"]["detail"].startswith("it needs @pic, which was not taken: it may cost")
        assert view["error"]["limit"] == "0.01"


def test_a_line_names_those_before_it_and_never_itself(house: House) -> None:
    film, _, own = _sent(
        house,
        FILM,
        PICTURE,
        {"as": "own", "model": VIDEO, "input": {"prompt": "a", "imageUrl": "output:@own/0"}},
    )
    assert "no line before this one calls itself that" in _faults(film)["input.imageUrl"]
    assert "which is this line itself" in _faults(own)["input.imageUrl"]


def test_a_misspelt_name_is_told_the_nearest(house: House) -> None:
    _, film = _sent(
        house,
        PICTURE | {"as": "picture"},
        FILM | {"input": {"prompt": "a", "imageUrl": "output:@pictur/0"}},
    )
    assert isinstance(film.error, InvalidRequest)
    assert film.error.faults[0].nearest == "picture"


@pytest.mark.parametrize("name", ["", "a b", 7, None, "@pic", "x" * 101])
def test_what_cannot_be_a_name_is_refused(house: House, name: Any) -> None:
    (line,) = _sent(house, PICTURE | {"as": name})
    assert "as" in _faults(line)


def test_a_dry_run_checks_the_whole_pipeline_and_keeps_nothing(house: House) -> None:
    wrong = {"model": "topazlabs/video-upscale", "input": {"videoUrl": "output:@pic/0"}}
    lines = _sent(house, PICTURE, FILM, LARGE, wrong, dry_run=True)
    assert [line.checked is not None for line in lines] == [True, True, True, False]
    assert _faults(lines[3]) == {"input.videoUrl": "is an image, must be a video"}
    assert house.standing("queued") == 0


def test_a_dry_run_asks_for_so_many_prices_and_for_each_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "MOST_LIVE_PRICES", 2)
    dog, bird = (PICTURE | {"as": name, "input": {"prompt": name}} for name in ("dog", "bird"))
    tried = _sent(house, PICTURE, FILM, PICTURE | {"as": "cat"}, dog, bird, dry_run=True)
    views = [batch.line_view(house.w, line)["dry_run"] for line in tried]
    # The film's is not asked for: it depends on a picture that is still to be made.
    told = [view["live_price"] is not None for view in views]
    assert told == [True, False, True, True, False]
    assert all(view["price"] for view in views)
    calls = house.sandbox.books()["calls"]
    assert sum(count for path, count in calls.items() if "price-preview" in path) == 2


def test_a_dry_run_asks_for_no_more_prices_once_runninghub_is_away(
    house: House, receiver: Receiver
) -> None:
    receiver.answers(404, 503)  # the first is an answer, if none that is of use
    provider_at(house.w, receiver.url)
    animals = [PICTURE | {"as": name, "input": {"prompt": name}} for name in ("cat", "dog", "bird")]
    tried = _sent(house, *animals, dry_run=True)
    assert all(batch.line_view(house.w, line)["dry_run"]["price"] for line in tried)
    assert len(receiver.requests) == 2


def test_a_name_in_lists_and_in_a_nodes_value_is_taken_too(house: House) -> None:
    sheet = {"prompt": "a sheet", "imageUrls": ["output:@pic/0", "output:@pic/0"]}
    lines = _sent(
        house,
        PICTURE,
        {"model": "rhart-image-n-pro/edit", "input": sheet},
        {"as": "words", **asked("rhart-text-g-25-flash/text-to-text")},
        {"model": "workflow/1904136902449209346", "input": {"6.text": "output:@words/0"}},
    )
    picture, edit, words, workflow = _jobs(lines)
    named = f"output:{picture.id}/0"
    assert edit.spec.input["imageUrls"] == [named, named]
    assert workflow.spec.input == {"6.text": f"output:{words.id}/0"}
    assert {job.state for job in (edit, workflow)} == {State.QUEUED}


def test_another_tenants_pipeline_is_its_own(house: House) -> None:
    lines = _sent(house, PICTURE, FILM, owner="shop", only="shop")
    assert {job.tenant for job in _jobs(lines)} == {"shop"}


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_line_of_another_tenant_than_the_one_it_names_is_refused(
    house: House, *, dry_run: bool
) -> None:
    lines = _sent(house, PICTURE | {"tenant": "shop8"}, FILM | {"tenant": "shop7"}, dry_run=dry_run)
    said = "names @pic, which is shop8's, and shop7 has no such job"
    assert _faults(lines[1]) == {"input.imageUrl": said}


def test_so_many_lines_have_names_and_no_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "MOST_LINE_NAMES", 1)
    first, second, third = _sent(house, PICTURE, PICTURE | {"as": "dog"}, LARGE)
    assert first.job
    assert "is one too many" in _faults(second)["as"]
    assert "no line before this one calls itself that" in _faults(third)["input.videoUrl"]


def test_models_to_go_on_with_take_the_same_outputs(house: House) -> None:
    own, other = "rhart-image-n-pro/edit", "rhart-image-n-pro-official/edit"
    given = {"prompt": "a sheet", "imageUrls": ["output:@pic/0"]}
    line = {"model": own, "input": given, "options": {"fallback": [other]}}
    picture, sheet = _jobs(_sent(house, PICTURE, line))
    for model in (own, other):
        assert sheet.spec.input_of(model)["imageUrls"] == [f"output:{picture.id}/0"]


def test_a_line_that_is_told_is_let_go_though_its_name_is_kept(build: Build) -> None:
    house = build(RUNHOOK_BUDGET_DAY="0.01")
    texts = [orjson.dumps(PICTURE | {"as": name}) for name in ("a", "b", "c")]
    before = sys.getrefcount(texts[0])
    lines = batch.accept(house.w, texts)
    assert [type(next(lines).error) for _ in range(2)] == [OverBudget, OverBudget]
    gc.collect()
    after = sys.getrefcount(texts[0])
    assert after == before, "it may be megabytes, and there may be thousands"
