"""What must be left when all is over: no slot taken, no duty, no wake-up, little memory; and
whatever is parked is named.
"""

import re
import time
from dataclasses import dataclass
from typing import Any

from runhook.worker.domain.lanes import LANES
from runhook.worker.flows.doctor import examine
from tests.journeys.conftest import Town
from tests.turns import wrong_turns

EMPTY = (
    "send",
    "intake",
    "fanout",
    "archive",
    "handlers",
    "subscribers",
)  # lanes whose work ends with the jobs
PATIENCE = 40.0  # seconds: a claim of the longest lease of them has run out by then
MOST_MEMORY, MOST_PER_JOB = 64 * 2**20, 256 * 2**10  # bytes; dirt of megabytes is cut to size
JOB = re.compile(r"job_[0-9A-Za-z]+")


@dataclass(frozen=True)
class Leftovers:
    """How Redis looks afterwards.

    Attributes:
        slots: How many jobs are counted as in flight or waiting, by state.
        due: Duties by lane.
        messages: Wake-ups by lane that nobody took.
        parked: Duties that failed too often.
        doctor: What doctor finds bad, and says.
        ledger: What doctor says of the two ledgers where they do not agree.
        turns: What is wrong about whose turn it is.
        alerted: Jobs that an alert names.
        memory: Bytes.
    """

    slots: dict[str, int]
    due: dict[str, int]
    messages: dict[str, int]
    parked: list[str]
    doctor: list[str]
    ledger: list[str]
    turns: list[str]
    alerted: set[str]
    memory: int

    @classmethod
    def of(cls, town: Town) -> "Leftovers":
        """Look until nothing is left, or long enough."""
        until = time.monotonic() + PATIENCE
        while True:
            found = cls._look(town)
            if time.monotonic() > until or not found.breaches(0):
                return found
            time.sleep(1)

    @classmethod
    def _look(cls, town: Town) -> "Leftovers":
        redis: Any = town.w.store.client
        line = town.w.store.queue.state()
        found = examine(town.w, town.environ)
        # Settings are read from this process's environment, which is not the town's.
        bad = [one for one in found if one.word == "bad" and one.what != "settings"]
        parked = [key for lane in LANES for key in redis.hkeys(f"runhook:parked:{lane}")]
        return cls(
            slots={
                "queued": line.length,
                "waiting": line.waiting,
                "sending": line.sending,
                "running": line.running,
                "unconfirmed": line.unconfirmed,
            },
            due={lane: int(redis.zcard(f"runhook:due:{lane}")) for lane in LANES},
            messages={lane: int(redis.llen(f"runhook:queue:{lane}")) for lane in LANES},
            parked=[name.decode() for name in parked],
            doctor=[f"{one.what}: {one.says}" for one in bad],
            ledger=[one.says for one in found if one.what == "ledger" and one.word != "good"],
            turns=wrong_turns(redis),
            alerted=_alerted(redis),
            memory=int(redis.info("memory")["used_memory"]),
        )

    def breaches(self, jobs: int) -> dict[str, list[str]]:
        """What must never be."""
        most = MOST_MEMORY + MOST_PER_JOB * jobs
        said = " ".join(self.doctor)
        return {
            "slots not given back": [f"{n} {state}" for state, n in self.slots.items() if n],
            "duties left": [f"{self.due[lane]} of {lane}" for lane in EMPTY if self.due[lane]],
            "wake-ups left": [f"{n} of {lane}" for lane, n in self.messages.items() if n],
            "parked and not named": [name for name in self.parked if name not in said],
            "ledgers that do not agree": self.ledger,
            "turns of what is not there": self.turns,
            "memory": [f"{self.memory} bytes"] if jobs and self.memory > most else [],
        }

    def page(self) -> str:
        """For people."""
        doctor = "; ".join(self.doctor) or "nothing bad"
        return (
            f"left: duties {self.due}, {len(self.parked)} parked, "
            f"{self.memory / 2**20:.1f} MiB of Redis\ndoctor: {doctor}"
        )


def _alerted(redis: Any) -> set[str]:
    """Jobs that are named by an alert, in whatever words."""
    named: set[str] = set()
    for _, fields in redis.xrange("runhook:events"):
        if fields.get(b"type") == b"runhook.alert":
            text = b" ".join(fields.values()).decode("utf-8", "replace")
            named.update(JOB.findall(text))
    return named
