"""What the gallery fetches before anybody scrolls: some small pictures, and nothing of a film."""

import io
import random
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, Route

from runhook.worker.domain.jobs import Job
from runhook.worker.files import thumbnails
from runhook.worker.files.measure import measure
from runhook.worker.flows import create, forget
from runhook.worker.flows.create import JobRequest
from tests.browser.conftest import WIDTHS, a_context
from tests.browser.watching import Watched
from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town

pytestmark = pytest.mark.browser

MOST = 1_500_000  # bytes of pictures and media
JOBS = 50  # a page
FILM = "vidu/text-to-video-q3-turbo"
EVERY = 10  # jobs of which one is a film
# How far everything moved while it was loaded, as browsers count it: 0.1 is still called good.
SHIFTED = """() => new Promise((done) => {
  let moved = 0;
  const watch = (seen) => seen.getEntries().forEach((one) => (moved += one.value));
  new PerformanceObserver(watch).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(moved), 500);
})"""


def _noise() -> bytes:
    """A small picture as large as they come, of one that is nothing but grain: 45 KB."""
    side, out = 640, io.BytesIO()
    grain = random.Random(7).randbytes(side * side * 3)
    Image.frombytes("RGB", (side, side), grain).save(out, "PNG")
    small = thumbnails.of(measure("x.png", out, out.tell()), out)
    assert small
    return small.read()


@pytest.fixture(scope="module")
def full(town: Town) -> Iterator[Town]:
    """A town with a page of jobs whose files are kept; others find their own on it afterwards."""
    made = []
    for n in range(JOBS):
        model, given = IMAGE, {"prompt": f"grain {n}"}
        if n % EVERY == 0:
            model, given = FILM, {"prompt": f"grain {n}", "duration": "5"}
        made.append(create.request(town.w, JobRequest(model=model, input=given))[1].id)
    eventually(lambda: all(job.state.ended for job in town.w.store.jobs.many(made)), 90)
    eventually(lambda: all(_are_kept(job) for job in town.w.store.jobs.many(made)), 60)
    yield town
    for name in made:
        forget.forget(town.w, name)


def _are_kept(job: Job) -> bool:
    return all(output.archived for output in job.attempt.outputs)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_gallerys_first_screen_is_small_and_nothing_moves(
    browser: Browser, full: Town, width: int
) -> None:
    grain = _noise()
    with a_context(browser, full, width=width) as context:
        watched = Watched(context.new_page())

        def small(route: Route) -> None:
            route.fulfill(body=grain, content_type="image/webp")

        watched.page.route("**/thumbnail", small)
        watched.open("/jobs")
        assert watched.page.evaluate(SHIFTED) <= 0.02
        watched.page.wait_for_load_state("networkidle")
        fetched = [one.url for one in watched.answers if "/outputs/" in one.url]
        assert 0 < len(fetched) < JOBS, "the rest is fetched when it is scrolled to"
        assert all(url.endswith("/thumbnail") for url in fetched), "no file as it was made"
        assert watched.weight("image", "media") <= MOST
        watched.page.locator(".shot").last.scroll_into_view_if_needed()
        last = watched.page.locator(".shot img").last
        eventually(lambda: last.evaluate("picture => picture.complete && picture.naturalWidth"))
