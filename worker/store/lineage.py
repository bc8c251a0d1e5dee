"""What grew from a job, and who waits for it."""

from collections.abc import Sequence

from runhook.worker.store import keys
from runhook.worker.store.connection import reaching
from runhook.worker.store.scripts import Scripts

PIECE = 50  # jobs whose children are read in one round trip, up to a thousand of each


class Lineage:
    """Reading what belongs together; the scripts that make and move jobs write it."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._redis = scripts.client

    def waiters(self, job_id: str, behind: str, most: int) -> list[str]:
        """Those who wait for a job, in the order of their names behind one; empty: from the first.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        return self._names(keys.waiters(job_id), behind, most)

    def leave(self, job_id: str, waiter: str) -> None:
        """Take one out of those who wait for a job, unless it really does."""
        self._scripts.words("leave_waiters", job_id, waiter)

    def grown(self, job_id: str, most: int) -> tuple[list[str], bool]:
        """A job and all that grew from it, so many at most; the oldest first.

        Returns:
            Their names, and whether that is all.

        Raises:
            StoreUnavailable: Redis does not answer or refuses.
        """
        # Of a root all are known by its name, also behind one that was forgotten.
        level = [job_id, *self._names(keys.tree(job_id), "", most + 1)]
        found = set(level)
        while level and len(found) <= most:
            level = [name for name in self._children(level, most) if name not in found]
            found.update(level)
        # A job is younger than what it grew from, so any that are left out are at the end.
        return sorted(found)[:most], len(found) <= most

    def _children(self, names: Sequence[str], most: int) -> set[str]:
        """Those right below any of the jobs, so many of each at most and one more."""
        found: set[str] = set()
        for at in range(0, len(names), PIECE):
            with reaching():
                pipe = self._redis.pipeline(transaction=False)
                for name in names[at : at + PIECE]:
                    pipe.zrange(keys.children(name), 0, most)
                for below in pipe.execute():
                    found.update(name.decode() for name in below)
            if len(found) > most:
                break
        return found

    def _names(self, key: str, behind: str, most: int) -> list[str]:
        start = "-"
        if behind:
            start = f"({behind}"
        with reaching():
            found = self._redis.zrangebylex(key, start, "+", start=0, num=most)
        return [name.decode() for name in found]
