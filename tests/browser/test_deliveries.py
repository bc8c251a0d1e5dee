"""Deliveries in a real browser: a dead one is redelivered, and seen done without a reload."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from runhook.worker.delivery import subscriptions
from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from tests.browser.watching import Watched
from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town
from tests.receiver import Receiver, a_receiver

pytestmark = pytest.mark.browser

SOON = 15_000  # ms until what the server says stands in the page


@pytest.fixture
def receiver(town: Town) -> Iterator[Receiver]:
    """A subscriber that is out of order, and subscribed."""
    with a_receiver() as found:
        found.answers(500)
        given = {"url": found.url, "events": ["job.succeeded"]}
        made, _ = subscriptions.create(town.w, subscriptions.read_new(town.w, given))
        yield found
        town.w.store.subscriptions.remove(made.id)


def _dead(town: Town, receiver: Receiver) -> str:
    """A job whose delivery nobody takes."""
    asked = JobRequest(model=IMAGE, input={"prompt": "nobody is told"}, tenant="shop")
    job = create.request(town.w, asked)[1]
    found = next(one for one in town.w.store.subscriptions.all() if one.url == receiver.url)
    eventually(lambda: town.w.store.deliveries.count("dead", found.id), 40)
    return job.id


def test_a_dead_delivery_is_redelivered_and_seen_to_be_done(
    page: Page, town: Town, receiver: Receiver
) -> None:
    job = _dead(town, receiver)
    watched = Watched(page)
    watched.open(f"/deliveries?job={job}")
    row = page.locator("tr", has_text=receiver.url).filter(has_text="job.succeeded")
    expect(row.locator(".badge")).to_have_text("dead")
    receiver.answers(200)
    row.get_by_role("button", name="Redeliver").click()
    expect(page.locator(".notice")).to_contain_text("is told of it again")
    page.evaluate("document.body.dataset.same = 'yes'")
    expect(row.locator(".badge")).to_have_text("done", timeout=SOON)
    assert page.evaluate("document.body.dataset.same") == "yes", "the page was not loaded again"
    assert watched.complaints == []


def test_an_open_list_of_attempts_and_a_ticked_box_outlive_what_is_live(
    page: Page, town: Town, receiver: Receiver
) -> None:
    job = _dead(town, receiver)
    page.goto(f"/deliveries?job={job}")
    row = page.locator("tr", has_text=receiver.url).filter(has_text="job.succeeded")
    row.get_by_role("checkbox").check()
    row.locator("summary").click()
    expect(row.locator("pre").first).to_have_text("thanks")
    for _ in range(3):
        with page.expect_response(lambda answer: "/deliveries?job=" in answer.url):
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            create.request(town.w, JobRequest(model=IMAGE, input={"prompt": "x"}, tenant="shop"))
    assert row.get_by_role("checkbox").is_checked()
    expect(row.locator("pre").first).to_be_visible()
    page.get_by_role("button", name="Redeliver those chosen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Redeliver 1?")


def test_by_keyboard_alone_a_subscription_is_made_and_its_secret_shown_once(
    page: Page, town: Town, receiver: Receiver
) -> None:
    page.goto("/subscriptions")
    page.get_by_label("URL").focus()
    page.keyboard.type(f"{receiver.url}/by-keyboard")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.get_by_role("button", name="Make it").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#secret")).to_contain_text("whsec_")
    made = next(one for one in town.w.store.subscriptions.all() if "keyboard" in one.url)
    assert made.events == ("job.queued",)
    page.goto(f"/subscriptions/{made.id}")
    assert "whsec_" not in page.content()
    page.get_by_role("button", name="Test").click()
    expect(page.locator(".notice")).to_contain_text("HTTP 500, not delivered")
    town.w.store.subscriptions.remove(made.id)
