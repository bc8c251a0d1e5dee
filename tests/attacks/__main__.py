"""The command: every group, a line for each breach, a table; 1 on any breach."""

import argparse
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from runhook.worker.cli.processes import COMMANDS, Fleet, free_port, wait_until_ready
from tests.attacks import (
    access,
    addresses,
    answers,
    callbacks,
    canaries,
    media,
    smuggling,
    terminals,
    waiting,
    words,
)
from tests.attacks.ground import (
    API_KEY,
    READER,
    SECRET,
    STALL,
    TOKEN,
    Genuine,
    Ground,
    Outcome,
    Try,
)
from tests.journeys.conftest import a_town

# In this order: the canaries are looked for in what all others have left behind.
GROUPS: dict[str, ModuleType] = {
    "callbacks": callbacks,
    "access": access,
    "addresses": addresses,
    "smuggling": smuggling,
    "waiting": waiting,
    "answers": answers,
    "media": media,
    "words": words,
    "terminals": terminals,
    "canaries": canaries,
}


@dataclass
class Row:
    """What came of a group."""

    group: str
    tried: int = 0
    breaches: list[str] = field(default_factory=list)
    genuine: int = 0
    waited: float = 0.0
    took: float = 0.0


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks")
    parser.add_argument("form", nargs="?", choices=["short", "whole"], default="whole")
    parser.add_argument("--only", default="", help="a group, or group/name of one try")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.form} form", flush=True)
    group, _, name = given.only.partition("/")
    with tempfile.TemporaryDirectory() as folder, _a_ground(Path(folder), given) as ground:
        rows = [_run(ground, g, name) for g in GROUPS if not group or g == group]
    print(f"\n{'group':<12}{'tried':>7}{'through':>9}{'callbacks':>11}{'waited at most':>16}")
    for row in rows:
        waited = f"{row.waited:.2f} s"
        through = len(row.breaches)
        print(f"{row.group:<12}{row.tried:>7}{through:>9}{row.genuine:>11}{waited:>16}")
    if not any(row.tried for row in rows):
        print(f"nothing goes by the name {given.only}")
        return 2
    return 1 if any(row.breaches for row in rows) else 0


def _run(ground: Ground, group: str, only: str) -> Row:
    """One group, while genuine callbacks come in."""
    row, begun = Row(group), time.monotonic()
    honest = ground.town.ended(ground.job("genuine")["id"])
    path = ground.callback_path(honest["id"])
    body = b'{"event":"TASK_END","taskId":"%s","eventData":"{}"}' % honest["ref"].encode()
    with Genuine(ground, path, body) as genuine:
        for one in GROUPS[group].tries(ground):
            if only in ("", one.name):
                _carry_out(row, ground, one)
    row.genuine, row.waited, row.took = genuine.sent, genuine.longest, time.monotonic() - begun
    for came in genuine.unanswered:
        row.breaches.append("genuine callback")
        print(f"BREACH {group}: a genuine callback was not taken meanwhile: {came}", flush=True)
    print(f"{group}: {row.tried} tried in {row.took:.0f} s", flush=True)
    return row


def _carry_out(row: Row, ground: Ground, one: Try) -> None:
    row.tried += 1
    try:
        outcome = one.carry_out()
    except Exception as error:  # noqa: BLE001 - no judgement is a breach, not the end
        outcome = Outcome(False, f"no judgement: {error!r}")
    if outcome.held:
        return
    row.breaches.append(one.name)
    again = f"--only {row.group}/{one.name} --seed {ground.seed}"
    again = f"short {again}" if ground.short else again
    print(
        f"BREACH {row.group}/{one.name}\n  sent: {one.sent[:300]!r}\n  came: {outcome.came[:400]}"
        f"\n  again: make attacks ATTACKS='{again}'",
        flush=True,
    )


@contextmanager
def _a_ground(folder: Path, given: argparse.Namespace) -> Iterator[Ground]:
    """The town, and a second web process with a token that refuses private addresses."""
    with a_town(
        folder,
        RUNHOOK_ALLOW_PRIVATE_URLS="true",
        RUNNINGHUB_API_KEY=API_KEY,
        RUNHOOK_SECRET=SECRET,
    ) as town:
        port = free_port()
        tokens = f"shop:{TOKEN},watch:{READER}:read,stall:{STALL}:submit"
        # Its rate limit would stop attacks before they meet anything.
        more = {"PORT": str(port), "RUNHOOK_API_TOKENS": tokens, "RUNHOOK_RATE_LIMIT": "0"}
        environ = {**town.environ, **more, "RUNHOOK_ALLOW_PRIVATE_URLS": "false"}
        guarded = Fleet(environ, folder, logs=folder / "logs" / "guarded")
        try:
            guarded.start("web", COMMANDS["web"])
            wrong = wait_until_ready(f"http://127.0.0.1:{port}/readyz", 40, guarded.tend)
            assert wrong is None, wrong
            yield Ground(town, f"http://127.0.0.1:{port}", given.seed, given.form == "short")
        finally:
            guarded.stop()


if __name__ == "__main__":
    sys.exit(main())
