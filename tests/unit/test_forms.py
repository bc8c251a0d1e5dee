"""The forms of jobs: fields of every model, and values that survive the way through a browser."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runhook.config.catalogue import Model, Param
from runhook.webhook.forms import posted as posting
from runhook.webhook.forms.carrying import carried, filled
from runhook.webhook.forms.form import JobForm, form_of, read, shown
from runhook.webhook.forms.posted import MOST_TEXTS, Posted
from runhook.webhook.forms.texts import value_of
from runhook.worker import catalogue
from runhook.worker.domain.reports import App, AppField
from runhook.worker.errors import InvalidRequest
from tests.bodies import good, valid

MODELS = catalogue.models()
VIDU = "vidu/text-to-video-q3-turbo"


def sent(form: JobForm, filled_in: Posted) -> Posted:
    """What a browser posts of a form in which nobody changes anything."""
    view = shown(form, filled_in)
    pairs: list[tuple[str, str]] = []
    for field in (*view.inputs, *view.options):
        match field.control:
            case "choice":
                known = [choice.value for choice in field.choices]
                pairs.append((field.name, field.text if field.text in known else known[0]))
            case "choices":
                pairs.append((field.name, ""))
                pairs += [(field.name, text) for text in field.texts]
            case "line" | "number" | "secret":
                pairs.append((field.name, field.text.replace("\n", "")))
            case _:
                pairs.append((field.name, field.text.replace("\n", "\r\n")))
    for row in view.rows:
        pairs += [(f"row.{row.n}.name", row.name), (row.value.name, row.value.text)]
    return received(pairs)


def received(pairs: Iterable[tuple[str, str]]) -> Posted:
    """What comes of pairs that were posted."""
    found, faults = posting.read(pairs)
    assert faults == []
    return found


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.endpoint)
def test_a_good_body_of_each_model_comes_back_from_its_form_as_it_was(model: Model) -> None:
    form = form_of(model.endpoint)
    whole = catalogue.check(model.endpoint, valid(model), {}).input
    came = filled(form, whole, {})
    assert not came.left
    found = read(form, sent(form, came.posted))
    assert found.faults == []
    assert found.request["input"] == whole


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.endpoint)
def test_each_parameter_of_a_model_has_a_field_that_takes_a_good_value(model: Model) -> None:
    form = form_of(model.endpoint)
    for param in model.params:
        value = good(param)
        came = read(form, sent(form, filled(form, {param.name: value}, {}).posted))
        assert came.request["input"][param.name] == value
        assert type(came.request["input"][param.name]) is type(value)
    assert len({field.id for field in shown(form, Posted({})).inputs}) == len(model.params)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.endpoint)
def test_an_empty_form_asks_for_the_defaults_and_its_faults_are_at_its_fields(model: Model) -> None:
    form = form_of(model.endpoint)
    found = read(form, sent(form, Posted({})))
    assert found.faults == []
    with_default = {p.name for p in model.params if p.default is not None}
    assert set(found.request["input"]) == with_default
    names = shown(form, Posted({})).names
    assert _paths(model.endpoint, found.request["input"]) <= names.keys()


def test_what_cannot_be_read_as_a_number_stays_as_it_was_typed() -> None:
    param = Param(name="seed", type="integer", required=False)
    texts = ["many", "1e999", "9" * 40, "٣", "0x10", "1_000", "NaN", "5,5", "--1"]
    assert [value_of(param, [text]) for text in texts] == texts
    assert value_of(param, [" 18446744073709551615 "]) == 2**64 - 1
    assert value_of(param, [".5"]) == 0.5
    assert value_of(param, ["-3"]) == -3
    assert value_of(param, ["  "]) is None


def test_an_emptied_field_is_left_out_unless_its_default_would_come_back() -> None:
    text = Param(name="voice", type="string", required=True, default="Wise_Woman")
    boxes = Param(
        name="slots", type="enum", list=True, required=False, default="all", values=("all", "none")
    )
    assert value_of(text, [""]) == ""
    assert value_of(boxes, [""]) == []
    assert value_of(boxes.model_copy(update={"default": None}), [""]) is None
    assert value_of(text.model_copy(update={"default": None}), [""]) is None


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"))))
def test_a_list_of_texts_comes_back_whatever_stands_in_them(items: list[str]) -> None:
    form = _of(Param(name="tags", type="string", list=True, required=False))
    found = read(form, sent(form, filled(form, {"tags": items}, {}).posted))
    assert found.request["input"].get("tags", []) == items


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text("ab\n[{\"'\\é"),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_an_object_comes_back_whatever_is_in_it(inner: Any) -> None:
    form = _of(Param(name="refs", type="object", list=True, required=False))
    value = [{"url": inner}]
    found = read(form, sent(form, filled(form, {"refs": value}, {}).posted))
    assert found.request["input"]["refs"] == value


def test_names_that_a_form_does_not_have_and_doubled_ones_are_faults() -> None:
    form = form_of(VIDU)
    pairs = [
        ("input.prompt", "a"),
        ("input.prompt", "b"),
        ("input.__proto__", "c"),
        ("group", "x"),
    ]
    faults = read(form, received(pairs)).faults
    assert [fault.path for fault in faults] == ["input.prompt", "input.__proto__", "group"]


def test_a_form_of_more_fields_than_there_are_is_read_up_to_a_bound() -> None:
    found, faults = posting.read((f"n{n}", "") for n in range(MOST_TEXTS * 100))
    assert len(found.texts) == MOST_TEXTS
    assert [fault.path for fault in faults] == [""]
    assert posting.read([("x" * 10_000, "")])[0].texts.keys() == {"x" * posting.LONGEST_NAME}


def test_values_that_two_models_share_are_kept_when_the_model_changes() -> None:
    before, after = form_of(VIDU), form_of("vidu/image-to-video-q2-pro")
    typed = {
        "input.prompt": ["waves"],
        "input.duration": ["16"],
        "input.resolution": ["1080p"],
        "priority": ["9"],
        "metadata": ["order=7"],
        "options.retries": ["2"],
    }
    found = carried(after, before, Posted({**sent(before, Posted({})).texts, **typed}))
    request = read(after, sent(after, found.posted)).request
    assert request["input"]["prompt"] == "waves"
    assert request["input"]["resolution"] == "1080p"
    assert request["options"] == {"retries": 2}
    assert (request["priority"], request["metadata"]) == (9, {"order": 7})
    assert found.left == ["duration: 16"]  # it takes up to 8, so its own default stands there
    assert request["input"]["duration"] == "5"


def test_a_workflow_has_rows_of_nodes_and_a_row_that_is_wrong_says_so() -> None:
    form = form_of("workflow/1904136902449209346")
    came = filled(form, {"6.text": "a\nb", "3.seed": 7}, {"retainSeconds": 20})
    found = read(form, sent(form, came.posted))
    assert found.request["input"] == {"6.text": "a\nb", "3.seed": "7"}
    assert found.request["options"] == {"retainSeconds": 20}
    pairs = [
        ("row.0.name", "6.text"),
        ("row.0.value", "a"),
        ("row.4.name", "6.text"),
        ("row.4.value", "b"),
        ("row.7.value", "lost?"),
    ]
    wrong = read(form, received(pairs)).faults
    assert [fault.path for fault in wrong] == ["row.4.name", "row.7.name"]
    names = shown(form, received(pairs)).names
    assert {"row.4.name", "row.7.name", "input.6.text"} <= names.keys()


def test_an_app_has_the_fields_that_it_says() -> None:
    def of(key: str, kind: str, **more: Any) -> AppField:
        return AppField(key=key, node_name="", type=kind, **more)

    fields = (
        of("1.text", "STRING", default="a cat"),
        of("2.image", "IMAGE", default="theirs.png"),
        of("3.seed", "INT", default="7"),
        of("4.size", "LIST", default="big", choices=("small", "big")),
        of("5.style", "LIST", choices=tuple(map(str, range(5000)))),
    )
    form = form_of("app/1", app=App("An app", fields))
    view = shown(form, Posted({}))
    assert [field.control for field in view.inputs] == ["text", "file", "number", "choice", "line"]
    found = read(form, sent(form, Posted({})))
    assert found.request["input"] == {"1.text": "a cat", "3.seed": 7, "4.size": "big"}


def test_options_and_metadata_are_read_as_the_api_takes_them() -> None:
    form = form_of("rhart-image-n-pro/text-to-image")
    fallback = catalogue.siblings(catalogue.find(form.model))[0].endpoint
    pairs = [
        ("options.retries", "2"),
        ("options.max_price", "0.10"),
        ("options.expires_in", "60"),
        ("options.fallback", ""),
        ("options.fallback", fallback),
        ("metadata", "order=7\r\nprice=7.10\r\n\r\nbad line\r\norder=8"),
        ("priority", "12"),
    ]
    found = read(form, received(pairs))
    assert found.request["options"] == {
        "retries": 2,
        "max_price": "0.10",
        "expires_in": 60,
        "fallback": [fallback],
    }
    assert found.request["metadata"] == {"order": 7, "price": "7.10"}
    assert found.request["priority"] == "12"  # which the check refuses, with its reason
    assert [fault.path for fault in found.faults] == ["metadata", "metadata"]


def _of(param: Param) -> JobForm:
    return JobForm(model="a/b", record=None, params=[param], options=[], free=False)


def _paths(name: str, body: dict[str, Any]) -> set[str]:
    """Where the check finds something wrong."""
    try:
        catalogue.check(name, body, {})
    except InvalidRequest as invalid:
        return {fault.path for fault in invalid.faults}
    return set()
