"""The form of a job in a real browser: its price while it is filled in, its faults, and its job."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from runhook.worker.store import JobFilter
from tests.browser.conftest import a_context
from tests.browser.watching import Watched
from tests.conftest import eventually
from tests.journeys.conftest import Town

pytestmark = pytest.mark.browser

VIDU = "/new/vidu/text-to-video-q3-turbo"
TO_VIDEO = "/new/vidu/image-to-video-q2-pro"
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
    b"\x1f\x15\xc4\x89\x00\x00\x00\nIDATx\x9cc\x00\x01\x00\x00\x05\x00\x01\r\n-\xb4\x00\x00\x00"
    b"\x00IEND\xaeB`\x82"
)
# A file of these bytes is dropped on the first place for files.
DROP = """(bytes) => {
  const carried = new DataTransfer();
  carried.items.add(new File([new Uint8Array(bytes)], "b.png", { type: "image/png" }));
  const event = new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true });
  document.querySelector("[data-drop]").dispatchEvent(event);
}"""
SOON = 10_000  # ms until what the server says stands in the page
ENDED = 40_000  # ms until a job of the sandbox has ended, and its files are kept


def _jobs_with(town: Town, prompt: str) -> list[str]:
    found = town.w.store.listing.page(JobFilter(), None, 50).jobs
    return [job.id for job in found if job.spec.input.get("prompt") == prompt]


def test_another_resolution_changes_the_price_in_its_status(page: Page) -> None:
    watched = Watched(page)
    watched.open(VIDU)
    price = page.locator("#price")
    expect(price).to_have_attribute("role", "status")
    expect(price).to_contain_text("¥1.35")
    page.get_by_role("radio", name="1080p").check()
    expect(price).to_contain_text("¥1.75", timeout=SOON)
    expect(page.locator("#pay")).to_have_text("Pay ¥1.75")
    assert watched.complaints == []
    assert set(parse_qs(urlsplit(page.url).query)) == {"key"}  # what was clicked stays out of it


def test_a_fault_is_told_at_its_field_once_somebody_was_there(page: Page) -> None:
    page.goto(VIDU)
    prompt = page.get_by_label("prompt")
    page.get_by_role("radio", name="540p").check()
    expect(page.locator("#price")).to_contain_text("¥0.90", timeout=SOON)
    assert prompt.get_attribute("aria-invalid") is None
    prompt.fill("waves")
    prompt.fill("")
    prompt.blur()
    expect(prompt).to_have_attribute("aria-invalid", "true", timeout=SOON)
    described = (prompt.get_attribute("aria-describedby") or "").split()
    fault = page.locator(f"#{described[0]}")
    expect(fault).to_contain_text("is required")
    prompt.fill("waves")
    prompt.blur()
    expect(fault).to_have_count(0, timeout=SOON)
    assert prompt.get_attribute("aria-invalid") is None


def test_a_doubled_click_makes_one_job_which_ends(page: Page, town: Town) -> None:
    page.goto(VIDU)
    page.get_by_label("prompt").fill("a doubled click")
    page.locator("#pay").dblclick()
    page.wait_for_url("**/jobs/job_*")
    (job,) = _jobs_with(town, "a doubled click")
    assert page.url.endswith(job)
    assert town.w.store.jobs.get(job).spec.input["resolution"] == "720p"


def test_a_form_that_is_posted_twice_at_once_makes_one_job(page: Page, town: Town) -> None:
    page.goto(VIDU)
    page.get_by_label("prompt").fill("two posts")
    # As two clicks do where no script stops the second.
    places = page.evaluate(
        """async () => {
          const form = document.querySelector("form.job"), body = new FormData(form);
          body.set("do", "submit");
          const post = () => fetch(form.action, { method: "POST", body }).then((one) => one.url);
          return Promise.all([post(), post(), post()]);
        }"""
    )
    (job,) = _jobs_with(town, "two posts")
    assert {place.rpartition("/")[2] for place in places} == {job}


@pytest.mark.parametrize("scripts", [True, False])
def test_whose_answer_is_lost_goes_back_and_pays_once(
    browser: Browser, town: Town, scripts: bool
) -> None:
    prompt = f"an answer lost, scripts {scripts}"
    with a_context(browser, town, scripts=scripts) as context:
        page = context.new_page()
        page.goto(VIDU)
        page.get_by_label("prompt").fill(prompt)
        page.route("**/new/**", _lose_the_answer)
        page.locator("#pay").click()
        eventually(lambda: _jobs_with(town, prompt))
        page.unroute("**/new/**")
        page.wait_for_url("chrome-error://**")
        page.go_back()
        (job,) = _jobs_with(town, prompt)
        expect(page.get_by_role("status").get_by_role("link", name=job)).to_be_visible()
        page.get_by_label("prompt").fill(prompt)
        page.locator("#pay").click()
        page.wait_for_url(f"**/jobs/{job}")
        expect(page.locator(".notice")).to_contain_text("nothing new was made or paid")
        assert _jobs_with(town, prompt) == [job]


def _lose_the_answer(route: Route) -> None:
    """The server does what it is asked, and the browser hears nothing."""
    if "do=submit" in (route.request.post_data or "") or 'name="do"' in str(
        route.request.post_data_buffer
    ):
        route.fetch(max_redirects=0)
        route.abort("connectionreset")
    else:
        route.continue_()


def test_by_keyboard_alone_a_job_is_asked_for(page: Page, town: Town) -> None:
    page.goto(VIDU)
    page.get_by_label("prompt").focus()
    page.keyboard.type("by keyboard alone")
    page.keyboard.press("Tab")  # the style
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")  # the ratio
    page.keyboard.press("Tab")  # the resolution
    page.keyboard.press("ArrowRight")
    expect(page.locator("#pay")).to_have_text("Pay ¥1.75", timeout=SOON)
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.locator("#pay:focus").count():
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs/job_*")
    (job,) = _jobs_with(town, "by keyboard alone")
    given = town.w.store.jobs.get(job).spec.input
    assert (given["style"], given["resolution"]) == ("anime", "1080p")


def test_enter_in_a_field_asks_for_the_price_and_pays_nothing(page: Page, town: Town) -> None:
    page.goto(VIDU)
    page.get_by_label("prompt").fill("enter pays nothing")
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("retries").fill("2")
    page.get_by_label("retries").press("Enter")
    expect(page.locator("#price")).to_contain_text("¥4.05", timeout=SOON)
    assert VIDU in page.url
    assert _jobs_with(town, "enter pays nothing") == []


def test_a_file_is_kept_as_soon_as_it_is_chosen_or_dropped(page: Page, town: Town) -> None:
    watched = Watched(page)
    watched.open(TO_VIDEO)
    field = page.locator("#f-input-imageUrl")
    chooser = page.locator('[name="file.input.imageUrl"]')
    chooser.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": PNG})
    expect(field).to_have_value(re.compile("asset:[0-9a-f]{32}"), timeout=SOON)
    assert chooser.input_value() == ""
    first = field.input_value()
    page.evaluate(DROP, [*PNG, 0])
    expect(field).not_to_have_value(first, timeout=SOON)
    expect(page.locator(".kept").first).to_contain_text("b.png is kept")
    page.evaluate(DROP, [])
    expect(page.locator(".kept").first).to_contain_text("b.png was not kept: is empty")
    assert town.w.store.assets.get(first.removeprefix("asset:")).name == "a.png"


def test_without_scripts_the_same_form_tells_its_price_and_makes_its_job(
    plain_page: Page, town: Town
) -> None:
    page = plain_page
    page.goto("/new")
    page.get_by_label("Search the models").fill("vidu text q3-turbo")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="vidu/text-to-video-q3-turbo").click()
    page.get_by_role("radio", name="1080p").check()
    page.get_by_role("button", name="Check the price").click()
    expect(page.locator("#price")).to_contain_text("¥1.75")
    expect(page.get_by_label("prompt")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("prompt").fill("no scripts")
    page.locator("#pay").click()
    page.wait_for_url("**/jobs/job_*")
    assert len(_jobs_with(town, "no scripts")) == 1


def test_the_model_is_changed_by_keyboard_and_what_both_take_is_kept(page: Page) -> None:
    page.goto(VIDU)
    page.get_by_label("prompt").fill("kept")
    page.get_by_label("Change the model").fill(TO_VIDEO.removeprefix("/new/"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(TO_VIDEO.removeprefix("/new/"))
    expect(page.get_by_label("prompt")).to_have_value("kept")


def test_without_scripts_a_file_comes_with_the_form(plain_page: Page, town: Town) -> None:
    page = plain_page
    page.goto(TO_VIDEO)
    chosen = {"name": "mine.png", "mimeType": "image/png", "buffer": PNG + bytes(3_000_000)}
    page.locator('[name="file.input.imageUrl"]').set_input_files(chosen)  # type: ignore[arg-type]
    page.get_by_label("prompt").fill("with a file")
    page.get_by_role("button", name="Check the price").click()
    value = page.locator("#f-input-imageUrl").input_value()
    assert town.w.store.assets.get(value.removeprefix("asset:")).name == "mine.png"
    page.locator("#pay").click()
    page.wait_for_url("**/jobs/job_*")
    assert len(_jobs_with(town, "with a file")) == 1


def test_the_search_answers_while_one_types(page: Page) -> None:
    page.goto("/new")
    page.get_by_label("Search the models").press_sequentially("vidu text q3-turbo", delay=10)
    expect(page.locator("#found [role=status]")).to_have_text("1 model", timeout=SOON)
    # What was typed so far may have found that one already.
    expect(page).to_have_url(re.compile(r"q=vidu\+text\+q3-turbo"), timeout=SOON)


def test_a_job_of_the_form_ends_without_a_reload_and_its_video_plays(
    page: Page, town: Town
) -> None:
    watched = Watched(page)
    watched.open(VIDU)
    page.get_by_label("prompt").fill("it plays")
    page.locator("#pay").click()
    page.wait_for_url("**/jobs/job_*")
    page.evaluate("document.body.dataset.same = 'yes'")
    expect(page.locator(".job-state .badge")).to_have_text("succeeded", timeout=ENDED)
    video = page.locator("video").first
    expect(video).to_be_attached(timeout=ENDED)
    assert page.evaluate("document.body.dataset.same") == "yes", "the page was not loaded again"
    where = video.evaluate("(video) => video.currentSrc || video.src")
    part = page.request.get(where, headers={"Range": "bytes=0-99"})
    assert (part.status, len(part.body())) == (206, 100)
    video.evaluate("(video) => { video.muted = true; return video.play(); }")
    # Not by `wait_for_function`, whose eval the page's policy forbids.
    eventually(lambda: video.evaluate("(video) => video.currentTime") > 0)
    assert watched.complaints == []


def test_another_is_made_from_a_job(page: Page, town: Town) -> None:
    asked = JobRequest(model="vidu/text-to-video-q3-turbo", input={"prompt": "the first"})
    first = create.request(town.w, asked)[1]
    eventually(lambda: town.w.store.jobs.get(first.id).state.ended, 40)
    page.goto(f"/jobs/{first.id}")
    page.get_by_role("link", name="Make another").click()
    expect(page.get_by_label("prompt")).to_have_value("the first")
    page.locator("#pay").click()
    page.wait_for_url("**/jobs/job_*")
    assert len(_jobs_with(town, "the first")) == 2
