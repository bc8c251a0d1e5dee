"""An idempotency key is known again, whoever left its row, and its row tells nobody what it was."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from runhook.worker.domain.jobs import new_id
from runhook.worker.errors import Conflict
from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from runhook.worker.secrets.idempotency import traces
from tests.conftest import IMAGE, SECRET, Build, House

OLD, NEW = "o" * 32, "n" * 32
KEY, ASKED = "order-7", JobRequest(model=IMAGE, input={"prompt": "a cat"})
ANOTHER = JobRequest(model=IMAGE, input={"prompt": "a dog"})


def _plain_name(owner: str = "local") -> str:
    """Where the release before looked and wrote."""
    return "runhook:idempotency:" + hashlib.sha256(f"{owner}\n{KEY}".encode()).hexdigest()


def _plain_body() -> str:
    """How the release before knew a request again."""
    return hashlib.sha256(create.canonical(dict(vars(ASKED)))).hexdigest()


def _asked(house: House, asked: JobRequest = ASKED) -> tuple[bool, str]:
    new, job = create.request(house.w, asked, key=KEY)
    return new, job.id


def test_a_row_is_an_hmac_and_says_of_no_request_that_it_is_another_keys(build: Build) -> None:
    house = build(RUNHOOK_SECRET=NEW)
    _asked(house)
    create.request(house.w, ASKED, key="order-8")
    rows = {name: house.raw.get(name) for name in house.raw.keys("runhook:idempotency:*")}
    kept = b" ".join([*rows, *rows.values()])
    assert KEY.encode() not in kept
    assert _plain_body().encode() not in kept
    said = [row.split()[0] for row in rows.values() if not row.startswith(b"-")]
    assert len(said) == len(set(said)) == 2
    assert house.raw.ttl(_plain_name()) <= 86400, "a plain name lasts no longer than a deploy"


@pytest.mark.parametrize(
    ("first", "then"), [(OLD, f"{NEW},{OLD}"), (f"{NEW},{OLD}", OLD), (f"{NEW},{OLD}", NEW)]
)
def test_a_key_is_known_again_through_each_step_of_a_rotation(
    build: Build, raw: Any, first: str, then: str
) -> None:
    """Processes of before and behind a step work side by side, in either order."""
    made = _asked(build(RUNHOOK_SECRET=first))[1]
    raw.delete(_plain_name())  # a day later
    later = build(RUNHOOK_SECRET=then)
    assert _asked(later) == (False, made)
    with pytest.raises(Conflict):
        _asked(later, ANOTHER)


def test_a_row_of_the_release_before_is_known_again(house: House) -> None:
    made = house.ask().id
    house.raw.set(_plain_name(), f"{_plain_body()} {made}", ex=60)
    assert _asked(house) == (False, made)
    with pytest.raises(Conflict, match=made):
        _asked(house, ANOTHER)


def test_a_row_of_the_release_before_that_told_1_and_1_0_apart_is_known_again(house: House) -> None:
    asked = JobRequest(model=IMAGE, input={"prompt": "a cat"}, metadata={"order": 1.0})
    named = create.canonical(dict(vars(asked))).replace(b'"order":1', b'"order":1.0')
    made = house.ask().id
    house.raw.set(_plain_name(), f"{hashlib.sha256(named).hexdigest()} {made}", ex=60)
    assert _asked(house, asked) == (False, made)


def test_of_twins_with_rows_of_two_releases_one_is_made(house: House) -> None:
    """Neither saw the other's row when it looked; the script that writes decides."""
    made = house.ask()
    house.raw.set(_plain_name(), f"{_plain_body()} {made.id}", ex=60)
    body = create.canonical(dict(vars(ASKED)))
    known_by = traces((SECRET,), "local", KEY, body, body)
    twin = replace(made, id=new_id("job"))
    assert house.w.store.jobs.create(twin, "local", known_by)[:2] == ("same", made.id)
    assert house.standing("queued") == 1


def test_the_release_before_finds_the_key_used_and_makes_nothing(house: House) -> None:
    made = _asked(house)[1]
    body, _, job = house.raw.get(_plain_name()).decode().partition(" ")
    assert (body == _plain_body(), job) == (False, made), "409, naming the job"


def test_a_key_known_under_a_secret_that_is_gone_is_not_called_another_request(
    build: Build,
) -> None:
    _, job = create.request(build(RUNHOOK_SECRET=OLD).w, ASKED, key=KEY)
    with pytest.raises(Conflict, match=f"{job.id} under a secret that is not in RUNHOOK_SECRET"):
        create.request(build(RUNHOOK_SECRET=NEW).w, ASKED, key=KEY)


def _let_pass(house: House, days: float) -> None:
    """Redis has a clock of its own, so rows are brought as much nearer to their end."""
    for name in house.raw.keys("runhook:idempotency:*"):
        house.raw.pexpire(name, round(house.raw.pttl(name) - days * 86_400_000))
    house.clock.advance(days * 86400)
    house.w.store.duties.wake("reconcile", "sweep")
    house.settle()


def test_a_key_is_known_as_long_as_its_job_has_not_ended(house: House) -> None:
    house.w.store.queue.pause(True)
    _, job = create.request(house.w, ASKED, key=KEY)
    for _ in range(5):
        _let_pass(house, days=14)
    assert _asked(house) == (False, job.id)
    house.w.store.queue.pause(False)
    house.until(job, "succeeded")
    _let_pass(house, days=20)
    assert _asked(house) == (False, job.id)
    _let_pass(house, days=14)
    assert not house.raw.keys("runhook:idempotency:*")
