"""Threads that ask for the same thing at the same time share one round trip."""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from runhook.worker.errors import StoreUnavailable

Wanted = TypeVar("Wanted")
Answer = TypeVar("Answer")


class _Asked(Generic[Wanted, Answer]):
    """What one thread wants, and once there is one its answer."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.answer: Answer | Exception | None = None
        self.called = threading.Event()  # there is an answer, or it is its turn to ask


class Together(Generic[Wanted, Answer]):
    """Who asks while another one's round trip is under way is in the next, with all others."""

    def __init__(self, ask: Callable[[Sequence[Wanted]], Sequence[Answer | Exception]]) -> None:
        """Args:
        ask: Asks for all of these; each answer, none of which is None, or what went wrong with it.
        """
        self._ask = ask
        self._waiting: list[_Asked[Wanted, Answer]] = []
        self._lock = threading.Lock()
        self._under_way = False

    def one(self, wanted: Wanted) -> Answer:
        """The answer; raises what went wrong with it, or with all."""
        mine: _Asked[Wanted, Answer] = _Asked(wanted)
        with self._lock:
            self._waiting.append(mine)
            waits, self._under_way = self._under_way, True
        if waits:
            mine.called.wait()
        if mine.answer is None:
            self._ask_for_all()
        if isinstance(mine.answer, Exception):
            raise mine.answer
        assert mine.answer is not None
        return mine.answer

    def _ask_for_all(self) -> None:
        with self._lock:
            asked, self._waiting = self._waiting, []
        answers: Sequence[Answer | Exception]
        answers = [StoreUnavailable("the thread that asked was ended")] * len(asked)
        try:
            answers = self._ask([one.wanted for one in asked])
        except Exception as error:  # noqa: BLE001 - it is everybody's
            answers = [error] * len(asked)
        finally:
            for one, answer in zip(asked, answers, strict=True):
                one.answer = answer
            with self._lock:
                self._under_way = bool(self._waiting)
                next_one = self._waiting[:1]
            for one in [*asked, *next_one]:
                one.called.set()
