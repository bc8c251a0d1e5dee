"""How late the machine runs a process that sleeps."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_double

NAP = 0.001  # seconds: short beside what is looked for, and next to no load


@contextmanager
def longest() -> Iterator[c_double]:
    """Run a process that naps meanwhile; by how many ms it woke too late at most."""
    late = multiprocessing.Value("d", lock=False)  # it is killed, and would leave a lock held
    process = multiprocessing.Process(target=_nap, args=(late,), daemon=True)
    process.start()
    try:
        yield late
    finally:
        process.kill()
        process.join()


def _nap(late: c_double) -> None:
    while True:
        begun = time.perf_counter()
        time.sleep(NAP)
        late.value = max(late.value, 1000 * (time.perf_counter() - begun - NAP))
