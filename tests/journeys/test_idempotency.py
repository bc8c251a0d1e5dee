"""Idempotency keys through the real processes: one key, one job, one payment."""

import json
from pathlib import Path

from tests.conftest import IMAGE
from tests.journeys.conftest import Town, a_town
from tests.journeys.pairs import Pairs, one_job_each, spelt

SHOP, OTHER = "token-Of-the-shop-2c94e7", "token-Of-the-other-8d31a0"
PAIRS = 60  # a thousand: python -m tests.journeys.pairs 1000


def test_of_twins_that_come_at_one_moment_one_job_is_made_and_paid(town: Town) -> None:
    before = town.sandbox.accepted()
    pairs = Pairs(town).ask(PAIRS)
    assert one_job_each(pairs), pairs
    for pair in pairs:
        town.ended(pair[0][1]["id"], 60)
    assert town.sandbox.accepted() == before + PAIRS


def test_another_body_under_a_key_is_refused_and_a_refused_one_leaves_it_free(town: Town) -> None:
    ask = Pairs(town).post
    wrong = json.dumps({"model": IMAGE, "input": {}}).encode()
    first, second = spelt(1)
    assert ask("k", wrong)[0] == 422
    status, made = ask("k", first)
    assert status == 202
    assert [ask("k", body)[0] for body in (second, spelt(2)[0], wrong)] == [200, 409, 409]
    assert ask("k", second)[1]["id"] == made["id"]


def test_the_same_key_of_two_tokens_is_two_jobs(tmp_path: Path) -> None:
    tokens = f"shop:{SHOP}:submit,other:{OTHER}:submit"
    with a_town(tmp_path, RUNHOOK_API_TOKENS=tokens) as town:
        ask, body = Pairs(town).post, spelt(1)[0]
        made = [ask("k", body, token) for token in (SHOP, OTHER, SHOP)]
    assert [status for status, _ in made] == [202, 202, 200]
    ids = [job["id"] for _, job in made]
    assert (ids[0] == ids[2], ids[0] == ids[1]) == (True, False)
