"""The plan of chaos: every kind in every run, all from the seed, and none that was left out."""

import pytest

from runhook.worker.runninghub.sandbox.faults import Faults
from tests.chaos.kinds import KINDS, TROUBLES, prompt_in, trouble_in
from tests.chaos.plan import PICTURES, Plan

FILES = {trouble.file: f"asset-{trouble.file}" for trouble in TROUBLES.values() if trouble.file}


def _plan(seed: int = 1, kinds: frozenset[str] = frozenset(KINDS)) -> Plan:
    return Plan(seed, 300, 25, deaf=False, kinds=kinds)


def _met(plan: Plan) -> set[str]:
    return {plan.trouble(number) for number in range(plan.jobs)} - {""}


def test_a_run_of_the_usual_size_meets_every_trouble_that_there_is() -> None:
    assert _met(_plan()) == set(TROUBLES)
    assert {victim for _, victim in _plan().blows()} >= {"key", "backwards", "worker"}


def test_one_seed_is_one_plan() -> None:
    first, again, other = _plan(1), _plan(1), _plan(2)
    assert list(first.bodies(["a"], FILES)) == list(again.bodies(["a"], FILES))
    assert list(first.blows()) == list(again.blows())
    assert first.faults(FILES) == again.faults(FILES)
    assert list(first.blows()) != list(other.blows())


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_is_left_out_is_not_met(kind: str) -> None:
    plan = _plan(kinds=frozenset(KINDS) - {kind})
    assert not {TROUBLES[name].kind for name in _met(plan)} & {kind}
    blows = {victim for _, victim in plan.blows()}
    assert ("backwards" in blows) == (kind != "backwards")
    assert ("key" in blows) == (kind != "refusals")
    assert bool(plan.lost_replies()["scripts"]) == (kind != "replies")


def test_the_sandbox_takes_every_fault_of_a_plan() -> None:
    faults = Faults(_plan().faults(FILES))
    for body in _plan().bodies(["a"], FILES):
        prompt = prompt_in(body["input"])
        if trouble := trouble_in(prompt):
            assert set(trouble.faults) <= set(faults.choose(prompt).values)


def test_only_pictures_name_another_model_of_pictures() -> None:
    bodies = list(Plan(5, 5_000, 0, deaf=False, kinds=frozenset(KINDS)).bodies(["a"], FILES))
    with_another = [body["model"] for body in bodies if "fallback" in body["options"]]
    assert set(with_another) == {PICTURES}
