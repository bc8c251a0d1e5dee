"""The catalogue: every model by each of its names, every wrong input with all its faults."""

from typing import Any

import pytest

from runhook.worker import catalogue
from runhook.worker.catalogue import Model, Param
from runhook.worker.errors import Fault, InvalidRequest, NotFound
from tests.bodies import SAMPLES, invalid, valid

VIDU = "vidu/image-to-video-q2-pro"
EXAMPLE: dict[str, Any] = {
    "prompt": "the waves roll in",
    "imageUrl": "https://files.example.com/a.png?sign=abc&t=1;2",
    "duration": "5",
    "resolution": "720p",
    "movementAmplitude": "auto",
    "bgm": True,
}


def _faults(name: str, given: dict[str, Any], options: dict[str, Any] | None = None) -> list[Fault]:
    with pytest.raises(InvalidRequest) as caught:
        catalogue.check(name, given, options or {})
    return list(caught.value.faults)


def test_there_are_225_listed_models_and_112_more_each_found_by_endpoint_and_name() -> None:
    models = catalogue.models()
    assert len([model for model in models if model.listed]) == 225
    assert len(models) == 337
    for model in models:
        assert catalogue.find(model.endpoint) is model
        found = catalogue.find(model.name)
        assert found is model or (found.listed, not found.deprecated) > (
            model.listed,
            not model.deprecated,
        )


def test_a_name_that_two_share_means_the_one_not_deprecated() -> None:
    found = catalogue.find("sora-2/image-to-video-channel-low-price")
    assert found.endpoint == "rhart-video-s/image-to-video"
    assert catalogue.find("rhart-video-s/image-to-video-deprecated").deprecated


@pytest.mark.parametrize("model", catalogue.models(), ids=lambda m: m.endpoint)
def test_every_model_takes_its_required_parameters_and_fills_in_the_rest(model: Model) -> None:
    checked = catalogue.check(model.endpoint, valid(model), {})
    assert (checked.model, checked.kind) == (model.endpoint, model.output)
    for param in model.params:
        if param.default is not None:
            assert param.name in checked.input


@pytest.mark.parametrize("model", catalogue.models(), ids=lambda m: m.endpoint)
def test_every_model_refuses_a_value_of_the_wrong_type_for_each_parameter(model: Model) -> None:
    wrong: dict[str, Any] = {param.name: None for param in model.params} | {"webhookUrl": "x"}
    faults = _faults(model.endpoint, wrong)
    assert {fault.path for fault in faults} == {f"input.{name}" for name in wrong}


@pytest.mark.parametrize("model", catalogue.models(), ids=lambda m: m.endpoint)
def test_every_model_names_the_one_thing_that_is_wrong(model: Model) -> None:
    body, path = invalid(model)
    assert [fault.path.partition("[")[0] for fault in _faults(model.endpoint, body)] == [path]


def test_the_references_own_example_is_good_as_it_stands() -> None:
    checked = catalogue.check("Vidu-image-to-video-q2-pro", EXAMPLE, {})
    assert (checked.model, checked.kind, checked.input) == (VIDU, "video", EXAMPLE)


def test_all_faults_are_named_at_once_with_what_is_allowed_and_the_nearest() -> None:
    faults = {
        fault.path: fault
        for fault in _faults(
            VIDU,
            {
                "promt": "x",
                "duration": 5,
                "imageUrl": "http://a.b/c.png",
                "resolution": "720",
                "bgm": "yes",
            },
        )
    }
    assert set(faults) == {
        "input.promt",
        "input.prompt",
        "input.duration",
        "input.imageUrl",
        "input.resolution",
        "input.bgm",
    }
    assert faults["input.promt"].nearest == "prompt"
    assert faults["input.duration"].nearest == "5"
    assert faults["input.resolution"].nearest == "720p"
    assert faults["input.resolution"].allowed == ("540p", "720p", "1080p")
    assert "https URL" in faults["input.imageUrl"].message


def test_no_parameter_that_takes_a_files_url_is_a_plain_text() -> None:
    texts = [
        (model.endpoint, param.name)
        for model in catalogue.models()
        for param in model.params
        if param.name.lower().endswith(("url", "urls")) and param.type not in catalogue.FILES
    ]
    assert texts == []


def test_a_misspelt_model_proposes_the_nearest() -> None:
    assert _faults("vidu/image-to-vidio-q2-pro", {})[0].nearest == VIDU
    with pytest.raises(NotFound, match=VIDU):
        catalogue.find("vidu/image-to-vidio-q2-pro")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"prompt": ""}, "input.prompt"),
        ({"prompt": "x" * 4001}, "input.prompt"),
        ({"imageUrl": "ftp://a/b"}, "input.imageUrl"),
        ({"imageUrl": "https://"}, "input.imageUrl"),
        ({"imageUrl": "https://[::1"}, "input.imageUrl"),
        ({"imageUrl": "https://127.0.0.1/a.png"}, "input.imageUrl"),
        ({"imageUrl": "https://10.0.0.1/a.png"}, "input.imageUrl"),
        ({"imageUrl": "https://[::1]/a.png"}, "input.imageUrl"),
        ({"imageUrl": "https://localhost/a.png"}, "input.imageUrl"),
        *[
            ({"imageUrl": f"https://{host}/a.png"}, "input.imageUrl")
            for host in (
                "127.0.0.%31",
                "localhos%74:080",
                "LOCALHOST.",
                "0x7f.1",
                "2130706433",
                "a@127.0.0.1",
                "\uff11\uff12\uff17.0.0.1",
                "[::ffff:127.0.0.1]",
                "[fe80::1%25eth0]",
                "168.63.129.16",
                "metadata.internal.",
                "127.0.0.1\\@a.example",
            )
        ],
        ({"imageUrl": "data:video/mp4;base64,AAAA"}, "input.imageUrl"),
        ({"imageUrl": "asset:1"}, "input.imageUrl"),
        ({"bgm": 1}, "input.bgm"),
        ({"duration": "11"}, "input.duration"),
        ({"webhookUrl": "https://a.example/"}, "input.webhookUrl"),
    ],
)
def test_one_wrong_value_is_one_fault(change: dict[str, Any], path: str) -> None:
    assert [fault.path for fault in _faults(VIDU, EXAMPLE | change)] == [path]


@pytest.mark.parametrize(
    "url",
    [
        " https://a.example/a.png",
        "https://a.example/a.png\n",
        "https://a.example/a b.png",
        "https://a.example/a\u00a0b.png",
        "https://a.example/\x00",
        "https://a.example\\@127.0.0.1/",
    ],
)
def test_a_url_with_what_readers_take_differently_is_refused(url: str) -> None:
    (fault,) = _faults(VIDU, EXAMPLE | {"imageUrl": url})
    assert fault.path == "input.imageUrl"
    assert "a blank is written %20 and a backslash %5C" in fault.message


def test_a_mark_that_only_comfyui_jobs_know_is_said_to_be_what_is_wrong() -> None:
    asset = f"asset:{'0' * 32}"
    known = {asset: catalogue.Media(kind="image", ext="png", size=1)}
    given = EXAMPLE | {"imageUrl": f"{asset}?upload=old"}
    (fault,) = catalogue.examine(VIDU, given, {}, media=known)[1]
    assert "?upload=old is for the fields of ComfyUI jobs" in fault.message


def test_a_data_uri_of_the_right_kind_is_good() -> None:
    catalogue.check(VIDU, EXAMPLE | {"imageUrl": "data:image/png;base64,iVBORw0KGgo="}, {})


def test_private_addresses_are_good_where_they_are_allowed() -> None:
    given = EXAMPLE | {"imageUrl": "https://10.0.0.1/a.png"}
    catalogue.check(VIDU, given, {}, reach=catalogue.Reach(private=True))


def test_numbers_keep_to_range_and_step() -> None:
    ranged = [
        (m, p)
        for m in catalogue.models()
        for p in m.params
        if p.type == "integer" and p.max is not None
    ]
    model, param = ranged[0]
    for value in (param.max + 1 if param.max else 1, 1.5, True, float("nan"), "5"):
        faults = _faults(model.endpoint, valid(model) | {param.name: value})
        assert [fault.path for fault in faults] == [f"input.{param.name}"]


def test_lists_keep_to_their_length() -> None:
    model, param = next(
        (m, p)
        for m in catalogue.models()
        for p in m.params
        if p.list and p.max_items and p.type == "image"
    )
    many = [SAMPLES["image"]] * (int(param.max_items or 0) + 1)
    faults = _faults(model.endpoint, valid(model) | {param.name: many})
    assert "at most" in faults[0].message
    bad = _faults(model.endpoint, valid(model) | {param.name: ["https://a.example/x", 5]})
    assert [fault.path for fault in bad] == [f"input.{param.name}[1]"]


def test_values_compared_without_case_are_sent_as_written() -> None:
    model = catalogue.find("rhart-image-n-pro/text-to-image")
    given = {"prompt": "a", "resolution": "2K"}
    assert catalogue.check(model.endpoint, given, {}).input["resolution"] == "2K"


@pytest.mark.parametrize(
    ("given", "options", "path"),
    [
        ({"text": "a"}, {}, "input.text"),
        ({"6.text": ["a"]}, {}, "input.6.text"),
        ({"6.text": "a"}, {"instanceType": "huge"}, "options.instanceType"),
        ({"6.text": "a"}, {"usePersonalQueue": "yes"}, "options.usePersonalQueue"),
        ({"6.text": "a"}, {"instancetype": "plus"}, "options.instancetype"),
    ],
)
def test_a_workflows_faults_are_named(
    given: dict[str, Any], options: dict[str, Any], path: str
) -> None:
    assert [fault.path for fault in _faults("workflow/123", given, options)] == [path]


def test_the_search_finds_models_that_hold_every_word() -> None:
    found = catalogue.search("vidu q3 text")
    assert found
    assert all("vidu" in m.endpoint and "q3" in m.endpoint for m in found)


def test_node_keys_of_older_pages_mean_the_plain_names() -> None:
    older = {
        "219##image": SAMPLES["image"],
        "183##text": "a cat",
        "202##select": "8",
    }
    checked = catalogue.check("rhart-video/wan-2.2/image-to-video", older, {})
    assert checked.input["imageUrl"] == SAMPLES["image"]
    assert (checked.input["prompt"], checked.input["duration"]) == ("a cat", "8")
    assert not any("##" in name for name in checked.input)


def test_an_option_index_of_older_pages_means_its_plain_value() -> None:
    older = {"98##image": SAMPLES["image"], "200##prompt": "a", "240##select": "2"}
    checked = catalogue.check("rhart-video/ltx-2.3/image-to-video", older, {})
    assert checked.input["aspectRatio"] == "16:9"
    plain = older | {"240##select": "9:16"}
    checked = catalogue.check("rhart-video/ltx-2.3/image-to-video", plain, {})
    assert checked.input["aspectRatio"] == "9:16"


def test_a_parameter_given_by_both_of_its_names_is_refused() -> None:
    given = {"219##image": SAMPLES["image"], "imageUrl": SAMPLES["image"], "prompt": "a"}
    faults = _faults("rhart-video/wan-2.2/image-to-video", given)
    assert [fault.path for fault in faults] == ["input.219##image"]


def test_every_alias_is_translated() -> None:
    for model in catalogue.models():
        by_alias = {p.alias: p for p in model.params if p.alias}
        body = valid(model)
        older = {(p.alias if (p := _named(model, k)).alias else k): v for k, v in body.items()}
        checked = catalogue.check(model.endpoint, older, {})
        assert checked.input.items() >= body.items()
        assert not set(by_alias) & set(checked.input)


def _named(model: Model, name: str) -> Param:
    return next(param for param in model.params if param.name == name)


def test_objects_are_taken_as_they_are() -> None:
    body = {"prompt": "a", "refImages": [{"type": "grid", "tag": "x", "url": SAMPLES["image"]}]}
    checked = catalogue.check("skyreels-v4/omni-reference", body, {})
    assert checked.input["refImages"] == body["refImages"]
    faults = _faults("skyreels-v4/omni-reference", {"prompt": "a", "refImages": ["x"]})
    assert faults[0].path == "input.refImages[0]"


def test_a_model_whose_parameters_nobody_tells_takes_what_it_is_given() -> None:
    checked = catalogue.check("kling-v3.0-4k/motion-control", {"anything": [1]}, {})
    assert checked.input == {"anything": [1]}
