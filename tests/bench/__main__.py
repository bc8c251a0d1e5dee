"""The command: measure the rows that are asked for, print them, and write docs/benchmarks.md."""

import argparse
import sys
from datetime import UTC, datetime

from tests.bench import machine
from tests.bench.figures import Finding
from tests.bench.plan import Plan
from tests.bench.rows import begun, callback, idle, job, known, recovery, start, workers
from tests.bench.tables import text

ROWS = {row.NAME: row for row in (job, callback, begun, known, idle, recovery, workers, start)}


def main() -> int:
    """Measure."""
    given = _asked()
    plan = Plan(
        rounds=given.rounds,
        bursts=given.burst,
        kept=given.kept,
        running=given.running,
        lost=given.lost,
        workers=given.workers,
    )
    for fact in machine.described():
        print(fact)
    findings: list[Finding] = []
    for name in given.only or ROWS:
        for finding in ROWS[name].run(plan):
            finding.at = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
            finding.revision = machine.revision()
            findings.append(finding)
            print(text(finding), flush=True)
    return 0


def _asked() -> argparse.Namespace:
    rows = [f"  {row.NAME:<10} {row.WHAT}" for row in ROWS.values()]
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        epilog="\n".join(["rows:", *rows]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW")
    parser.add_argument("--rounds", type=int, default=3, help="of each system, interleaved")
    parser.add_argument("--burst", type=int, nargs="+", default=[300], help="jobs at once")
    parser.add_argument("--kept", type=int, nargs="+", default=[1000, 100_000])
    parser.add_argument("--running", type=int, default=10_000)
    parser.add_argument("--lost", type=int, default=500)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
