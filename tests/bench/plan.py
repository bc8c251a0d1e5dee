"""What is to be measured, and how often."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

Turn = TypeVar("Turn")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """As the command line has it.

    Attributes:
        rounds: Of each system in each row.
        bursts: Sizes of bursts of jobs.
        kept: Numbers of jobs kept in Redis.
        running: Jobs that run while nothing happens.
        lost: Jobs whose callbacks are lost.
        workers: Numbers of worker processes.
        pool: Of the naive worker: `prefork`, Celery's default, or `threads`.
    """

    rounds: int
    bursts: Sequence[int]
    kept: Sequence[int]
    running: int
    lost: int
    workers: Sequence[int]
    pool: str

    def turn(self, systems: Sequence[Turn], number: int) -> Sequence[Turn]:
        """The systems in the order of a round; who is first changes."""
        first = number % len(systems)
        return [*systems[first:], *systems[:first]]

    def say(self, text: str) -> None:
        """Tell whoever waits what has been done."""
        sys.stderr.write(f"  {text}\n")
