"""Job records: creating, reading, changing by compare-and-set, removing, and the timeline."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from runhook.worker.domain import policy
from runhook.worker.domain.frozen import evolve
from runhook.worker.domain.jobs import LOCAL, Job
from runhook.worker.errors import NotFound, StoreUnavailable, UnreadableRecord
from runhook.worker.secrets.idempotency import Trace
from runhook.worker.store import keys, records, repeats, timeline
from runhook.worker.store.bookings import Books, booked_by
from runhook.worker.store.changes import Change, Decision, LineOf, Moved, TimelineEntry
from runhook.worker.store.claims import Claim, Held
from runhook.worker.store.connection import reaching
from runhook.worker.store.duties import Closing
from runhook.worker.store.job_records import asked, changed, fitting, moved, packed, read
from runhook.worker.store.limits import Limits
from runhook.worker.store.memory import Memory
from runhook.worker.store.queue import Place
from runhook.worker.store.scripts import Scripts, milliseconds, pairs, until_ms

TRIES = 20  # a job that changes so often while we read it is not one that people have


class Jobs:
    """Every job record."""

    def __init__(
        self,
        scripts: Scripts,
        *,
        retention: float,
        limits: Limits,
        memory: Memory,
        line_of: LineOf,
        books: Books,
    ) -> None:
        """Args:
        scripts: Redis.
        retention: Seconds that ended jobs are kept.
        limits: How many may be in flight.
        memory: What this process knows of Redis.
        line_of: Which line a job with such options stands in.
        books: How jobs are counted in the ledger.
        """
        self._scripts, self._redis = scripts, scripts.client
        self._retention, self._limits = retention, limits
        self._memory = memory
        self.line_of = line_of
        self._books = books

    def create(
        self,
        job: Job,
        owner: str,
        traces: Sequence[Trace],
        group: Mapping[str, Any] | None = None,
        told_of: str = "",
        *,
        placed: bool = False,
    ) -> tuple[str, str, Place | None]:
        """Write a new job into the queue, or find the one this idempotency key made.

        Args:
            job: The new one.
            owner: Whose it is.
            traces: Those of its idempotency key; none without one.
            group: Of a job of a group what lib/groups takes of it: `size`, `batch`.
            told_of: As `Asker` has it.
            placed: Its place is wanted with it.

        Returns:
            `created`, or as `Trace.said_by` has it, and the job's id; `closed` and its group. And
            the place of a new one.

        Raises:
            OverBudget: Its day's budget has no room for it.
        """
        order = {
            **asked(job, self.line_of(job.spec.options), group or {}),
            **repeats.rows(traces, self._retention),
            "told_of": told_of,
            **self._books.made(job),
            "placed": placed,
        }
        note = TimelineEntry("queued", {"model": job.spec.model, "by": owner}).packed()
        answer = self._scripts.answers("create", 3, orjson.dumps(order), *packed(job), note)
        return self._created(job, traces, answer)

    def _created(
        self, job: Job, traces: Sequence[Trace], answer: Sequence[Any]
    ) -> tuple[str, str, Place | None]:
        word, found, place = answer[0].decode(), answer[1].decode(), answer[2]
        if word == "broke":
            raise self._books.broke(job.attempt, found)
        if word == "known":
            word, found = repeats.known(traces, found)
        if not place:
            return word, found, None
        return word, found, Place.read(place, self._limits)

    def made_by(self, traces: Sequence[Trace], told_of: str = "") -> tuple[str, str] | None:
        """What a key made, as `repeats` finds it."""
        return repeats.made_by(self._redis, traces, told_of)

    def remember_keys(self, job_ids: Sequence[str]) -> None:
        """Have the idempotency keys that made jobs be known as long as that of a new one."""
        repeats.remember(self._redis, job_ids, until_ms(self._retention))

    def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            NotFound: There is none of this id.
            UnreadableRecord: It is not for this version.
            StoreUnavailable: Redis does not answer or refuses.
        """
        return self._held(job_id).job

    def of(self, claim: Claim) -> Job:
        """The job that a duty is about, as its claim brought it or its flow left it: no round trip.

        Raises:
            NotFound: There is none of this id.
            UnreadableRecord: It is not for this version.
            StoreUnavailable: Redis does not answer or refuses.
        """
        job_id = claim.attempt[0]
        held = claim.seen(job_id) or self._brought(job_id, next(iter(claim.brought), ()))
        claim.turn.held = held
        return held.job

    def read(self, job_id: str, flat: Sequence[bytes]) -> Job:
        """A job whose record a script brought.

        Raises:
            NotFound: There is none of this id.
            UnreadableRecord: It is not for this version.
        """
        return self._brought(job_id, flat).job

    def _brought(self, job_id: str, flat: Sequence[bytes]) -> Held:
        record = pairs(flat)
        # Of the release before the last one, which named no tenant: its timeline does.
        if record and b"tenant" not in record:
            return self._held(job_id)
        if not record:
            raise NotFound(f"job {job_id}")
        found = read(job_id, record, LOCAL)
        if isinstance(found, UnreadableRecord):
            raise found
        return found

    def many(self, job_ids: Sequence[str]) -> list[Job]:
        """Those of the jobs that can be read here, in this order, in one round trip."""
        return [one.job for one in self.look(job_ids) if isinstance(one, Held)]

    def fitting(self, job_ids: Sequence[str]) -> int:
        """How many of the jobs, from the first on, one page may show; one at least."""
        return fitting(self._redis, [keys.job(job_id) for job_id in job_ids])

    def unreadable(self, job_ids: Sequence[str]) -> list[UnreadableRecord]:
        """Those of the jobs that cannot be read here, and why."""
        return [one for one in self.look(job_ids) if isinstance(one, UnreadableRecord)]

    def _held(self, job_id: str) -> Held:
        found = self.look([job_id])
        if not found:
            raise NotFound(f"job {job_id}")
        if isinstance(found[0], UnreadableRecord):
            raise found[0]
        return found[0]

    def look(self, job_ids: Sequence[str]) -> list[Held | UnreadableRecord]:
        """What there is of each of the jobs."""
        with reaching():
            # No transaction: what is decided on a job compares its revision anyway.
            pipe = self._redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.hgetall(keys.job(job_id))
            found = pipe.execute()
        there = [(name, record) for name, record in zip(job_ids, found, strict=True) if record]
        old = self.asked_by([name for name, record in there if b"tenant" not in record])
        return [read(name, record, old.get(name, LOCAL)) for name, record in there]

    def tenant(self, job_id: str) -> str | None:
        """Whose job it is, also of one that cannot be read here; None: there is no such job."""
        with reaching():
            tenant, state = self._redis.hmget(keys.job(job_id), ["tenant", "state"])
        if state is None:
            return None
        if tenant is None:
            return self.asked_by([job_id])[job_id]
        return str(tenant.decode("utf-8", "replace"))

    def asked_by(self, job_ids: Sequence[str]) -> dict[str, str]:
        """Who asked for each, as its timeline begins: the tenant of jobs that do not say theirs."""
        if not job_ids:
            return {}
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.xrange(keys.timeline(job_id), count=1)
            found = pipe.execute()
        return {name: timeline.asker(rows) for name, rows in zip(job_ids, found, strict=True)}

    def change(
        self,
        job_id: str,
        decide: Decision,
        *,
        claim: Claim | None = None,
        closing: Closing | None = None,
    ) -> tuple[Moved, Job]:
        """Change a job if nobody did meanwhile; else read it again and decide again.

        Args:
            job_id: Which.
            decide: Given the job as it is, what to do; None to leave it.
            claim: The duty under which it is changed: what its flow saw of the job last is decided
                on first, without reading it.
            closing: The end of that duty, of which this is the last work.

        Returns:
            `done`, or `kept` when `decide` wants nothing, `full` or `gated` when a turn has no
            room; and the job as it is then.

        Raises:
            NotFound: There is no such job.
            UnreadableRecord: It is not for this version.
            OverBudget: Its new attempt finds no room in the day's budget, and `otherwise` is none.
        """
        seen = claim and claim.seen(job_id)
        for _ in range(TRIES):
            held = seen or self._held(job_id)
            wanted, word, after = decide(held.job), "kept", held
            if wanted is not None:
                word, after = self._write(held, wanted, closing)
            if claim and word == "done":
                claim.turn.held = after
            # To want nothing of what was seen a moment ago decides nothing: it may have changed.
            if word in ("done", "full", "gated") or (word == "kept" and seen is None):
                return word, after.job  # type: ignore[return-value]
            seen = None
        raise StoreUnavailable(f"{job_id} changed {TRIES} times while it was read")

    def change_each(
        self,
        records: Sequence[tuple[str, Sequence[bytes]]],
        decide: Decision,
        closing: Closing | None = None,
    ) -> list[tuple[str, Moved | Exception]]:
        """Change jobs whose records were just read, all in one round trip.

        Args:
            records: Their ids, and each as it was read, for `decide`.
            closing: The end of the duty, to be written with the change of one that is alone.

        Returns:
            Each job's id, and what `change` returns of it or what deciding on it raised.

        Raises:
            StoreUnavailable: Redis does not answer or refuses; any of them may be changed.
        """
        found: list[tuple[str, Moved | Exception]] = []
        decided: list[tuple[Held, Change]] = []
        for job_id, record in records:
            try:
                held = self._brought(job_id, record)
                wanted = decide(held.job)
            except StoreUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - it is that job's own
                found.append((job_id, error))
                continue
            if wanted is None:
                found.append((job_id, "kept"))
            else:
                decided.append((held, wanted))
        for (held, _), word in zip(decided, self._write_each(decided, closing), strict=True):
            if word in ("stale", "gone"):  # changed since it was read
                found.append(self._changed_after_all(held.job.id, decide))
            else:
                found.append((held.job.id, word))  # type: ignore[arg-type]
        return found

    def _write_each(
        self, decided: Sequence[tuple[Held, Change]], closing: Closing | None
    ) -> list[str]:
        """Write changes in one round trip; the script's word of each."""
        orders = [self._move(held, change, closing)[0] for held, change in decided]
        answers = self._scripts.answers_of("move", 2, orders)
        for word, following in answers:
            if closing and word == b"done":
                closing.done(following)
        return [word.decode() for word, _ in answers]

    def _changed_after_all(self, job_id: str, decide: Decision) -> tuple[str, Moved | Exception]:
        try:
            return job_id, self.change(job_id, decide)[0]
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - it is that job's own
            return job_id, error

    def _write(self, held: Held, change: Change, closing: Closing | None) -> tuple[str, Held]:
        """Write a change; the script's word, and the job as it lies in Redis then."""
        args, after = self._move(held, change, closing)
        word, following = self._scripts.answers("move", 2, *args)
        if word == b"broke" and change.otherwise:
            return self._write(held, change.otherwise, closing)
        if word == b"broke":
            raise self._books.broke(change.job.history.attempts[-1], following.decode())
        if closing and word == b"done":
            closing.done(following)
        if word != b"done":
            return word.decode(), held
        return "done", after

    def _move(
        self, held: Held, change: Change, closing: Closing | None
    ) -> tuple[Sequence[str | bytes], Held]:
        """A change as its script takes it, and the job as it lies in Redis once it is written."""
        before, job = held.job, change.job
        order = {
            **moved(before, job, self.line_of(job.spec.options)),
            # The change's own name: sent again because its answer was lost it is done once.
            "id": self._memory.nonce(),
            **self._limits.order,
            **change.order,
        }
        if change.left:
            order["left"] = f"{milliseconds(job.history.updated_at)}:{change.left}"
        words = [note.packed() for note in change.notes]
        if closing:
            order["closing"], words = closing.order, [*words, *closing.callbacks]
        order |= self._books.changed(held, job)
        life = changed(held.life, job.history)
        told, booked = evolve(job, rev=before.rev + 1), booked_by(order, held)
        after = evolve(held, job=told, life=life, booked=booked)
        return (orjson.dumps(order), records.packed("life", life), *words), after

    def reconcile_now(self, job_id: str, attempt: int, note: TimelineEntry) -> str:
        """Have an attempt that has not ended asked about: `hastened`, `ended`, `gone`."""
        return self._scripts.waking("hasten", 1, job_id, str(attempt), note.packed())[0]

    def note(self, job_id: str, *notes: TimelineEntry) -> None:
        """Write lines into the timeline, in one round trip."""
        self._scripts.run("note", job_id, *(note.packed() for note in notes))

    def timeline(self, job_id: str) -> list[dict[str, Any]]:
        """Everything that happened to it, oldest first."""
        return timeline.of(self._redis, job_id)

    def sweep(self, before: datetime, most: int = policy.SWEPT_AT_ONCE) -> int:
        """Remove what ended before a moment, in pieces; how many jobs were removed.

        Jobs that somebody is still to be told of stay, and are passed by.
        """
        moment, kept = milliseconds(before), until_ms(self._retention)
        while self._scripts.run("trim", moment, policy.TRIMMED_AT_ONCE):
            pass
        removed, last = 0, b""
        while True:
            looked, gone, last = self._scripts.answers("sweep", 3, moment, most, last, kept)
            removed += int(gone)
            if not int(looked):
                return removed

    def forget(self, job: Job, entries: Sequence[str]) -> str:
        """Remove one that has ended, with all that is its own: `done`, `gone`, `stale`, its state.

        Args:
            job: As it was before its entries were looked for; `stale`: it has changed since.
            entries: What there is of it in the log (`Events.of_job`).
        """
        kept = until_ms(self._retention)
        return self._scripts.waking("forget", 1, job.id, job.rev, kept, *entries)[0]
