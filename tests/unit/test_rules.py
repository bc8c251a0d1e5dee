"""Every kind of rule of the catalogue: what breaks it is refused in the rule's own words."""

from typing import Any

import pytest

from runhook.config.catalogue import Model, RequiredWhen, Rule
from runhook.worker import catalogue
from runhook.worker.catalogue import Media
from runhook.worker.catalogue.rules import CHECKS, Input, rule_faults
from runhook.worker.errors import InvalidRequest
from tests.bodies import SAMPLES, valid

IMAGE, VIDEO, AUDIO = SAMPLES["image"], SAMPLES["video"], SAMPLES["audio"]
OMNI = "rhart-video/sparkvideo-2.0/multimodal-video"
SEEDREAM = "seedream-v4.5/image-to-image"
WAN_IMAGE = "rhart-video/wan-2.2/image-to-image"
CLIP = "asset:" + "0" * 32


def _clip(seconds: float) -> dict[str, Media]:
    return {CLIP: Media(kind="video", ext="mp4", size=1000, seconds=seconds)}


def _sound(seconds: float) -> dict[str, Media]:
    return {CLIP: Media(kind="audio", ext="mp3", size=1000, seconds=seconds)}


def _broken(
    endpoint: str, changes: dict[str, Any], media: dict[str, Media] | None = None
) -> list[str]:
    body = {**valid(catalogue.find(endpoint)), **changes}
    body = {key: value for key, value in body.items() if value is not None}
    try:
        catalogue.check(endpoint, body, {}, media=media)
    except InvalidRequest as invalid:
        return [fault.message for fault in invalid.faults]
    return []


BREACHES: list[tuple[str, dict[str, Any], dict[str, Media] | None, str]] = [
    ("kling-lip-sync/identify-face", {"videoUrl": None}, None, "exactly one of videoUrl and vid"),
    ("kling-lip-sync/identify-face", {"videoUrl": VIDEO, "videoId": "1"}, None, "are given"),
    ("skyreels-v4/omni-reference", {"refImages": None}, None, "at least one of refImages and ref"),
    (OMNI, {"audioUrls": [AUDIO]}, None, "with audioUrls, at least one of imageUrls and videoUrls"),
    ("youchuan/text-to-image-v7", {"ow": 200}, None, "ow is used only together with oref"),
    ("kling-v3.0-pro/image-to-video", {"multiPrompt": [{}]}, None, "ignored when multiShot is fal"),
    ("kling-v3.0-pro/image-to-video", {"shotType": "intelligence"}, None, "shotType is ignored wh"),
    (
        "kling-video-o3-pro/reference-to-video",
        {"videoUrl": VIDEO, "sound": True},
        None,
        "sound is ignored when videoUrl is given",
    ),
    (WAN_IMAGE, {"customWidth": 512}, None, "are used only when aspectRatio is custom"),
    (
        "pixverse-v5.6/text-to-video",
        {"duration": "10", "resolution": "1080p"},
        None,
        "not duration",
    ),
    (SEEDREAM, {"resolution": "2k", "width": 1024}, None, "resolution overrides width and height"),
    (
        "alibaba/wan-2.6/reference-to-video",
        {"imageUrls": [IMAGE] * 3, "videoUrls": [VIDEO] * 3},
        None,
        "imageUrls and videoUrls may have at most 5 items together; there are 6",
    ),
    (
        "kling-video-o3-pro/reference-to-video",
        {"imageUrls": [IMAGE] * 5, "videoUrl": VIDEO},
        None,
        "imageUrls may have at most 4 items with videoUrl, 7 without",
    ),
    ("kling-lip-sync/identify-face", {"videoUrl": CLIP}, _clip(1.5), "at least 2 s, at most 60 s"),
    ("kling-v2.6-pro/motion-control", {"videoUrl": CLIP}, _clip(31), "at most 30 s when character"),
    (OMNI, {"imageUrls": [IMAGE], "audioUrls": [CLIP, CLIP]}, _sound(8), "have 16.0 s together"),
    (
        "rhart-video-s-official/image-to-video-pro",
        {"imageUrl": CLIP},
        {CLIP: Media(kind="image", ext="png", size=1000, width=100, height=100)},
        "one of the sizes 720x1280",
    ),
    ("alibaba/wan-2.7/text-to-image-pro", {"width": 512, "height": 512}, None, "pixels, each from"),
    ("alibaba/wan-2.7/text-to-image-pro", {"width": 8192, "height": 512}, None, "in a ratio from"),
    (
        "rhart-audio/text-to-audio/voice-clone",
        {"custom_voice_id": "12345678"},
        None,
        "a letter first",
    ),
    ("rhart-audio/text-to-audio/voice-clone", {"custom_voice_id": "abcdefgh"}, None, "digits"),
]


@pytest.mark.parametrize(("endpoint", "changes", "media", "words"), BREACHES)
def test_what_breaks_a_rule_is_refused_in_the_rules_words(
    endpoint: str, changes: dict[str, Any], media: dict[str, Media] | None, words: str
) -> None:
    assert any(words in message for message in _broken(endpoint, changes, media))


@pytest.mark.parametrize(
    ("endpoint", "changes", "media"),
    [
        ("kling-lip-sync/identify-face", {"videoUrl": None, "videoId": "1"}, None),
        ("skyreels-v4/omni-reference", {"refVideos": {"type": "reference"}}, None),
        (OMNI, {"imageUrls": [IMAGE], "audioUrls": [AUDIO]}, None),
        ("youchuan/text-to-image-v7", {"ow": 200, "oref": IMAGE}, None),
        ("kling-v3.0-pro/image-to-video", {"multiShot": True, "prompt": None}, None),
        ("kling-v3.0-pro/image-to-video", {"shotType": "customize"}, None),
        (WAN_IMAGE, {"aspectRatio": "custom", "customWidth": 512}, None),
        (SEEDREAM, {"width": 1024, "height": 1024}, None),
        ("kling-video-o3-pro/reference-to-video", {"imageUrls": [IMAGE] * 7}, None),
        ("kling-lip-sync/identify-face", {"videoUrl": CLIP}, _clip(2.0)),
        ("alibaba/wan-2.7/text-to-image-pro", {"width": 1024, "height": 1024}, None),
        ("rhart-audio/text-to-audio/voice-clone", {"custom_voice_id": "voice123"}, None),
    ],
)
def test_what_keeps_to_a_rule_is_good(
    endpoint: str, changes: dict[str, Any], media: dict[str, Media] | None
) -> None:
    assert _broken(endpoint, changes, media) == []


def test_a_parameter_that_a_case_requires_is_missed() -> None:
    model = catalogue.find("kling-v3.0-pro/image-to-video")
    rule = RequiredWhen(kind="required_when", param="shotType", when={"multiShot": True})
    bare = Model(**model.model_dump() | {"rules": (rule.model_dump(),)})
    given = {"multiShot": True}
    assert (
        "shotType is required"
        in rule_faults(Input(model=bare, values=given, written=given, media={}))[0].message
    )


def _kinds() -> dict[type, Rule]:
    return {type(rule): rule for model in catalogue.models() for rule in model.rules}


def test_every_kind_of_rule_in_the_catalogue_is_enforced_or_only_explains() -> None:
    explains = {kind for kind in _kinds() if kind not in CHECKS}
    assert [kind.__name__ for kind in explains] == ["ValueMeaning"]


def test_every_rule_has_words() -> None:
    for model in catalogue.models():
        for rule in model.rules:
            assert "None" not in catalogue.rule_words(rule)
