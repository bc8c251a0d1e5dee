"""The demo in a terminal ends with an address at which everything is to be seen; the pictures in
docs/ are taken there, by `make pictures`.
"""

import io
import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.conftest import PICTURES
from tests.conftest import eventually

pytestmark = pytest.mark.browser

# Where `make pictures` has them written; else they lie with the others.
FOLDER = Path(os.environ.get("PICTURES_IN", PICTURES))
LARGEST = 150_000  # bytes of a picture: the README is read on telephones, too
QUALITY = 90  # of WebP, at which letters have no fringes
LONGEST = 110.0  # seconds until the demo has summed up
ADDRESS = re.compile(rb"break it, at\s+(?:\x1b\[[\d;]*m)*(http://127\.0\.0\.1:\d+)/")
# Every picture that stands in the window is there.
SEEN = (
    "[...document.images].every(one => one.complete || "
    "one.getBoundingClientRect().top > innerHeight)"
)


@dataclass
class Demo:
    """One that runs in a terminal of its own.

    Attributes:
        pid: Its process.
        terminal: What it writes to.
        said: What it has written so far.
    """

    pid: int
    terminal: int
    said: bytes = b""

    def listen(self, seconds: float) -> bool:
        """Hear what it writes next; False where that is nothing."""
        if not select.select([self.terminal], [], [], seconds)[0]:
            return False
        try:
            more = os.read(self.terminal, 65536)
        except OSError:  # its end of the terminal is closed
            return False
        self.said += more
        return bool(more)

    def address(self) -> str:
        """Where its last line says that everything is to be seen."""
        deadline = time.monotonic() + LONGEST
        while not (found := ADDRESS.search(self.said)):
            assert time.monotonic() < deadline, self.said.decode(errors="replace")
            self.listen(1.0)
        return found[1].decode()

    def end(self) -> int:
        """Press Ctrl-C; its exit status."""
        os.kill(self.pid, signal.SIGINT)
        while self.listen(40.0):
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo that has summed up."""
    folder = tmp_path_factory.mktemp("demo")
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(folder)
        program = str(Path(sys.executable).with_name("runhook"))
        os.execve(program, [program, "demo"], os.environ | {"COLUMNS": "120", "TERM": "xterm"})
    found = Demo(pid, terminal)
    try:
        found.address()
        yield found
    finally:
        assert found.end() == 0
        os.close(terminal)


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    """The browser's colours."""
    return str(request.param)


@pytest.fixture
def page(browser: Browser, demo: Demo, scheme: str) -> Iterator[Page]:
    """A page of the demo's, on which nobody need sign in."""
    context = browser.new_context(
        base_url=demo.address(),
        viewport={"width": 1280, "height": 800},
        color_scheme=scheme,  # type: ignore[arg-type]  # "light" or "dark"
    )
    yield context.new_page()
    context.close()


def _kept(page: Page, name: str, *, whole: bool = False) -> None:
    """A picture of a page, small enough for the README."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"dashboard-{name}.webp"
    with Image.open(io.BytesIO(page.screenshot(full_page=whole))) as picture:
        picture.convert("RGB").save(file, "WEBP", quality=QUALITY, method=6)
    assert file.stat().st_size <= LARGEST, name


def test_every_page_of_the_demo_opens(page: Page) -> None:
    page.goto("/")
    links = page.get_by_role("navigation", name="Pages").get_by_role("link").all()
    paths = [link.get_attribute("href") for link in links]
    assert "/system" in paths
    for path in paths:
        answer = page.goto(str(path))
        assert answer is not None
        assert answer.status == 200, path


def test_its_overview_counts_its_jobs(page: Page, scheme: str) -> None:
    page.goto("/")
    assert page.get_by_role("link", name="10 succeeded").count() == 1
    assert page.get_by_role("img", name="How jobs ended in the last hour").count() == 1
    _kept(page, f"overview-{scheme}", whole=True)


def test_its_system_has_the_sandboxs_switches(page: Page, scheme: str) -> None:
    page.goto("/system")
    assert page.get_by_label("Lose callbacks").input_value() == "off"
    assert page.get_by_text("In force besides").count() == 1
    _kept(page, f"system-{scheme}")


def test_what_it_made_is_to_be_seen(page: Page, scheme: str) -> None:
    page.goto("/jobs?view=gallery")
    assert page.locator("main img").count() > 0
    # `wait_for_function` would need `eval`, which the pages' policy does not let run.
    eventually(lambda: page.evaluate(SEEN))
    _kept(page, f"jobs-{scheme}")


def test_the_job_whose_callback_was_lost_says_how_it_was_found(page: Page, scheme: str) -> None:
    jobs = page.request.get("/v1/jobs?limit=100").json()["items"]
    (lost,) = [job["id"] for job in jobs if job["metadata"]["demo"] == "lost"]
    page.goto(f"/jobs/{lost}")
    assert "record" in page.locator("main").inner_text()
    page.locator("svg.life").evaluate("life => life.scrollIntoView({block: 'center'})")
    _kept(page, f"job-{scheme}")
