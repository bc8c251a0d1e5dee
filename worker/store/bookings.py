"""What a job counts for in the ledger, as its record keeps it and as scripts write it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import orjson

from runhook.config.budgets import WHOLE, Budgets
from runhook.worker.domain.jobs import Attempt, Job
from runhook.worker.domain.metadata import labels_of
from runhook.worker.errors import OverBudget
from runhook.worker.money import ledger
from runhook.worker.money.amounts import millionths, of_millionths, with_cents
from runhook.worker.money.budgets import holds_of
from runhook.worker.store.claims import Held

ALL, OF = "all", "of:"  # fields of a day's budget: everybody's, and before a tenant's name
OTHERS = None  # in place of a row's metadata: that of those behind the most that a day parts


@dataclass(frozen=True)
class Books:
    """How jobs are counted here.

    Attributes:
        budgets: The most that a day may cost.
        currency: What the account pays in; None: RunningHub does not say.
        indexed: The keys of metadata that jobs are found and counted by.
    """

    budgets: Budgets
    currency: str | None
    indexed: tuple[str, ...]

    def made(self, job: Job) -> dict[str, Any]:
        """What a new job's script is told of money and metadata besides."""
        labels = self.labels(job)
        order = {
            "labels": labels.decode(),
            "want": self.want(job, job.attempt, {}),
            "ledger": self.order(job, b"", labels),
        }
        return {name: value for name, value in order.items() if value}

    def changed(self, held: Held, job: Job) -> dict[str, Any]:
        """What the script that changes a job is told of money besides."""
        newest = job.history.attempts[-1]
        found = {"ledger": self.order(job, held.booked, held.labels)}
        if _held(newest) > _held(held.job.nth(newest.n)):
            found["want"] = self.want(job, newest, opened(held.booked)[1])
        return {name: value for name, value in found.items() if value}

    def order(self, job: Job, booked: bytes, labels: bytes) -> dict[str, Any] | None:
        """What to change so that the ledger counts a job as it is; None: nothing.

        Args:
            job: As it is to be.
            booked: What it was counted for, as it lies beside its record.
            labels: The metadata that it is found by, as it lies there.
        """
        old_lines, old_holds = opened(booked)
        lines, holds = ledger.lines_of(job, self.currency), holds_of(job)
        if lines == old_lines and holds == old_holds:
            return None
        names = partial(_names, job.tenant, found_by(labels))
        rows = [
            [day, *names(model, currency), _texts(counts)]
            for (day, model, currency), counts in ledger.difference(old_lines, lines).items()
        ]
        return {
            "booked": packed(lines, holds).decode(),
            "rows": rows,
            "holds": _differences(job.tenant, old_holds, holds),
        }

    def labels(self, job: Job) -> bytes:
        """The metadata that a new job is to be found by, as it lies beside its record."""
        found = labels_of(job.spec.metadata, self.indexed)
        if not found:
            return b""
        return orjson.dumps(found)

    def want(self, job: Job, attempt: Attempt, held: Mapping[str, int]) -> dict[str, Any] | None:
        """The room that a job must find in a day's budget; None: it needs none.

        Args:
            job: As it is to be.
            attempt: Of it, one that is new or of which more is to be held.
            held: What the job holds by day, in millionths. What the same change gives back is room
                for the new attempt.
        """
        limits, day = self.budgets.limits(job.tenant), attempt.held_on
        if not limits or day is None:
            return None
        more = holds_of(job)[day] - held.get(day, 0)
        if more <= 0:
            return None
        return {
            "day": day,
            "amount": more,
            "budgets": [[field_of(name), millionths(most)] for name, most in limits.items()],
        }

    def broke(self, attempt: Attempt, said: str) -> OverBudget:
        """What to tell of a budget that a script found without room."""
        field, _, left = said.partition(" ")
        tenant = None
        if field != ALL:
            tenant = field.removeprefix(OF)
        return OverBudget(
            tenant=tenant,
            limit=with_cents(self.budgets.of[tenant or WHOLE]),
            left=of_millionths(max(0, int(left))),
            needs=with_cents(Decimal(attempt.held or 0)),
            day=date.fromisoformat(attempt.held_on or ""),
        )


def _held(attempt: Attempt | None) -> int:
    """What an attempt asked its budget for, in millionths."""
    if attempt is None or attempt.held is None:
        return 0
    return millionths(Decimal(attempt.held))


def field_of(tenant: str) -> str:
    """The field of a day's budget that counts what a tenant holds, or everybody."""
    if tenant == WHOLE:
        return ALL
    return f"{OF}{tenant}"


def packed(lines: Sequence[ledger.Line], holds: dict[str, int]) -> bytes:
    """What a job counts for, as it lies beside its record."""
    members: dict[str, Any] = {"lines": ledger.packed(lines)}
    if holds:
        members["holds"] = holds
    return orjson.dumps(members)


def opened(booked: bytes) -> tuple[list[ledger.Line], dict[str, int]]:
    """What a job counts for, lines and holds, as it lies beside its record."""
    if not booked:
        return [], {}
    held = orjson.loads(booked)
    return ledger.unpacked(held["lines"]), held.get("holds", {})


def booked_by(order: Mapping[str, Any], held: Held) -> bytes:
    """What a job counts for once an order was carried out."""
    if "ledger" not in order:
        return held.booked
    booked: str = order["ledger"]["booked"]
    return booked.encode()


def found_by(labels: bytes) -> list[list[str]]:
    """The metadata that a job is found by, as it lies beside its record: keys and values."""
    if not labels:
        return []
    found: list[list[str]] = orjson.loads(labels)
    return found


def _names(
    tenant: str, labels: Sequence[Sequence[str]], model: str, currency: str | None
) -> tuple[str, str]:
    """A row's name, and that of the row it is counted in once its day has too many of its kind."""
    parts = [tenant, model, currency]
    if not labels:
        return _text([*parts, []]), ""
    return _text([*parts, labels]), _text([*parts, OTHERS])


def _text(parts: Sequence[object]) -> str:
    return orjson.dumps(parts).decode()


def _texts(counts: dict[str, int]) -> dict[str, str]:
    """As text: a number would be a double in a script."""
    return {name: str(count) for name, count in counts.items()}


def _differences(tenant: str, old: dict[str, int], new: dict[str, int]) -> list[list[str]]:
    found = []
    for day in sorted(old.keys() | new.keys()):
        count = new.get(day, 0) - old.get(day, 0)
        if count:
            found += [[day, field, str(count)] for field in (ALL, f"{OF}{tenant}")]
    return found
