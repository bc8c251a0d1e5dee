"""The gate: so many at once, first come, first served."""

import threading
from typing import Any

from tests.conftest import eventually
from webhook.gate import Gate


def test_no_more_than_its_places_are_in_and_who_waits_is_let_in_by_turn() -> None:
    inside: list[str] = []
    entered: list[str] = []
    doors = {name: threading.Event() for name in "abcd"}

    def app(environ: Any, _: Any) -> list[bytes]:
        name = environ["name"]
        entered.append(name)
        inside.append(name)
        doors[name].wait(10)
        inside.remove(name)
        return []

    gate = Gate(app, 2)
    threads = []
    for count, name in enumerate("abcd", start=1):
        threads.append(threading.Thread(target=gate, args=({"name": name}, None)))
        threads[-1].start()
        eventually(lambda: len(entered) + len(gate._waiting) == count)  # noqa: B023
    assert inside == ["a", "b"]
    doors["b"].set()
    eventually(lambda: inside == ["a", "c"])
    doors["a"].set()
    eventually(lambda: inside == ["c", "d"])
    for door in doors.values():
        door.set()
    for thread in threads:
        thread.join(10)
    assert entered == ["a", "b", "c", "d"]


def test_a_request_that_fails_gives_its_place_back() -> None:
    def app(*_: Any) -> list[bytes]:
        raise ValueError

    gate = Gate(app, 1)
    for _ in range(3):
        try:
            gate({}, None)
        except ValueError:
            continue
    assert gate._free == 1
