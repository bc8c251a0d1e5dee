"""The command: one run, its books on standard output, 1 on any breach."""

import argparse
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.books import Books
from tests.chaos.kinds import KINDS
from tests.chaos.plan import Plan
from tests.chaos.storm import Storm
from tests.chaos.subscribers import Audience, SubscriberBook, an_audience
from tests.chaos.trees import Trees
from tests.journeys.conftest import Town, a_town
from tests.journeys.proxies import Forgetful, proxy

# Seconds after the storm in which every job must have ended: what a job needs may fail for 21
# minutes before it ends, and thousands in the queue take as long.
LONGEST = 1500.0
STILL = 40.0  # seconds afterwards in which somebody might be told a second time
ROOT = Path(__file__).parents[2]


def main() -> int:
    """Run it."""
    plan, patience = _asked()
    print(
        f"seed {plan.seed}: {plan.jobs} jobs, {plan.kills} kills, {', '.join(sorted(plan.kinds))}"
    )
    replies = Forgetful(plan.seed)
    with (
        tempfile.TemporaryDirectory() as folder,
        _a_town(Path(folder), plan, replies) as town,
        an_audience(town, plan) as audience,
    ):
        storm = Storm(town, plan, Path(folder), trees=Trees(plan.seed))
        heard = _weather(storm, audience, replies, patience)
        books = Books.of(storm)
    print(books.page())
    print(heard.page())
    print(f"replies of Redis lost: {replies.lost}")
    found = {what: which for what, which in heard.breaches().items() if which}
    lines = [f"{what}: {len(which)}, {which[:3]}" for what, which in found.items()]
    breaches = [*books.breaches(), *lines]
    for breach in breaches:
        print(f"BREACH: {breach}")
    return 1 if breaches else 0


def _asked() -> tuple[Plan, float]:
    rows = [f"  {kind:<10} {words}" for kind, words in KINDS.items()]
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        epilog="\n".join(["kinds of trouble beside kills:", *rows]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--pipelines", type=int, default=0, help="chains of three jobs besides")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--callbacks", choices=["mixed", "lost"], default="mixed")
    parser.add_argument("--without", action="append", choices=KINDS, default=[])
    parser.add_argument("--only", action="append", choices=KINDS, default=[])
    parser.add_argument("--patience", type=float, default=LONGEST, help="seconds for all to end")
    given = parser.parse_args()
    kinds = frozenset(given.only or KINDS) - frozenset(given.without)
    deaf = given.callbacks == "lost"
    plan = Plan(given.seed, given.jobs, given.kills, deaf, kinds, given.pipelines)
    return plan, given.patience


@contextmanager
def _a_town(folder: Path, plan: Plan, replies: Forgetful) -> Iterator[Town]:
    """All processes, behind a proxy that loses replies of Redis when it is told to."""
    redis = folder / "redis.s"
    with (
        proxy(replies, str(redis), folder) as path,
        a_town(
            folder,
            listens=redis,
            REDIS_URL=f"unix://{path}",
            PYTHONPATH=f"{folder}:{ROOT}",
            KINDS=",".join(plan.kinds),
            RUNHOOK_HANDLERS="town_handlers,tests.chaos.handlers",
            RUNHOOK_UNCONFIRMED_AFTER="30",
            RUNHOOK_JOB_TIMEOUT="45",
            RUNHOOK_ALLOW_PRIVATE_URLS="true",
        ) as town,
    ):
        yield town


def _weather(
    storm: Storm, audience: Audience, replies: Forgetful, patience: float
) -> SubscriberBook:
    """The storm, the calm after it, and what was heard."""
    storm.prepare()
    audience.subscribe()
    lost = storm.plan.lost_replies()
    replies.scripts, replies.others = lost["scripts"], lost["others"]
    begun = time.monotonic()
    asking = threading.Thread(target=storm.ask_for_jobs)
    asking.start()
    storm.strike(asking)
    asking.join()
    storm.ask_again()
    over = time.monotonic()
    storm.keep_alive(over + patience)
    replies.scripts = replies.others = 0.0
    ended = time.monotonic()
    print(
        f"the storm took {over - begun:.0f} s, all ended {ended - over:.0f} s after it", flush=True
    )
    waited = audience.wait_for_the_good(storm.ended())
    audience.let_go_of_hanging()
    audience.calm_down()
    time.sleep(max(0.0, ended + STILL - time.monotonic()))
    return audience.book(waited, storm.backs)


if __name__ == "__main__":
    sys.exit(main())
