"""Registering handlers, and the few words in which they answer."""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runhook import Event, Retry, Stop, on
from runhook.worker import catalogue
from runhook.worker.delivery import handlers
from runhook.worker.delivery.handlers import attributes, run
from runhook.worker.domain.events import sample, wants
from runhook.worker.domain.handlers import CeleryTask, Registry
from runhook.worker.domain.jobs import new_id
from tests.conftest import IMAGE


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """`on` registers with the process; a test must not leave anything there."""
    found = Registry()
    monkeypatch.setattr("runhook.worker.domain.handlers.registry", found)
    return found


def _now() -> datetime:
    return datetime.now(UTC)


def _event() -> Event:
    job = attributes({"id": "job_1"})
    return Event(id="evt_1", type="job.succeeded", time=datetime.now(UTC), job=job)


def test_a_handler_is_named_after_its_function_or_as_it_says(own_registry: Registry) -> None:
    @on("job.succeeded", "job.failed", model="vidu/*")
    def publish(event: Event) -> None: ...

    @on("job.failed", name="other")
    def publish2(event: Event) -> None: ...

    assert [h.name for h in own_registry.all()] == ["publish", "other"]
    assert own_registry.all()[0].types == ("job.succeeded", "job.failed")


def test_two_handlers_cannot_share_a_name() -> None:
    @on("job.failed", name="same")
    def one(event: Event) -> None: ...

    with pytest.raises(ValueError, match="same"):

        @on("job.failed", name="same")
        def two(event: Event) -> None: ...


def test_a_second_handler_of_a_name_never_replaces_the_first(own_registry: Registry) -> None:
    """Not one made by the same line of code, and not the same function told twice."""

    def made(number: int) -> Any:
        def publish(event: Event) -> None: ...

        publish.number = number  # type: ignore[attr-defined]
        return publish

    first = made(1)
    on("job.succeeded")(first)
    for second in (made(2), first):
        with pytest.raises(ValueError, match="two handlers are named 'publish'"):
            on("job.failed")(second)
    on("job.failed").to_celery("app.done")
    with pytest.raises(ValueError, match=r"app\.done"):
        on("job.succeeded").to_celery("app.done")
    assert [h.target for h in own_registry.all() if h.name == "publish"] == [first]


def test_a_handler_that_would_hear_nothing_is_refused(own_registry: Registry) -> None:
    def nothing() -> None: ...

    def two(event: Event, more: int) -> None: ...

    def keyword(*, event: Event) -> None: ...

    def yields(event: Event) -> Any:
        yield event

    class Called:
        def __call__(self, event: Event) -> None: ...

    for function in (nothing, two, keyword):
        with pytest.raises(ValueError, match=f"{function.__name__} does not take one argument"):
            on("job.failed")(function)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="yields"):
        on("job.failed")(yields)
    with pytest.raises(ValueError, match="letters"):
        on("job.failed")(Called())
    on("job.failed", name="called")(Called())
    on("job.failed", name="printed")(print)
    assert [handler.name for handler in own_registry.all()] == ["called", "printed"]


def test_a_handler_that_returns_a_coroutine_has_heard_nothing() -> None:
    async def later() -> None: ...

    outcome = run(lambda event: later(), _event(), _now)
    assert outcome.word == "failed"
    assert "coroutine" in str(outcome.why)


def test_a_module_in_the_folder_of_the_process_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop_of_this_folder.py").write_text("found = True\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    handlers.load(["shop_of_this_folder"])
    assert sys.modules.pop("shop_of_this_folder").found


def test_a_wrong_registration_says_what_is_right() -> None:
    with pytest.raises(ValueError, match=r"job\.succeeded"):
        on("job.suceeded")
    with pytest.raises(ValueError, match="event types"):
        on()
    with pytest.raises(ValueError, match="async"):

        @on("job.failed")
        async def later(event: Event) -> None: ...

    with pytest.raises(ValueError, match="letters"):

        @on("job.failed", name="a b")
        def spaced(event: Event) -> None: ...


def test_a_module_that_cannot_be_imported_is_named() -> None:
    with pytest.raises(ValueError, match=r"RUNHOOK_HANDLERS.*no_such_module"):
        handlers.load(["no_such_module"])


def test_an_entry_point_that_cannot_be_imported_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "shop-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[runhook.handlers]\nmain = no_such_shop.handlers\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match=r"'main' of shop.*no_such_shop"):
        handlers.load([])


def test_a_model_is_known_by_each_of_its_names_and_one_that_is_none_is_named(
    own_registry: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(handlers, "registry", own_registry)
    named = catalogue.find(IMAGE).name
    assert named != IMAGE
    for name, model in {"named": named, "all": None, "glob": "vidu/*", "none": IMAGE[:-1]}.items():
        on("job.succeeded", model=model, name=name)(lambda event: None)
    handlers.load([])
    heard = {handler.name: handler.model for handler in own_registry.all()}
    assert heard == {"named": IMAGE, "all": None, "glob": "vidu/*", "none": IMAGE[:-1]}
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (line["event"], line["handler"]) == ("handler.no_model", "none")
    assert f"did you mean {IMAGE}" in line["why"]


def test_a_module_that_exits_when_imported_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "exits_at_once.py").write_text("import sys; sys.exit('no')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match=r"exits_at_once.*ends the process, with 'no'"):
        handlers.load(["exits_at_once"])


def test_no_handler_takes_a_subscriptions_deliveries_over(own_registry: Registry) -> None:
    with pytest.raises(ValueError, match="the id of a subscription"):
        on("job.succeeded", name=new_id("sub"))(lambda event: None)
    on("job.succeeded", name="sub_title")(lambda event: None)
    assert own_registry.names() == ["sub_title"]


def test_a_celery_task_is_a_handler_named_after_it(own_registry: Registry) -> None:
    on("job.succeeded").to_celery("myapp.tasks.done")
    on("job.failed", name="sad").to_celery("myapp.tasks.done", queue="low")
    first, second = own_registry.all()
    assert (first.name, first.target) == (
        "myapp.tasks.done",
        CeleryTask("myapp.tasks.done", "celery"),
    )
    assert (second.name, second.target) == ("sad", CeleryTask("myapp.tasks.done", "low"))
    with pytest.raises(ValueError, match="letters"):
        on("job.failed").to_celery("my app")


@pytest.mark.parametrize(
    ("raised", "word"),
    [
        (None, "done"),
        (Retry(after=3), "again"),
        (Stop("no"), "dead"),
        (KeyError("x"), "failed"),
        (SystemExit(1), "failed"),
    ],
)
def test_what_a_handler_does_is_one_of_four_words(raised: BaseException | None, word: str) -> None:
    def handler(_: Event) -> None:
        if raised:
            raise raised

    outcome = run(handler, _event(), _now)
    assert outcome.word == word
    assert outcome.after == (3 if word == "again" else None)


@pytest.mark.parametrize("after", ["soon", -1, float("inf"), float("nan"), [], 1e300])
def test_a_retry_after_no_sensible_seconds_is_a_failure_that_says_so(after: Any) -> None:
    def handler(_: Event) -> None:
        raise Retry(after=after)

    outcome = run(handler, _event(), _now)
    assert outcome.word == "failed"
    assert "takes seconds" in str(outcome.why)


@pytest.mark.parametrize("wrong", [0, 1])
def test_a_child_that_a_handler_forks_ends_with_its_function(wrong: int) -> None:
    child = -1

    def handler(_: Event) -> None:
        nonlocal child
        child = os.fork()
        if child == 0 and wrong:
            raise RuntimeError

    run(handler, _event(), _now)
    if child == 0:
        os._exit(2)  # or it would run the other tests
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == wrong


def test_a_glob_picks_models() -> None:
    failed = sample("job.failed", datetime.now(UTC))
    assert wants(["job.failed"], ["vidu/*", "rhart-*"], failed)
    assert wants([], [], failed)
    assert not wants(["job.failed"], ["vidu/*"], failed)
    assert not wants(["job.succeeded"], [], failed)


def test_what_the_user_wrote_stays_as_it_was_written() -> None:
    job = attributes({"input": {"6.text": "a"}, "outputs": [{"url": "u"}], "metadata": {"a": {}}})
    assert job.input == {"6.text": "a"}
    assert job.metadata == {"a": {}}
    assert job.outputs[0].url == "u"
