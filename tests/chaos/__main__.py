"""The command: one run, its books on standard output, 1 on any breach."""

import argparse
import secrets
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.chaos.books import Books
from tests.chaos.plan import Plan
from tests.chaos.storm import ask_for_jobs, keep_alive, kill_processes
from tests.chaos.subscribers import Moody, calm_down, subscribe
from tests.journeys.conftest import a_town
from tests.receiver import a_receiver

LONGEST = 900.0  # seconds after the storm in which every job must have ended
STILL = 40.0  # seconds afterwards in which somebody might be told a second time


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--callbacks", choices=["mixed", "lost"], default="mixed")
    given = parser.parse_args()
    moody = Moody(given.seed)
    plan = Plan(given.seed, given.jobs, given.kills, given.callbacks == "lost")
    print(f"seed {plan.seed}: {plan.jobs} jobs, {plan.kills} kills, callbacks {given.callbacks}")
    with (
        tempfile.TemporaryDirectory() as folder,
        a_town(
            Path(folder),
            RUNHOOK_UNCONFIRMED_AFTER="60",
            RUNHOOK_JOB_TIMEOUT="120",
            RUNHOOK_ALLOW_PRIVATE_URLS="true",
        ) as town,
        a_receiver(moody),
    ):
        town.sandbox.faults(**plan.faults())
        subscription = subscribe(town, moody)
        ids: list[str] = []
        asking = threading.Thread(target=ask_for_jobs, args=(town, plan, Path(folder), ids))
        asking.start()
        kills = kill_processes(town, plan, asking)
        asking.join()
        keep_alive(town, ids, time.monotonic() + LONGEST)
        time.sleep(STILL)
        heard = calm_down(town, moody, subscription)
        books = Books.of(town, ids, kills)
    print(books.page())
    print(heard.page())
    found = {what: which for what, which in heard.breaches().items() if which}
    breaches = [*books.breaches(), *(f"{what}: {ids[:3]}" for what, ids in found.items())]
    for breach in breaches:
        print(f"BREACH: {breach}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
