"""Debian's Chromium for the tests of pages: found, or installed where that can be done.

    python -m tests.browser.chromium

Playwright's own builds come from elsewhere and know nothing of the system's libraries.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser")
INSTALL = ("apt-get", "install", "--yes", "--no-install-recommends", "chromium")
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


def main() -> int:
    """Have one; 1 where that cannot be done here."""
    if found():
        return 0
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print(f"no Chromium here; install it, on Debian with: sudo {' '.join(INSTALL)}")
        return 1
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (("apt-get", "update", "--quiet"), INSTALL):
        if subprocess.run(command, env=quiet).returncode:
            print(f"{' '.join(command)} failed; what it says is above")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
