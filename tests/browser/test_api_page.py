"""/docs: every call can be read and tried, by whoever is signed in, from this web alone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.browser.conftest import PICTURES, WIDTHS, a_context
from tests.browser.watching import Watched
from tests.journeys.conftest import Town

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", WIDTHS)
def test_every_call_is_shown_and_can_be_read(browser: Browser, town: Town, width: int) -> None:
    with a_context(browser, town, width=width) as context:
        watched = Watched(context.new_page())
        assert watched.open("/docs").status == 200
        page = watched.page
        # The document is made when it is asked for first.
        expect(page.locator(".opblock").first).to_be_visible(timeout=20_000)
        assert page.locator(".opblock").count() > 45
        page.locator("#operations-jobs-post_job .opblock-summary-control").click()
        expect(page.locator("#operations-jobs-post_job textarea")).to_be_visible()
        page.screenshot(path=PICTURES / f"docs-{width}.png")
        # Swagger UI's other faults are its own markup's; these are the stylesheet's.
        faint = [one for one in Axe().run(page).response["violations"] if "contrast" in one["id"]]
        assert [node["html"] for one in faint for node in one["nodes"]] == []
        assert watched.foreign(town.web) == []
        assert watched.complaints == []


def test_a_call_is_made_from_the_page(browser: Browser, town: Town) -> None:
    with a_context(browser, town) as context:
        page = context.new_page()
        page.goto("/docs")
        page.locator("#operations-account-get_queue .opblock-summary-control").click()
        page.locator("#operations-account-get_queue .execute").click()
        shown = page.locator("#operations-account-get_queue .live-responses-table")
        expect(shown).to_contain_text("in_flight")
