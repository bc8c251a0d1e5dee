"""Other models to go on with: what is taken when a job is asked for, its price, who sells what."""

from decimal import Decimal
from typing import Any

import pytest

from runhook.worker import catalogue
from runhook.worker.catalogue import Quote, siblings, span
from runhook.worker.catalogue.views import dry_run_view, model_view
from runhook.worker.domain.jobs import Attempt, Fallback, Job, JobHistory, JobSpec, State
from runhook.worker.errors import Fault, InvalidRequest
from tests.conftest import IMAGE

OFFICIAL = "rhart-image-n-pro-official/text-to-image"
OTHER = "rhart-image-v1/text-to-image"
VIDEO = "vidu/text-to-video-q3-turbo"


def _check(*models: Any, model: str = IMAGE, **given: Any) -> catalogue.Checked:
    options = {"fallback": list(models), **given.pop("options", {})}
    return catalogue.check(model, {"prompt": "a cat"} | given, options)


def _faults(*models: Any, **given: Any) -> list[Fault]:
    with pytest.raises(InvalidRequest) as caught:
        _check(*models, **given)
    return list(caught.value.faults)


def test_each_model_has_the_input_completed_with_its_own_defaults() -> None:
    found = _check(OFFICIAL, OTHER)
    inputs = [(one.model, one.input["aspectRatio"]) for one in (found, *found.fallback)]
    assert inputs == [(IMAGE, "9:16"), (OFFICIAL, "3:4"), (OTHER, "3:4")]
    assert "resolution" not in found.fallback[1].input


def test_a_model_may_be_named_as_the_reference_names_it() -> None:
    (found,) = _check("nano-banana-pro/text-to-image-official-stable").fallback
    assert found.model == OFFICIAL


def test_no_list_and_an_empty_one_mean_the_same() -> None:
    assert _check().fallback == catalogue.check(IMAGE, {"prompt": "a"}, {}).fallback == ()


def test_all_that_is_wrong_with_all_models_is_told_at_once() -> None:
    faults = _faults(
        "rhart-image-n-pro-oficial/text-to-image",
        IMAGE,
        VIDEO,
        "workflow/12",
        OTHER,
        aspectRatio="7:3",
        resolution="1k",
    )
    told = {fault.path: fault for fault in faults}
    assert "input.aspectRatio" in told, "of the job's own model"
    unknown = told["options.fallback[0]"]
    assert unknown.nearest == OFFICIAL
    assert "own model" in told["options.fallback[1]"].message
    assert told["options.fallback[2]"].message == f"makes video, and {IMAGE} makes image"
    assert "ComfyUI" in told["options.fallback[3]"].message
    of_other = [fault.message for fault in faults if fault.path == "options.fallback[4]"]
    assert len(of_other) == 2
    assert all(text.startswith(f"{OTHER} does not take this input: input.") for text in of_other)
    assert any("input.resolution" in text for text in of_other)


def test_a_model_that_is_named_twice_is_refused_under_whichever_name() -> None:
    (fault,) = _faults(OFFICIAL, "nano-banana-pro/text-to-image-official-stable")
    assert (fault.path, OFFICIAL in fault.message) == ("options.fallback[1]", True)


def test_a_value_that_only_the_jobs_own_model_takes_is_refused() -> None:
    (fault,) = _faults(OFFICIAL, resolution="1K")
    assert fault.path == "options.fallback[0]"
    assert (fault.allowed, fault.nearest) == (("1k", "2k", "4k"), "1k")


@pytest.mark.parametrize("wrong", ["a-model", 7, [7], [OFFICIAL] * 6, {"0": OFFICIAL}, None])
def test_what_is_no_list_of_models_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match="a list of at most 5 models"):
        catalogue.check(IMAGE, {"prompt": "a"}, {"fallback": wrong})


def test_beside_an_unknown_model_the_names_of_the_others_are_looked_at() -> None:
    paths = [fault.path for fault in _faults(OFFICIAL, "no-such", model="nor-this")]
    assert paths == ["model", "options.fallback[1]"]


def test_a_comfyui_job_has_no_other_models() -> None:
    with pytest.raises(InvalidRequest, match="made for it alone"):
        catalogue.check("workflow/12", {"6.text": "a"}, {"fallback": [OFFICIAL]})


def test_max_price_is_compared_with_each_model() -> None:
    (fault,) = _faults(OFFICIAL, options={"max_price": "0.5"})
    assert fault.path == "options.max_price"
    assert f"costs 0.8 CNY (0.8 to 1.5 CNY a call, by resolution) with {OFFICIAL}" in fault.message


def test_what_it_may_be_charged_for_is_told_in_order_each_with_its_price() -> None:
    charges = _check(OFFICIAL, OTHER).charges
    assert [(name, price and price.money) for name, price in charges] == [
        (IMAGE, Decimal("0.4")),
        (OFFICIAL, Decimal("0.8")),
        (OTHER, Decimal("0.05")),
    ]


def test_a_dry_run_tells_each_price_and_what_it_costs_from_and_to() -> None:
    shown = dry_run_view(_check(OFFICIAL, options={"retries": 2}), None)
    assert [
        (one["model"], one["price"] and one["price"]["money"]) for one in shown["fallback"]
    ] == [(OFFICIAL, "0.8")]
    assert shown["price_range"] == {"from": "0.4", "to": "2.8", "currency": "CNY"}
    plain = dry_run_view(catalogue.check(IMAGE, {"prompt": "a"}, {}), None)
    assert plain["fallback"] == []
    assert plain["price_range"] == {"from": "0.4", "to": "0.4", "currency": "CNY"}


def _quote(money: str | None, currency: str = "CNY", *, at_least: bool = False) -> Quote:
    amount = None if money is None else Decimal(money)
    return Quote(money=amount, currency=currency, at_least=at_least, text="")


def test_a_price_that_is_not_known_leaves_the_end_open_and_two_currencies_both() -> None:
    for quotes in ([_quote("1"), None], [_quote("1"), _quote(None)]):
        found = span(quotes)
        assert found
        assert (found.low, found.high) == (Decimal(1), None)
    found = span([_quote("1"), _quote("2", at_least=True)])
    assert found
    assert found.high is None
    assert span([_quote("1"), _quote("1", "USD")]) is None
    assert span([None]) is None


def test_a_model_names_those_that_are_the_same_sold_otherwise() -> None:
    assert [one.endpoint for one in siblings(catalogue.find(IMAGE))] == [OFFICIAL]
    assert [one.endpoint for one in siblings(catalogue.find(OFFICIAL))] == [IMAGE]
    assert siblings(catalogue.find(VIDEO)) == []
    sold = {model.endpoint for model in catalogue.models() if siblings(model)}
    assert len(sold) == 44
    assert "rhart-video-s-official/sora-upload-character" not in sold, "they make two things"


def test_siblings_that_share_a_reference_name_are_the_same_ones() -> None:
    """Names and endpoints are two sources; where both tell of a pair they agree."""

    def stem(name: str) -> str:
        ways = ("-channel-low-price", "-official-stable")
        return next((name.removesuffix(way) for way in ways if name.endswith(way)), name)

    named: dict[tuple[str, str], set[str]] = {}
    for model in catalogue.models():
        if not model.deprecated:
            named.setdefault((stem(model.name), model.output), set()).add(model.endpoint)
    for endpoints in named.values():
        for endpoint in endpoints:
            found = {one.endpoint for one in siblings(catalogue.find(endpoint))}
            assert endpoints - {endpoint} <= found


def test_a_sibling_says_which_parameters_differ() -> None:
    (found,) = model_view(catalogue.find("rhart-video-g/image-to-video"))["siblings"]
    assert (found["lacks"], found["needs"]) == (["aspectRatio", "imageUrls"], ["imageUrl"])
    (same,) = model_view(catalogue.find(IMAGE))["siblings"]
    assert (same["endpoint"], same["lacks"], same["needs"]) == (OFFICIAL, [], [])
    assert same["price"]
    assert same["price"]["text"] == "0.8 to 1.5 CNY a call, by resolution"


def _job(*models: str | None, retries: int) -> Job:
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    others = tuple(Fallback(model=model) for model in (OFFICIAL, OTHER))
    spec = JobSpec(
        model=IMAGE,
        kind="image",
        input={},
        created_at=now,
        options={"retries": retries},
        fallback=others,
    )
    attempts = tuple(Attempt(n=n, model=model) for n, model in enumerate(models, start=1))
    history = JobHistory(updated_at=now, attempts=attempts)
    return Job(id="job_1", spec=spec, state=State.QUEUED, history=history)


@pytest.mark.parametrize(
    ("models", "left", "following"),
    [
        ((None,), 2, OFFICIAL),
        ((None, None), 1, OFFICIAL),
        ((None, OFFICIAL), 2, OTHER),
        ((None, None, OFFICIAL, OFFICIAL), 0, OTHER),
        ((None, OFFICIAL, OTHER), 2, None),
        ((None, OFFICIAL, OTHER, None), 1, OFFICIAL),  # the user's own retry counts too
        ((None, OFFICIAL, OTHER, None, OFFICIAL), 1, OTHER),
    ],
)
def test_retries_and_steps_are_counted_apart(
    models: tuple[str | None, ...], left: int, following: str | None
) -> None:
    job = _job(*models, retries=2)
    assert (job.retries_left, job.next_model) == (left, following)
