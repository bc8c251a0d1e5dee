"""Noticing that Python files of a folder were changed, for `runhook up --reload`."""

import os
from collections.abc import Iterator
from pathlib import Path

# Folders that hold no handlers, and may hold very many files.
LEFT_OUT = ("__pycache__", "node_modules", "site-packages", "venv")
MOST = 5_000  # files that are looked at twice a second: some hundredths of one


class Sources:
    """The Python files below a folder, as they were when they were looked at last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = dict(self._now())

    def changed(self) -> list[str]:
        """The files that were changed, added or removed since, by their names."""
        before, self._seen = self._seen, dict(self._now())
        both = before.keys() | self._seen.keys()
        return sorted(name for name in both if before.get(name) != self._seen.get(name))

    def _now(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Each with when it was written and its size."""
        left = MOST
        for place, folders, files in os.walk(self._folder):
            folders[:] = [one for one in folders if one[0] != "." and one not in LEFT_OUT]
            for name in files:
                if not name.endswith(".py"):
                    continue
                path = Path(place) / name
                try:
                    found = path.stat()
                except OSError:  # an editor replaces it just now
                    continue
                yield str(path.relative_to(self._folder)), (found.st_mtime_ns, found.st_size)
                left -= 1
                if not left:
                    return
