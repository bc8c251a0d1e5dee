"""The overview follows what happens and disturbs nobody; a sandbox is broken, and seen repaired."""

import re

import pytest
from playwright.sync_api import Page, expect

from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from tests.conftest import IMAGE
from tests.journeys.conftest import Town

pytestmark = pytest.mark.browser

SOON = 15_000  # ms: a job takes some seconds in the sandbox, and this machine may be busy


def _ask(town: Town, prompt: str) -> str:
    return create.request(town.w, JobRequest(model=IMAGE, input={"prompt": prompt}))[1].id


def _count(page: Page, state: str) -> int:
    text = page.locator(f'#states a[href="/jobs?state={state}"] strong').inner_text()
    return int(text.replace(",", ""))


def test_a_jobs_end_is_seen_without_loading_the_page_again(town: Town, page: Page) -> None:
    page.goto("/")
    page.evaluate("window.same = true")
    before = _count(page, "succeeded")
    _ask(town, "a live tile")
    tile = page.locator('#states a[href="/jobs?state=succeeded"] strong')
    expect(tile).to_have_text(str(before + 1), timeout=SOON)
    assert page.evaluate("window.same")


def test_an_open_table_and_the_focus_stay_while_figures_change(town: Town, page: Page) -> None:
    _ask(town, "one before")
    page.goto("/")
    table = page.locator("#p-hour-table")
    table.locator("summary").focus()
    page.keyboard.press("Enter")
    before = page.locator("#p-hour-d").text_content() or ""
    _ask(town, "one more")
    expect(page.locator("#p-hour-d")).not_to_have_text(before, timeout=2 * SOON)
    expect(table).to_have_attribute("open", "")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    expect(table.get_by_role("table")).to_be_visible()


def test_a_picture_has_a_name_a_description_and_its_figures_in_a_table(page: Page) -> None:
    page.goto("/")
    plots = page.get_by_role("img", name=re.compile("How jobs ended"))
    assert plots.count() == 3
    for number in range(3):
        expect(plots.nth(number)).to_have_accessible_description(re.compile(r"\d succeeded"))


def test_without_scripts_a_callback_is_lost_and_made_good(town: Town, plain_page: Page) -> None:
    page = plain_page
    page.goto("/system")
    page.get_by_label("Lose callbacks").select_option("the next one")
    page.get_by_role("button", name="Break it so").click()
    said = "The sandbox will lose callbacks (the next one)"
    expect(page.get_by_role("status")).to_contain_text(said)
    job = _ask(town, "its callback is lost")
    for _ in range(200):
        if town.w.store.jobs.get(job).state.ended:
            break
        page.wait_for_timeout(500)
    assert town.w.store.jobs.get(job).attempt.settled_by == "detail"
    page.goto("/system")
    assert page.get_by_label("Lose callbacks").input_value() == "off"
    page.goto("/")
    assert page.get_by_text("ended without their callback").count() == 1


def test_without_scripts_the_queue_is_paused_and_goes_on(plain_page: Page) -> None:
    page = plain_page
    page.goto("/system")
    page.get_by_role("button", name="Pause the queue").click()
    expect(page.get_by_role("status")).to_contain_text("The queue is paused")
    page.goto("/")
    expect(page.locator("main")).to_contain_text("The queue stands still")
    page.goto("/system")
    page.get_by_role("button", name="Let it go on").click()
    expect(page.get_by_role("status")).to_contain_text("The queue goes on")


def test_a_queue_that_is_paused_elsewhere_is_seen_paused_without_loading_again(
    town: Town, page: Page
) -> None:
    page.goto("/system")
    said = page.get_by_text("The queue stands still")
    try:
        town.w.store.queue.pause(True)
        expect(page.get_by_role("button", name="Let it go on")).to_be_visible(timeout=SOON)
        page.goto("/account")
        expect(said).to_be_visible()
        page.goto("/")
        notice, tiles = page.locator("#standstill .notice"), page.locator("#states")
        above, below = notice.bounding_box(), tiles.bounding_box()
        assert above
        assert below
        assert above["y"] + above["height"] <= below["y"], "nothing lies over what it says"
    finally:
        town.w.store.queue.pause(False)
    expect(said).not_to_be_visible(timeout=2 * SOON)


def test_what_the_switches_did_is_read_without_scrolling(page: Page) -> None:
    page.goto("/system")
    page.get_by_role("button", name="Break it so").click()
    expect(page.get_by_text("The sandbox makes no such fault")).to_be_in_viewport()


def test_costs_are_asked_for_by_keyboard_alone(page: Page) -> None:
    page.goto("/costs")
    page.get_by_label("model", exact=True).focus()
    page.keyboard.press("Space")
    page.get_by_label("From").focus()
    page.keyboard.type("2d")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("by=day&by=model"))
    expect(page.get_by_role("columnheader", name="model")).to_be_visible()
    expect(page.get_by_label("From")).to_have_value("2d")
