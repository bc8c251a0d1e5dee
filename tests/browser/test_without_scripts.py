"""Every page works where scripts are off: sign in, filter, leaf, change, sign out."""

from collections.abc import Mapping

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import TOKENS, a_context
from tests.journeys.conftest import Town

pytestmark = pytest.mark.browser


def test_a_person_without_scripts_signs_in_retries_and_signs_out(
    browser: Browser, town: Town, made: Mapping[str, str]
) -> None:
    with a_context(browser, town, scripts=False, who="") as context:
        page = context.new_page()
        page.goto("/jobs?view=table")
        page.get_by_label("Token").fill("token-that-is-none-00000000")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_label("Token")).to_have_attribute("aria-invalid", "true")
        page.get_by_label("Token").fill(TOKENS["ops"])
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{town.web}/jobs?view=table")
        page.get_by_role("checkbox", name="failed").check()
        page.get_by_role("button", name="Show").click()
        row = page.locator(f"[data-key={made['failed']}]")
        expect(page.locator("[data-key]")).to_have_count(1)
        row.get_by_role("checkbox").check()
        page.get_by_role("button", name="Retry").click()
        expect(page.get_by_role("heading", name="Retry 1 job?")).to_be_visible()
        page.get_by_role("link", name="Leave them as they are").click()
        expect(row.locator(".badge")).to_have_text("failed")
        row.get_by_role("checkbox").check()
        town.sandbox.faults({"fault": "failed", "times": 1})
        page.get_by_role("button", name="Retry").click()
        page.get_by_role("button", name="Pay ¥0.40 for 1 job").click()
        expect(page.locator(".notice")).to_contain_text("1 job put into the queue again.")
        page.reload()
        expect(page.locator(".notice")).to_have_count(0)
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator(".notice")).to_have_text("You are signed out.")
        page.goto("/jobs")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
