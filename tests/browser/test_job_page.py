"""One job in a browser: its outputs play and turn, and what is open stays open while it changes."""

import io
import json
import re
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Dialog, Locator, Page, Route, expect

from runhook.worker.domain.jobs import Job
from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from tests.browser.conftest import a_context
from tests.browser.every_page import HOSTILE
from tests.browser.watching import Watched
from tests.conftest import IMAGE
from tests.journeys.conftest import Town

pytestmark = pytest.mark.browser

RED, GREEN = (220, 20, 20), (20, 200, 20)
SECONDS, A_SECOND = 3, 100  # how long events come, and how many
PLAY = """async () => {
  const film = document.querySelector("video");
  film.loop = film.muted = true;
  await film.play();
  while (film.currentTime < 0.2) await new Promise((then) => setTimeout(then, 50));
}"""
EVERY = 0.5  # seconds between two fetches of a page


def glb(
    change: Callable[[dict[str, Any]], None] = lambda document: None, picture: bytes = b""
) -> bytes:
    """A square that faces who looks, its left half red and its right half green, or a picture."""
    blob, views = b"", []
    for data in (
        struct.pack("<12f", -1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 1, 0),
        struct.pack("<8f", 0, 1, 1, 1, 1, 0, 0, 0),
        struct.pack("<6H", 0, 1, 2, 0, 2, 3),
        picture or _halves(),
    ):
        views.append({"buffer": 0, "byteOffset": len(blob), "byteLength": len(data)})
        blob += data + bytes(-len(data) % 4)
    parts = {"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}
    document: dict[str, Any] = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        # Turned to where the eye begins, so that it is seen from the front.
        "nodes": [{"mesh": 0, "rotation": [0, -0.2955, 0, 0.9553], "scale": [9, 9, 9]}],
        "meshes": [{"primitives": [parts]}],
        "materials": [
            {
                "doubleSided": True,
                "extensions": {"KHR_materials_unlit": {}},
                "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}},
            }
        ],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 3, "mimeType": "image/png"}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5126, "count": 4, "type": "VEC2"},
            {"bufferView": 2, "componentType": 5123, "count": 6, "type": "SCALAR"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(blob)}],
    }
    change(document)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", len(blob), b"BIN\0") + blob
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _halves() -> bytes:
    out = io.BytesIO()
    halves = Image.new("RGB", (2, 1))
    halves.putdata([RED, GREEN])
    halves.resize((64, 32), Image.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()


def _drawn(kind: str, size: tuple[int, int], **more: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, GREEN).save(out, kind, **more)
    return out.getvalue()


def _said_to_be(picture: bytes, at: int, *sides: int) -> bytes:
    """The same, whose head says that it is larger: made of little, it would fill the memory."""
    told = struct.pack(f">{len(sides)}I", *sides)
    return picture[:at] + told + picture[at + len(told) :]


def _needs(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.update(extensionsRequired=[name])


def _ktx2(document: dict[str, Any]) -> None:
    document["textures"] = [{"extensions": {"KHR_texture_basisu": {"source": 0}}}]


def _huge(document: dict[str, Any]) -> None:
    document["accessors"][0]["count"] = 10**9


def _endless(document: dict[str, Any]) -> None:
    document["nodes"][0]["children"] = [0] * 1000  # and not only once: it would fill the memory


def _heavy(document: dict[str, Any]) -> None:
    # Places that lie in each other, for more points than there are: six millions take six megabytes
    # of a file and fifty of memory, in each of thousands of parts.
    document["accessors"][1]["count"] = 25
    document["bufferViews"][1]["byteStride"] = 1


def _white(side: int) -> bytes:
    out = io.BytesIO()
    Image.new("1", (side, side), 1).save(out, "PNG")
    return out.getvalue()


def _many_pictures(document: dict[str, Any]) -> None:
    (part,) = document["meshes"][0]["primitives"]
    document["textures"] *= 5
    document["materials"] = [
        {"pbrMetallicRoughness": {"baseColorTexture": {"index": n}}} for n in range(5)
    ]
    document["meshes"][0]["primitives"] = [{**part, "material": n} for n in range(5)]


UNREADABLE = {
    "Draco": glb(_needs("KHR_draco_mesh_compression")),
    "meshopt": glb(_needs("EXT_meshopt_compression")),
    "KTX2": glb(_ktx2),
    "too large": glb(_huge),
    "cut off": glb()[:-40],
    "broken": glb(_endless),
    "not a GLB": b"<html>" * 20,
    "has a picture that is too large": glb(picture=_said_to_be(_halves(), 16, 30_000, 30_000)),
    "has a picture of a kind": glb(picture=b"GIF89a" * 9),
    "is broken": glb(_heavy),
    "picture that is too large": glb(_many_pictures, picture=_white(4096)),
}
# Pictures by their kind, and as what each is asked to be decoded: no side longer than 4096 pixels.
PICTURES = {
    "png": (_drawn("PNG", (5000, 40)), [4096, 40]),
    "jpeg": (_drawn("JPEG", (40, 5000), exif=b"Exif\0\0" + bytes(300)), [40, 4096]),
    "webp with loss": (_drawn("WEBP", (5000, 40)), [4096, 40]),
    "webp without": (_drawn("WEBP", (40, 5000), lossless=True), [40, 4096]),
    "webp extended": (_drawn("WEBP", (5000, 40), exif=b"Exif\0\0" + bytes(300)), [4096, 40]),
    "small": (_halves(), [64, 32]),
}
WHAT_IS_DECODED = """() => {
  const decode = createImageBitmap;
  window.decoded = [];
  window.createImageBitmap = (what, how) => {
    window.decoded.push([how.resizeWidth, how.resizeHeight]);
    return decode(what, how);
  };
}"""


def _model(page: Page, job_id: str, file: bytes | None = None) -> Locator:
    """A job's 3D output on its page, the file in place of its own."""
    if file is not None:

        def give(route: Route) -> None:
            route.fulfill(body=file, content_type="model/gltf-binary")

        page.route("**/outputs/0", give)
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"/jobs/{job_id}")
    return page.locator("[data-glb]")


def test_arrow_keys_turn_a_model_that_is_named_for_who_hears_it(
    page: Page, made: Mapping[str, str]
) -> None:
    watched = Watched(page)
    _model(page, made["model"])
    canvas = page.get_by_role("application", name=re.compile("Output 0.*Arrow keys turn it"))
    expect(canvas).to_be_visible()
    canvas.focus()
    page.wait_for_timeout(300)
    before = canvas.screenshot()
    for key in ("ArrowRight", "ArrowUp", "+"):
        page.keyboard.press(key)
        page.wait_for_timeout(150)
        after = canvas.screenshot()
        assert after != before, key
        before = after
    page.keyboard.press("0")
    page.wait_for_timeout(150)
    assert canvas.screenshot() != before
    assert watched.complaints == []


def test_a_texture_is_drawn_where_it_belongs(page: Page, made: Mapping[str, str]) -> None:
    model = _model(page, made["model"], glb())
    expect(model).to_have_attribute("data-state", "shown")
    page.wait_for_timeout(300)
    picture = Image.open(io.BytesIO(model.locator("canvas").screenshot())).convert("RGB")
    width, height = picture.size
    for where, colour in ((width // 2 - 60, RED), (width // 2 + 60, GREEN)):
        found = picture.getpixel((where, height // 2))
        assert isinstance(found, tuple)
        assert all(abs(a - b) < 30 for a, b in zip(found, colour, strict=True)), found


@pytest.mark.parametrize("why", UNREADABLE)
def test_a_model_that_cannot_be_drawn_says_why_and_its_file_is_there(
    page: Page, made: Mapping[str, str], why: str
) -> None:
    model = _model(page, made["model"], UNREADABLE[why])
    expect(model.get_by_role("status")).to_contain_text(why)
    expect(page.get_by_role("link", name="Download")).to_have_attribute(
        "href", f"/v1/jobs/{made['model']}/outputs/0"
    )


def test_a_picture_that_would_fill_the_memory_is_not_decoded(
    page: Page, made: Mapping[str, str]
) -> None:
    page.add_init_script(f"({WHAT_IS_DECODED})()")
    model = _model(page, made["model"], UNREADABLE["has a picture that is too large"])
    expect(model).to_have_attribute("data-state", "failed")
    assert page.evaluate("window.decoded") == []


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_is_decoded_no_larger_than_it_is_drawn(
    page: Page, made: Mapping[str, str], kind: str
) -> None:
    page.add_init_script(f"({WHAT_IS_DECODED})()")
    model = _model(page, made["model"], glb(picture=PICTURES[kind][0]))
    expect(model).to_have_attribute("data-state", "shown")
    assert page.evaluate("window.decoded") == [PICTURES[kind][1]]


def test_outputs_need_a_session(browser: Browser, town: Town, made: Mapping[str, str]) -> None:
    path = f"/v1/jobs/{made['video']}/outputs/0"
    with a_context(browser, town, who="") as context:
        assert context.request.get(path).status == 401
    with a_context(browser, town, who="office") as context:
        assert context.request.get(path).status == 200


def test_what_others_wrote_is_shown_as_they_wrote_it(page: Page, made: Mapping[str, str]) -> None:
    ran: list[str] = []

    def heard(dialog: Dialog) -> None:
        ran.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", heard)
    page.goto(f"/jobs/{made['hostile']}")
    shown = page.locator("dt:text-is('prompt') + dd")
    assert shown.evaluate("node => node.textContent") == HOSTILE
    call = page.get_by_role("region", name="The call in curl")
    assert json.dumps(HOSTILE)[1:20].replace("'", "\\u0027") in str(call.text_content())
    assert ran == []


def test_a_video_plays_and_is_fetched_in_parts(page: Page, made: Mapping[str, str]) -> None:
    watched = Watched(page)
    page.goto(f"/jobs/{made['video']}")
    _play(page)
    parts = [answer.status for answer in watched.answers if "/outputs/0" in answer.url]
    assert set(parts) == {206}


def test_what_is_open_and_what_plays_outlives_a_hundred_events_a_second(
    page: Page, town: Town, made: Mapping[str, str]
) -> None:
    watched = Watched(page)
    page.goto(f"/jobs/{made['video']}")
    _play(page)
    page.get_by_text("as it came").first.click()
    page.evaluate(
        "[window.film, window.details] = [...document.querySelectorAll('video, details[open]')]"
    )
    asked = len(watched.requests)
    with _events(town, made["video"]):
        page.wait_for_timeout(SECONDS * 1000)
    page.wait_for_timeout(1000)
    assert page.evaluate("film.isConnected && !film.paused && details.isConnected && details.open")
    fetched = [one for one in watched.requests[asked:] if "x-fragment" in one.headers]
    assert 2 <= len(fetched) <= (SECONDS + 1) / EVERY + 1
    assert watched.complaints == []


def test_a_job_ends_before_ones_eyes(page: Page, town: Town) -> None:
    with _waiting(town) as job:
        page.goto(f"/jobs/{job.id}")
        expect(page.get_by_role("status").first).to_contain_text("queued")
        page.evaluate("window.here = true")
    expect(page.get_by_role("status").first).to_contain_text("succeeded", timeout=20_000)
    expect(page.locator("figure img")).to_be_visible()
    assert page.evaluate("window.here"), "without loading the page again"


@pytest.mark.parametrize("scripts", [True, False])
def test_a_job_is_cancelled_by_keyboard_alone(browser: Browser, town: Town, scripts: bool) -> None:
    with a_context(browser, town, scripts=scripts) as context, _waiting(town) as job:
        page = context.new_page()
        page.goto(f"/jobs/{job.id}")
        _press(page, "Cancel…")
        expect(page.get_by_role("heading", name="Cancel this job?")).to_be_visible()
        _press(page, "Cancel it")
        expect(page.get_by_role("status").first).to_contain_text("It is cancelled.")
        assert town.w.store.jobs.get(job.id).state == "cancelled"


def test_retry_names_the_sum_that_it_costs(page: Page, made: Mapping[str, str]) -> None:
    page.goto(f"/jobs/{made['failed']}")
    page.get_by_role("link", name="Retry…").click()
    heading = page.get_by_role("heading", name=re.compile(r"^Pay [¥$]?\d+\.\d\d"))
    expect(heading).to_be_visible()
    price = re.search(r"[¥$]?\d+\.\d\d+", str(heading.text_content()))
    assert price
    expect(page.get_by_role("button", name=f"Pay {price[0]}")).to_be_visible()


def _play(page: Page) -> None:
    """Play the page's video, over and over."""
    page.evaluate(PLAY)


def _press(page: Page, name: str) -> None:
    """Go to what has this name by Tab, and press Enter."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.locator(":focus").inner_text().strip() == name:
            page.keyboard.press("Enter")
            page.wait_for_load_state()
            return
    raise AssertionError(f"no way by keyboard to {name}")


@contextmanager
def _waiting(town: Town) -> Iterator[Job]:
    """A job that stands in the queue, until the block is over."""
    town.w.store.queue.pause(True)
    try:
        request = JobRequest(model=IMAGE, input={"prompt": "a boat"}, tenant="shop")
        yield create.request(town.w, request)[1]
    finally:
        town.w.store.queue.pause(False)


@contextmanager
def _events(town: Town, job_id: str) -> Iterator[None]:
    """A hundred events a second about a job."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(1 / A_SECOND):
            town.w.store.events.alert(job_id, "hundredth news")

    teller = threading.Thread(target=tell)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
