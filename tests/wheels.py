"""Prove that every pinned requirement has a wheel for each Python that the project names.

    python tests/wheels.py requirements.txt

Asks pip's index with `--dry-run`; nothing is installed.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

# A machine with glibc 2.28 takes wheels for every earlier one.
PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(28, 16, -1)),
    "manylinux2014_x86_64",
)


def pythons() -> list[str]:
    """The versions in pyproject.toml's classifiers."""
    project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())
    words = "\n".join(project["project"]["classifiers"])
    return re.findall(r"Python :: (3\.\d+)", words)


def main(requirements: str) -> int:
    """Resolve the file for each version; 1 if one does not."""
    worst = 0
    for version in pythons():
        with tempfile.TemporaryDirectory() as nowhere:
            command = [
                *(sys.executable, "-m", "pip", "install", "--dry-run", "--quiet"),
                *("--ignore-installed", "--disable-pip-version-check", "--target", nowhere),
                *("--only-binary=:all:", "--python-version", version, "--implementation", "cp"),
                *(word for platform in PLATFORMS for word in ("--platform", platform)),
                *("-r", requirements),
            ]
            done = subprocess.run(command, capture_output=True, text=True)
        good = done.returncode == 0
        count = sum(1 for line in Path(requirements).read_text().splitlines() if "==" in line)
        print(f"Python {version}: {f'all {count} have a wheel' if good else done.stderr.strip()}")
        worst = max(worst, 0 if good else 1)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
