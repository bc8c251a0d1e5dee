"""Programs of Debian's that tests need: found, or installed where that can be done.

python -m tests.debian fish
"""

import os
import shutil
import subprocess
import sys


def have(package: str, *names: str) -> int:
    """Have a program, by whichever of its names; 1 where that cannot be done here."""
    if any(shutil.which(name) for name in names or (package,)):
        return 0
    install = ("apt-get", "install", "--yes", "--no-install-recommends", package)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print(f"no {package} here; install it, on Debian with: sudo {' '.join(install)}")
        return 1
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (("apt-get", "update", "--quiet"), install):
        if subprocess.run(command, env=quiet).returncode:
            print(f"{' '.join(command)} failed; what it says is above")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(have(sys.argv[1]))
