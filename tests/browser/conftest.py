"""A browser before the real processes, signed in, at a telephone's and a desk's width."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser import chromium
from tests.browser.every_page import scenes
from tests.journeys.conftest import Town, a_town

# A token of each kind, by its caller's name.
TOKENS = {
    "ops": "token-Of-the-admin-77bd3-and-more",
    "office": "token-Of-the-office-90e2-and-more",
    "shop": "token-Of-the-shop-2c94e7-and-more",
}
SETTING = ",".join(
    (
        f"ops:{TOKENS['ops']}",
        f"office:{TOKENS['office']}:read",
        f"shop:{TOKENS['shop']}:submit",
    )
)
PICTURES = Path(__file__).parent / "pictures"
WIDTHS = {375: 812, 1280: 800}  # and the heights, in pixels

SignIn = Callable[..., Page]


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """All processes, with tokens, and files that are kept."""
    folder = tmp_path_factory.mktemp("browsed")
    with a_town(folder, RUNHOOK_API_TOKENS=SETTING, RUNHOOK_ALLOW_PRIVATE_URLS="true") as found:
        yield found


@pytest.fixture(scope="session")
def made(town: Town) -> Mapping[str, str]:
    """What the pages show."""
    return scenes(town)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = chromium.found()
    assert path, "make test-browser installs Debian's Chromium"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=chromium.OPTIONS)
        yield found
        found.close()


@contextmanager
def a_context(
    browser: Browser,
    town: Town,
    *,
    width: int = 1280,
    scheme: str = "light",
    who: str = "ops",
    scripts: bool = True,
) -> Iterator[BrowserContext]:
    """A browser's profile of its own, signed in."""
    context = browser.new_context(
        base_url=town.web,
        viewport={"width": width, "height": WIDTHS[width]},
        color_scheme=scheme,  # type: ignore[arg-type]  # "light" or "dark"
        java_script_enabled=scripts,
    )
    if who:
        context.request.get(f"/?token={TOKENS[who]}")
    yield context
    context.close()


@pytest.fixture
def page(browser: Browser, town: Town) -> Iterator[Page]:
    """A page of the admin's."""
    with a_context(browser, town) as context:
        yield context.new_page()


@pytest.fixture
def plain_page(browser: Browser, town: Town) -> Iterator[Page]:
    """A page of the admin's, where scripts are off."""
    with a_context(browser, town, scripts=False) as context:
        yield context.new_page()
