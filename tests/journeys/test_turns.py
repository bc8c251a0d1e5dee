"""Two tenants and one queue through the real processes: turns, and never two of one in flight."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town, a_town

MANY, FEW = 30, 2
SLOTS = 3
LONG = {"fault": "slow", "value": 0.4}  # seconds more of each task, so that all wait for others


def _ask(town: Town, tenant: str, count: int) -> list[str]:
    body = {"model": IMAGE, "tenant": tenant}
    return [
        str(town.post(body | {"input": {"prompt": f"{tenant} {number}"}})["id"])
        for number in range(count)
    ]


def _tasks(town: Town) -> list[Any]:
    return list(town.sandbox.books()["tasks"])


def _owner(task: Any) -> str:
    return str(task["prompt"]).split()[0]


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Town]:
    """Three slots, and no limit of one tenant."""
    with a_town(tmp_path, RUNHOOK_CONCURRENCY=str(SLOTS)) as town:
        town.sandbox.faults(LONG)
        yield town


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Town]:
    """Three slots, of which one tenant has one at most."""
    slots = str(SLOTS)
    with a_town(tmp_path, RUNHOOK_CONCURRENCY=slots, RUNHOOK_TENANT_CONCURRENCY="1") as town:
        town.sandbox.faults(LONG)
        yield town


def test_who_asks_for_two_is_served_before_another_ones_thirty_are(shared: Town) -> None:
    many = _ask(shared, "a", MANY)
    eventually(lambda: _tasks(shared))
    few = _ask(shared, "b", FEW)
    begun = len(_tasks(shared))
    for job_id in few:
        assert shared.ended(job_id)["state"] == "succeeded"
    order = [_owner(task) for task in _tasks(shared)][begun:]
    ahead = order[: [i for i, owner in enumerate(order) if owner == "b"][-1]]
    # By turns: no more of the other's go before either of its two than slots were taken, and one.
    assert Counter(ahead)["a"] <= SLOTS + FEW, order
    for job_id in many:
        assert shared.ended(job_id, 90)["state"] == "succeeded"
    assert len(_tasks(shared)) == MANY + FEW, "each was paid once"


def test_a_tenant_never_has_more_in_flight_than_it_may(limited: Town) -> None:
    asked = [*_ask(limited, "a", 6), *_ask(limited, "b", 3), *_ask(limited, "c", 3)]
    seen: Counter[str] = Counter()

    def all_ended() -> bool:
        for one in limited.get("/v1/queue")["by_tenant"]:
            seen[one["tenant"]] = max(seen[one["tenant"]], one["in_flight"])
        return all(limited.get(f"/v1/jobs/{job_id}")["state"] == "succeeded" for job_id in asked)

    eventually(all_ended, 90)
    assert set(seen.values()) == {1}
    tasks = _tasks(limited)
    assert len(tasks) == len(asked), "each was paid once"
    for tenant in "abc":
        spans = sorted((one["bornAt"], one["endsAt"]) for one in tasks if _owner(one) == tenant)
        for (_, ended), (born, _) in pairwise(spans):
            assert born >= ended, f"two of {tenant} ran at once: {spans}"
    spans = sorted((one["bornAt"], one["endsAt"]) for one in tasks)
    overlap = [born < ended for (_, ended), (born, _) in pairwise(spans)]
    assert any(overlap), "the other slots were not used"
