"""Debian's Chromium for the tests of pages: found, or installed where that can be done.

    python -m tests.browser.chromium

Playwright's own builds come from elsewhere and know nothing of the system's libraries.
"""

import shutil
import sys

from tests import debian

NAMES = ("chromium", "chromium-browser")
# Nothing but the page is fetched, and nothing needs a desktop.
OPTIONS = [
    "--no-sandbox",
    # WebGL without a graphics card.
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def found() -> str | None:
    """Where it is; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


if __name__ == "__main__":
    sys.exit(debian.have("chromium", *NAMES))
