"""The command: measure the rows that are asked for, print them, and write docs/benchmarks.md."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from tests.bench import machine, page
from tests.bench.figures import Finding
from tests.bench.plan import Plan
from tests.bench.rows import (
    begun,
    callback,
    flat,
    idle,
    job,
    known,
    pages,
    recovery,
    start,
    told,
    viewers,
    workers,
)
from tests.bench.tables import text

ROWS = {
    row.NAME: row
    for row in (
        job,
        callback,
        begun,
        known,
        idle,
        flat,
        pages,
        viewers,
        recovery,
        workers,
        told,
        start,
    )
}
# Without --only and --all; all of them take ten minutes on two cores.
USUAL = (job.NAME, callback.NAME, begun.NAME, known.NAME, idle.NAME, flat.NAME, start.NAME)


def main() -> int:
    """Measure."""
    given = _asked()
    rows = given.only or (ROWS if given.all else USUAL)
    facts = machine.described()
    print(*facts, sep="\n")
    findings = []
    for finding in _measured(rows, _plan(given)):
        findings.append(finding)
        print(text(finding), flush=True)
    if given.write or not given.only:
        page.keep(findings, facts)
        print(f"\nwritten: {page.PAGE.name}, {page.PICTURE.name}")
    return 0


def _measured(rows: Iterable[str], plan: Plan) -> Iterator[Finding]:
    for row in rows:
        load = os.getloadavg()[0]  # of others, and of the row before
        for finding in ROWS[row].run(plan):
            finding.at = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, begun at a load of {load:.1f},"
            finding.revision = machine.revision()
            yield finding


def _plan(given: argparse.Namespace) -> Plan:
    bursts, kept, lost = [300], [1000, 20_000], 300
    if given.all:
        bursts, kept, lost = [300, 1200], [1000, 100_000], 2000
    return Plan(
        rounds=given.rounds,
        bursts=given.burst or bursts,
        kept=given.kept or kept,
        running=given.running,
        lost=given.lost or lost,
        workers=given.workers,
        pool=given.pool,
    )


def _asked() -> argparse.Namespace:
    rows = [f"  {row.NAME:<10} {row.WHAT}" for row in ROWS.values()]
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        epilog="\n".join(["rows:", *rows]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW", help="and only printed")
    parser.add_argument("--write", action="store_true", help="into the page, with --only too")
    parser.add_argument("--all", action="store_true", help="every row, at its full size")
    parser.add_argument("--rounds", type=int, default=3, help="of each system, interleaved")
    parser.add_argument("--burst", type=int, nargs="+", help="jobs at once")
    parser.add_argument("--kept", type=int, nargs="+", help="ended jobs in Redis: 1000 1000000")
    parser.add_argument("--running", type=int, default=10_000, help="jobs that run while idle")
    parser.add_argument("--lost", type=int, help="jobs whose callbacks are lost")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--pool", choices=("prefork", "threads"), default="prefork", help="naive's")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
