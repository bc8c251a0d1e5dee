"""Pages stay as things are, and leave alone what somebody is busy with."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Page, Response, Route, expect

from runhook.webhook.edge.streams import EACH
from runhook.worker.domain.jobs import Job
from runhook.worker.flows import create
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.create import JobRequest
from tests.browser.conftest import TOKENS, a_context
from tests.conftest import IMAGE
from tests.journeys.conftest import Town

pytestmark = pytest.mark.browser

TABS = 8  # more than a browser opens connections to one host
PLAYS = "video => video.play().then(() => video.currentTime)"


@pytest.fixture
def paused(town: Town) -> Iterator[Town]:
    """Nothing is sent, so that what is asked for stays as it is."""
    town.w.store.queue.pause(True)
    yield town
    town.w.store.queue.pause(False)


def _ask(town: Town) -> Job:
    return create.request(town.w, JobRequest(model=IMAGE, input={"prompt": "a cat"}))[1]


@contextmanager
def _a_busy_house(town: Town) -> Iterator[None]:
    """Some hundred events a second, from jobs that are asked for and cancelled."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(0.01):
            cancel(town.w, _ask(town).id)

    busy = threading.Thread(target=go_on, daemon=True)
    busy.start()
    try:
        yield
    finally:
        over.set()
        busy.join()


def test_a_job_changes_in_the_page_and_a_new_one_waits_behind_a_link(
    page: Page, paused: Town
) -> None:
    job = _ask(paused)
    page.goto("/jobs")
    row = page.locator(f"[data-key={job.id}]")
    expect(row.locator(".badge")).to_have_text("queued")
    page.evaluate("window.same = true")
    cancel(paused.w, job.id)
    expect(row.locator(".badge")).to_have_text("cancelled")
    newer = _ask(paused)
    link = page.get_by_role("link", name="1 new")
    expect(link).to_be_visible()
    expect(page.locator(f"[data-key={newer.id}]")).to_have_count(0)
    assert page.evaluate("window.same"), "nothing was loaded anew"
    link.click()
    expect(page.locator(f"[data-key={newer.id}]")).to_be_visible()
    cancel(paused.w, newer.id)


def test_what_somebody_is_busy_with_survives_a_hundred_events_a_second(
    page: Page, paused: Town, made: Mapping[str, str]
) -> None:
    job = _ask(paused)
    page.goto("/jobs")
    film = page.locator(f"[data-key={made['video']}] video")
    assert film.evaluate(PLAYS) >= 0
    box = page.locator(f"[data-key={made['succeeded']}] input")
    box.check()
    page.get_by_text("More filters").click()
    group = page.get_by_label("Group")
    group.press_sequentially("night")
    row = page.locator(f"[data-key={job.id}]")
    row.locator("a").last.focus()
    with _a_busy_house(paused):
        expect(page.get_by_role("link", name="more than 99 new")).to_be_visible(timeout=30_000)
        cancel(paused.w, job.id)
        expect(row.locator(".badge")).to_have_text("cancelled")
        expect(row.locator("a").last).to_be_focused()
        expect(box).to_be_checked()
        expect(group).to_have_value("night")
        assert not film.evaluate("video => video.paused")
        before = film.evaluate("video => video.currentTime")
        page.wait_for_function(
            "([video, before]) => video.currentTime !== before", arg=[film.element_handle(), before]
        )


# The page's own morphing, of a region in which everything is that somebody may be busy with.
MORPHED = """async () => {
  const page = document.querySelector('script[type=module]').src;
  const { morph } = await import(page.replace('page.js', 'morph.js'));
  const make = (html) => Object.assign(document.createElement('section'), { innerHTML: html });
  const old = make(`<p data-key="a">alpha</p><details data-key="d"><summary>s</summary>one</details>
    <p data-key="b">beta</p><input data-key="i" value="x"><input data-key="f" value="y">`);
  document.querySelector('main').append(old);
  const [a, details, b, input, focused] = old.children;
  details.open = true;
  focused.value = 'typed';
  focused.focus();
  getSelection().selectAllChildren(a);
  morph(old, make(`<p data-key="n">new</p><p data-key="b">gamma</p><p data-key="a">other</p>`));
  return {
    first: old.firstElementChild.dataset.key,
    selected: getSelection().toString(),
    beta: b.textContent,
    open: details.isConnected && details.open, same: b.isConnected, gone: !input.isConnected,
    typed: document.activeElement === focused && focused.value,
  };
}"""


def test_selected_text_an_open_detail_and_a_field_with_the_focus_stay_in_a_changing_region(
    page: Page, paused: Town
) -> None:
    page.goto("/jobs")
    assert page.evaluate(MORPHED) == {
        "first": "n",
        "selected": "alpha",
        "beta": "gamma",
        "open": True,
        "same": True,
        "gone": True,
        "typed": "typed",
    }


def test_the_tabs_title_says_how_its_job_ended(page: Page, paused: Town) -> None:
    job = _ask(paused)
    page.goto(f"/jobs/{job.id}")
    expect(page).to_have_title(f"{IMAGE} queued · runhook")
    cancel(paused.w, job.id)
    expect(page).to_have_title(f"{IMAGE} cancelled · runhook")


def test_eight_tabs_all_load_and_all_stay_live(browser: Browser, paused: Town) -> None:
    job = _ask(paused)
    with a_context(browser, paused) as context:
        tabs = [context.new_page() for _ in range(TABS)]
        for tab in tabs:
            tab.goto("/jobs", wait_until="load")
        cancel(paused.w, job.id)
        for tab in tabs:
            expect(tab.locator(f"[data-key={job.id}] .badge")).to_have_text("cancelled")


def test_where_no_stream_is_to_be_had_the_page_asks_now_and_then(
    browser: Browser, paused: Town
) -> None:
    job = _ask(paused)
    with a_context(browser, paused) as context:
        page = context.new_page()
        page.route("**/live", lambda route: route.fulfill(status=503))
        page.goto("/jobs")
        cancel(paused.w, job.id)
        badge = page.locator(f"[data-key={job.id}] .badge")
        expect(badge).to_have_text("cancelled", timeout=15_000)


@contextmanager
def _every_stream_of(town: Town, who: str) -> Iterator[None]:
    """As many streams as one caller may have; each says at once that it is there."""
    asked = Request(f"{town.web}/live", headers={"Authorization": f"Bearer {TOKENS[who]}"})
    with ExitStack() as streams:
        for _ in range(EACH):
            assert streams.enter_context(urlopen(asked, timeout=10)).readline()
        yield


def _is_fetched_again(answer: Response) -> bool:
    return "x-fragment" in answer.request.headers


def test_the_33rd_stream_is_refused_and_its_page_asks_every_five_seconds(
    browser: Browser, paused: Town
) -> None:
    job = _ask(paused)
    with _every_stream_of(paused, "office"), a_context(browser, paused, who="office") as context:
        page = context.new_page()
        page.clock.install()  # so that five seconds are five seconds here
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.headers.get("x-fragment", "")))
        with page.expect_response(_is_fetched_again), page.expect_response("**/live") as refused:
            page.goto("/jobs")
        assert refused.value.status == 503
        page.clock.pause_at(page.evaluate("Date.now() / 1000 + 0.1"))
        assert asked.count("1") == 1, "what happened until it was refused was not heard"
        cancel(paused.w, job.id)
        page.clock.run_for(4_000)
        assert asked.count("1") == 1, "nobody told it, and it is not time yet"
        with page.expect_response(_is_fetched_again):
            page.clock.run_for(2_000)
        expect(page.locator(f"[data-key={job.id}] .badge")).to_have_text("cancelled")
        with page.expect_response(_is_fetched_again):
            page.clock.run_for(5_000)


# Who has the stream holds a lock; a tab is hidden and shown again.
HIDDEN = """async () => {
  const hide = (hidden) => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  };
  const until = async (many) => {
    while ((await navigator.locks.query()).held.length !== many)
      await new Promise((on) => setTimeout(on, 20));
    return many;
  };
  const found = [await until(1)];
  hide(true);
  found.push(await until(0));
  hide(false);
  return [...found, await until(1)];
}"""


def test_a_hidden_tab_has_no_stream(page: Page, paused: Town) -> None:
    page.goto("/jobs")
    assert page.evaluate(HIDDEN) == [1, 0, 1]


def _end_the_session(page: Page) -> None:
    word = page.locator("meta[name=csrf-token]").get_attribute("content")
    copy = page.context.request.post(
        "/logout", form={"csrf_token": word or ""}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert copy.ok


def test_a_session_that_ended_shows_the_form_by_itself(page: Page, paused: Town) -> None:
    job = _ask(paused)
    with page.expect_response(_is_fetched_again):
        page.goto("/jobs")
    _end_the_session(page)
    cancel(paused.w, job.id)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_session_that_ends_before_the_page_listens_shows_the_form_as_well(
    page: Page, paused: Town
) -> None:
    def late(route: Route) -> None:
        _end_the_session(page)
        route.continue_()

    page.route("**/live", late)
    page.goto("/jobs")
    # Before the page would have asked by itself, which is after five seconds.
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=4_000)


def _pass(page: Page, seconds: int) -> None:
    """On the page's clock; what it asks for in each of them is answered meanwhile."""
    for _ in range(seconds):
        page.clock.run_for(1_000)
        page.wait_for_timeout(100)


def test_who_was_signed_out_is_led_to_the_form_once(page: Page, paused: Town) -> None:
    page.clock.install()
    page.goto("/deliveries")  # which is fetched again every ten seconds at least
    asked: list[str] = []

    def lead_nowhere(route: Route) -> None:
        if not route.request.is_navigation_request():
            return route.fallback()
        asked.append(route.request.url)
        return route.fulfill(status=204)  # the browser stays where it is

    page.route("**/deliveries", lead_nowhere)
    _end_the_session(page)
    _pass(page, 30)
    assert len(asked) == 1


def test_who_is_away_is_not_asked_each_second(page: Page, paused: Town) -> None:
    page.clock.install()
    page.goto("/system")  # which is fetched again every five seconds
    asked: list[str] = []

    def away(route: Route) -> None:
        if "x-fragment" not in route.request.headers:
            return route.fallback()
        asked.append(route.request.url)
        return route.fulfill(status=503)

    page.route("**/system", away)
    _pass(page, 20)
    assert 1 <= len(asked) <= 6
