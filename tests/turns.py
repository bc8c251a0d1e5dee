"""What Redis knows of turns, against what makes it right: the lines, and the lists of states."""

from typing import Any

STEP, HELD_BACK = 10**13, 10**14


def wrong_turns(raw: Any) -> list[str]:
    """What is not as it should be, in words; mostly nothing."""
    found = [fault for line in sorted(_lines(raw)) for fault in _wrong_in(raw, line)]
    flying = {
        *raw.zrange("runhook:jobs:state:sending", 0, -1),
        *raw.zrange("runhook:jobs:state:running", 0, -1),
        *raw.smembers("runhook:holding"),
    }
    said = raw.zrange("runhook:flight", 0, -1)
    expected = sorted(f"{_tenant(raw, job)} {job.decode()}".encode() for job in flying)
    if sorted(said) != expected:
        found.append(f"in flight are {expected}, not {said}")
    return found


def _lines(raw: Any) -> set[str]:
    kinds = ("line", "standing", "ring")
    return {
        key.decode().split(":", 2)[2] for kind in kinds for key in raw.keys(f"runhook:{kind}:*")
    }


def _wrong_in(raw: Any, line: str) -> list[str]:
    found, first = [], dict[str, float]()
    rows = []
    for job, score in raw.zrange(f"runhook:line:{line}", 0, -1, withscores=True):
        tenant = _tenant(raw, job)
        rows.append(f"{tenant} {score:015.0f} {job.decode()}".encode())
        first.setdefault(tenant, score // STEP)
    said = raw.zrange(f"runhook:standing:{line}", 0, -1)
    if sorted(rows) != sorted(said):
        found.append(f"in {line} stand {rows}, not {said}")
    ring = {
        tenant.decode(): score % HELD_BACK // STEP
        for tenant, score in raw.zrange(f"runhook:ring:{line}", 0, -1, withscores=True)
    }
    if ring != first:
        found.append(f"in the ring of {line} are {first}, not {ring}")
    return found


def _tenant(raw: Any, job: bytes) -> str:
    return (raw.hget(f"runhook:job:{job.decode()}", "tenant") or b"").decode()
