"""What every page promises, at a telephone's and a desk's width, in the light and in the dark."""

from collections.abc import Mapping

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from runhook.webhook.edge.html import POLICY
from tests.browser.conftest import PICTURES, WIDTHS, a_context
from tests.browser.every_page import PAGES, Row
from tests.browser.watching import Watched
from tests.journeys.conftest import Town

pytestmark = pytest.mark.browser

KB = 1000  # bytes, as the limits of pages are meant
SERIOUS = ("serious", "critical")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("row", PAGES, ids=lambda row: row.name)
def test_a_page_is_whole_small_ours_alone_and_open_to_all(
    browser: Browser, town: Town, made: Mapping[str, str], row: Row, width: int, scheme: str
) -> None:
    with a_context(browser, town, width=width, scheme=scheme, who=row.who) as context:
        watched = Watched(context.new_page())
        answer = watched.open(row.path.format(**made))
        page = watched.page
        assert answer.status == row.status
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        page.wait_for_timeout(200)  # for what scripts fetch behind the page
        _is_small(watched)
        assert watched.foreign(town.web) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=PICTURES / f"{row.name}-{width}-{scheme}.png", full_page=True)
        _has_its_landmarks(page, row)
        found = Axe().run(page).response["violations"]
        assert [_told(one) for one in found if one["impact"] in SERIOUS] == []
        assert watched.complaints == []


@pytest.mark.parametrize("path", ["/jobs?view=table", "/costs?by=day&by=model", "/system"])
def test_on_a_telephone_a_rows_words_stay_whole(
    browser: Browser, town: Town, made: Mapping[str, str], path: str
) -> None:
    with a_context(browser, town, width=375) as context:
        page = context.new_page()
        page.goto(path)
        for cell in page.locator("tbody td").all():
            lines = cell.evaluate(
                "cell => cell.clientHeight / parseFloat(getComputedStyle(cell).lineHeight)"
            )
            assert lines < 6, cell.inner_text()


def _has_its_landmarks(page: Page, row: Row) -> None:
    assert page.locator("main").count() == 1
    assert page.locator("h1").count() == 1
    page.keyboard.press("Tab")
    first = page.locator(":focus")
    if page.locator("[autofocus]").count() == 0:
        assert first.get_attribute("href") == "#main"
    if not row.who:
        return
    navigation = page.get_by_role("navigation", name="Pages", exact=True)
    assert navigation.count() == 1
    marked = navigation.locator("[aria-current=page]").all_inner_texts()
    assert [text.strip() for text in marked] == [row.current] * (row.current is not None)


def _is_small(watched: Watched) -> None:
    assert watched.weight("document") <= 60 * KB
    assert watched.weight("stylesheet") <= 20 * KB
    assert watched.weight("script") <= 25 * KB
    assert watched.weight() <= 120 * KB


def _told(violation: dict[str, object]) -> str:
    nodes = violation["nodes"]
    assert isinstance(nodes, list)
    where = [node["html"][:120] for node in nodes]
    return f"{violation['id']}: {violation['help']}: {where}"
