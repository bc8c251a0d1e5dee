"""Script calls over kept connections: whatever happens to one, each call has its own answer."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from runhook.worker.errors import StoreUnavailable
from runhook.worker.store import Clock, Scripts, connect
from runhook.worker.store.connection import reaching
from runhook.worker.store.embedded import EmbeddedServer

LINE = "runhook:line:"


@pytest.fixture
def scripts(server: EmbeddedServer, raw: Any) -> Iterator[Scripts]:
    """Those of a web process, which tries nothing twice; job_<n> is the last of n in line_<n>."""
    for number in range(5):
        line, tenant = f"line_{number}", f"tenant-{number}"
        raw.zadd(f"{LINE}{line}", {f"job_{other}": other for other in range(number + 1)})
        rows = [f"{tenant} {other:015} job_{other}" for other in range(number + 1)]
        raw.zadd(f"runhook:standing:{line}", dict.fromkeys(rows, 0))
        raw.hset(f"runhook:job:job_{number}", "tenant", tenant)
        raw.sadd("runhook:lines", line)
    client = connect(server.url, "door")
    yield Scripts(client, Clock(), {}, None)
    client.connection_pool.disconnect()  # type: ignore[attr-defined]
    raw.flushall()


def _place(scripts: Scripts, number: int) -> int:
    return int(scripts.run("position", f"job_{number}", f"line_{number}")[0])


def test_a_connection_that_the_server_closed_meanwhile_costs_no_call(
    scripts: Scripts, raw: Any
) -> None:
    assert _place(scripts, 0) == 1
    raw.client_kill_filter(_type="normal", skipme=True)
    assert _place(scripts, 1) == 2


def test_a_script_that_the_server_forgot_is_loaded_again(scripts: Scripts, raw: Any) -> None:
    assert _place(scripts, 0) == 1
    raw.script_flush()
    assert scripts.each("position", [("job_1", "line_1"), ("job_2", "line_2")]) == [
        [2, 0, 0, 0],
        [3, 0, 0, 0],
    ]


def test_of_many_calls_together_one_that_goes_wrong_is_the_only_one(
    scripts: Scripts, raw: Any
) -> None:
    raw.set(f"{LINE}wrong", "no line")
    many = [("job_1", "line_1"), ("job_1", "wrong"), ("job_3", "line_3")]
    first, wrong, third = scripts.each("position", many)
    raw.delete(f"{LINE}wrong")
    assert (first, third) == ([2, 0, 0, 0], [4, 0, 0, 0])
    assert isinstance(wrong, Exception)


def test_an_answer_that_came_too_late_is_nobody_elses(scripts: Scripts, raw: Any) -> None:
    assert _place(scripts, 0) == 1
    raw.client_pause(2000)
    with pytest.raises(StoreUnavailable):
        _place(scripts, 1)
    raw.client_unpause()
    assert [_place(scripts, number) for number in range(5)] == [1, 2, 3, 4, 5]


def test_a_process_and_one_forked_from_it_hear_their_own_answers(scripts: Scripts) -> None:
    assert _place(scripts, 0) == 1
    child = os.fork()
    number = 3
    if not child:
        number = 2
    right = all(_place(scripts, number) == number + 1 for _ in range(200))
    if not child:
        os._exit(int(not right))
    assert (right, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])) == (True, 0)


def test_a_refusal_in_a_pipeline_is_one_to_wait_for_and_its_command_is_kept_out(
    server: EmbeddedServer, raw: Any
) -> None:
    pipe = connect(server.url, "door").pipeline(transaction=False)
    pipe.set("runhook:a", "secret")
    raw.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(StoreUnavailable, match="NOREPLICAS") as refused, reaching():
            pipe.execute()
    finally:
        raw.config_set("min-replicas-to-write", 0)
    assert "secret" not in str(refused.value)
