"""Jobs in lists: the newest that fit a filter, all of a state, and the lists made right again.

A job stands in three lists of its state: everybody's, those of its model, and its tenant's of its
model. So whatever is asked for is a number of lists laid together, and costs the same however many
jobs there are, also where nothing is found.
"""

import fnmatch
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import orjson

from runhook.worker.catalogue import is_glob
from runhook.worker.domain import policy
from runhook.worker.domain.jobs import LOCAL, Job, State, first_id
from runhook.worker.domain.metadata import Label
from runhook.worker.store import keys
from runhook.worker.store.connection import reaching
from runhook.worker.store.jobs import Jobs
from runhook.worker.store.scripts import Scripts, milliseconds

Item = TypeVar("Item")
PIECE = 500  # names or records in one round trip: a MiB, so that Redis serves others between


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which jobs are listed; what is left out narrows nothing.

    Attributes:
        states: In one of these; none: in any.
        model: Its endpoint, or a glob over endpoints, as `vidu/*`.
        tenant: Whose they are.
        labels: The metadata that they all have.
        root: In the tree that grew from this job.
        group: Of the tenant's group of this name.
        since: Created then or later.
        until: Created before then.
    """

    states: Sequence[str] = ()
    model: str | None = None
    tenant: str | None = None
    labels: tuple[Label, ...] = ()
    root: str | None = None
    group: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, job: Job) -> bool:
        """Whether a job that was found is still of these: it may have moved meanwhile."""
        return (
            (not self.states or job.state in self.states)
            and (self.model is None or fnmatch.fnmatchcase(job.spec.model, self.model))
            and self.tenant in (None, job.tenant)
            and self.root in (None, job.root)
            and self.group in (None, job.spec.group)
        )

    @property
    def lists(self) -> list[str] | None:
        """The keys of lists that hold all that is wanted, and little else; None: `listed` does."""
        if self.root:
            return [keys.tree(self.root)]
        if self.group:
            states = self.states or State
            return [keys.grouped(state, self.tenant or LOCAL, self.group) for state in states]
        return None


@dataclass(frozen=True)
class Listed:
    """Some jobs, newest first.

    Attributes:
        jobs: Those of this page.
        next: The cursor of the next page; None: there is none.
    """

    jobs: tuple[Job, ...]
    next: str | None


class Listing:
    """Every list of jobs."""

    def __init__(self, scripts: Scripts, jobs: Jobs) -> None:
        self._scripts = scripts
        self._redis = scripts.client
        self._jobs = jobs

    def page(self, wanted: JobFilter, cursor: str | None, most: int) -> Listed:
        """Jobs newest first, behind the cursor.

        Large ones make a short page, and so do many that cannot be read here: `next` goes on.
        """
        if wanted.labels:
            return self._labelled_page(wanted, cursor, most)
        found: list[Job] = []
        for _ in range(policy.LISTED_LOOKS):
            names = self._newest(wanted, cursor, most + 1)
            looked = names[: self._jobs.fitting(names[:most])]
            for job in self._fitting(wanted, looked):
                found.append(job)
                if len(found) == most:
                    return Listed(tuple(found), self._behind(job.id, names, most))
            if len(looked) == len(names):
                return Listed(tuple(found), None)
            cursor = looked[-1]
            if found and len(looked) < most:
                break
        return Listed(tuple(found), cursor)

    def _labelled_page(self, wanted: JobFilter, cursor: str | None, most: int) -> Listed:
        """The same of jobs that have some metadata: their lists tell neither state nor model.

        So each job of a list is looked at, and a page is short, or empty, where many do not fit.
        """
        found: list[Job] = []
        for _ in range(policy.LISTED_LOOKS):
            room = most - len(found)
            names, last = self._labelled(wanted, cursor, room + 1)
            looked = names[: self._jobs.fitting(names[:room])]
            found += filter(wanted.takes, self._jobs.many(looked))
            if len(looked) < len(names):
                return Listed(tuple(found), looked[-1])
            if last is None:
                return Listed(tuple(found), None)
            cursor = last
        return Listed(tuple(found), cursor)

    def _labelled(
        self, wanted: JobFilter, cursor: str | None, most: int
    ) -> tuple[list[str], str | None]:
        """The newest that have the metadata, and the job behind which there may be more of them."""
        order: dict[str, object] = {
            "tenant": wanted.tenant or "",
            "labels": wanted.labels,
            "states": list(wanted.states or State),
            "below": _below(wanted.until, cursor),
            "above": _above(wanted.since),
            "most": most,
        }
        if wanted.model is not None:
            order["models"] = self._models(wanted)
        names, last = self._scripts.run("newest_labelled", orjson.dumps(order))
        return [name.decode() for name in names], last.decode() or None

    @staticmethod
    def _behind(job_id: str, names: Sequence[str], most: int) -> str | None:
        """The cursor behind a full page; None where its last job is the last there is."""
        if len(names) <= most and job_id == names[-1]:
            return None
        return job_id

    def _fitting(self, wanted: JobFilter, names: Sequence[str]) -> Iterator[Job]:
        """Those of the jobs that are what is wanted. What stands in a wrong list is put right."""
        astray = []
        for job in self._jobs.many(names):
            if wanted.takes(job):
                yield job
            elif wanted.lists is None:
                astray.append(job.id)
        if astray:
            self.relist(astray)

    def names(self, wanted: JobFilter, most: int) -> Iterator[list[str]]:
        """The names of the newest jobs that fit, so many of them at most, in pieces."""
        cursor = None
        while names := self._newest(wanted, cursor, min(PIECE, most)):
            yield names
            cursor, most = names[-1], most - len(names)

    def _newest(self, wanted: JobFilter, cursor: str | None, most: int) -> list[str]:
        """The newest jobs that fit, behind the cursor."""
        states = list(wanted.states or State)
        order = {
            "states": states,
            "tenant": wanted.tenant or "",
            "below": _below(wanted.until, cursor),
            "above": _above(wanted.since),
            "most": most,
        }
        if wanted.lists is not None:
            return self._of_lists(wanted, order)
        found: set[str] = set()
        for models in pieces(self._models(wanted), policy.LISTS_AT_ONCE // len(states)):
            found.update(self._scripts.words("newest", orjson.dumps(order | {"models": models})))
        return sorted(found, reverse=True)[:most]

    def _of_lists(self, wanted: JobFilter, order: Mapping[str, Any]) -> list[str]:
        """The newest of some lists; a root from which nothing grew is its whole tree."""
        asked = {**order, "models": [], "lists": wanted.lists, "alone": wanted.root or ""}
        return self._scripts.words("newest", orjson.dumps(asked))

    def _models(self, wanted: JobFilter) -> list[str]:
        """The models whose lists hold what is wanted; an empty one stands for any."""
        if wanted.model is None:
            if wanted.tenant is None:
                return [""]
            return list(self.models(wanted.tenant))
        if not is_glob(wanted.model):
            return [wanted.model]
        known = self.models(wanted.tenant or "")
        return [model for model in known if fnmatch.fnmatchcase(model, wanted.model)]

    def counts(self, tenant: str | None = None) -> dict[State, int]:
        """How many jobs are in each state; a tenant's, or everybody's."""
        lists = {state: [keys.jobs_in_state(state)] for state in State}
        if tenant is not None:
            models = list(self.models(tenant))
            lists = {
                state: [keys.listed(state, tenant, model) for model in models] for state in State
            }
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            for key in (key for some in lists.values() for key in some):
                pipe.zcard(key)
            found = iter(pipe.execute())
        return {state: sum(int(next(found)) for _ in some) for state, some in lists.items()}

    def models(self, tenant: str = "") -> Iterator[str]:
        """Every model of which there are jobs, a tenant's or anybody's, in the order of names."""
        after = "-"
        while names := self._by_name(keys.models(tenant), after):
            yield from names
            if len(names) < PIECE:
                return
            after = f"({names[-1]}"

    def _by_name(self, key: str, after: str) -> list[str]:
        with reaching():
            names = self._redis.zrangebylex(key, after, "+", start=0, num=PIECE)
        return [name.decode() for name in names]

    def standing(self, state: State) -> Iterator[Job]:
        """Every job that is in a state, oldest first, in pieces."""
        after = "-"
        while names := self._by_name(keys.jobs_in_state(state), after):
            yield from self._jobs.many(names)
            after = f"({names[-1]}"

    def ended_between(self, since: datetime, until: datetime) -> Iterator[Job]:
        """Every job whose end is of that time, in pieces."""
        seen: set[str] = set()
        for names in self._ended(*map(milliseconds, (since, until))):
            new = [name for name in names if name not in seen]
            seen.update(new)
            yield from self._jobs.many(new)

    def _ended(self, start: int, end: int) -> Iterator[list[str]]:
        key = keys.ended()
        with reaching():
            at = self._redis.zcount(key, "-inf", f"({start}")
        while True:
            with reaching():
                behind = self._redis.zcount(key, "-inf", end)
                found = self._redis.zrange(key, at, min(at + PIECE, behind) - 1)
            if at >= behind or not found:
                return
            yield [name.decode() for name in found]
            with reaching():
                rank = self._redis.zrank(key, found[-1])
            # Whoever was retried meanwhile has left, and this piece is looked at once more.
            if rank is not None:
                at = rank + 1

    def relist(self, names: Sequence[str]) -> int:
        """Have jobs listed as their records say; how many were not."""
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.hexists(keys.job(name), "tenant")
            said = pipe.execute()
        silent = [name for name, has in zip(names, said, strict=True) if not has]
        tenants = self._jobs.asked_by(silent)
        pairs = [text for name in names for text in (name, tenants.get(name, ""))]
        return int(self._scripts.waking("relist", 1, *pairs)[0])

    def list_what_older_processes_left(self) -> int:
        """List by model and tenant what processes of the release before made or moved.

        They keep only the list of a state, so what is missing is known by counting. How many were
        listed wrongly.
        """
        missing, wrong = self._missing(), 0
        for state in State:
            if not state.ended and any(missing[one] for one in State if not one.ended):
                wrong += self._relist_state(state, None)
            elif state.ended and missing[state] > 0:
                # From the newest on, and only as far as some are missing: those are most of them.
                wrong += self._relist_state(state, missing[state])
        return wrong

    def _missing(self) -> dict[State, int]:
        """By state, how many jobs more it has than its lists by model."""
        with reaching():
            found = {state: int(self._redis.zcard(keys.jobs_in_state(state))) for state in State}
            for models in pieces(list(self.models()), PIECE):
                pipe = self._redis.pipeline(transaction=False)
                for model in models:
                    for state in State:
                        pipe.zcard(keys.listed(state, "", model))
                counts = iter(pipe.execute())
                for _ in models:
                    for state in State:
                        found[state] -= int(next(counts))
        return found

    def _relist_state(self, state: State, missing: int | None) -> int:
        wrong = 0
        for names in self.names(JobFilter(states=(state,)), sys.maxsize):
            for some in pieces(names, policy.RELISTED_AT_ONCE):
                wrong += self.relist(some)
            if missing is not None and wrong >= missing:
                break
        return wrong


def _below(until: datetime | None, cursor: str | None) -> str:
    """The upper end of a page, as ZREVRANGEBYLEX has it."""
    ends = []
    if until:
        ends.append(first_id("job", until))
    if cursor:
        ends.append(cursor)
    if not ends:
        return "+"
    return f"({min(ends)}"


def _above(since: datetime | None) -> str:
    """Its lower end."""
    if since is None:
        return "-"
    return f"[{first_id('job', since)}"


def pieces(items: Sequence[Item], most: int) -> Iterator[Sequence[Item]]:
    """A list in pieces, so that no script and no command runs long."""
    for at in range(0, len(items), most):
        yield items[at : at + most]
