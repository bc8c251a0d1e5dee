"""Looking after Redis: what is stuck, and every index made right from the job records."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import State
from runhook.worker.domain.lanes import LANES
from runhook.worker.errors import UnreadableRecord
from runhook.worker.store import keys
from runhook.worker.store.connection import reaching
from runhook.worker.store.deliveries import AT_ONCE as PIECE
from runhook.worker.store.deliveries import Deliveries
from runhook.worker.store.job_records import line_score
from runhook.worker.store.jobs import Jobs
from runhook.worker.store.keys import Key
from runhook.worker.store.ledger import Ledger
from runhook.worker.store.listing import JobFilter, Listing
from runhook.worker.store.scripts import Scripts, milliseconds

AT_ONCE = 500  # keys or members in one round trip, so that no script runs long
FOR_EVER = -1  # Redis's word for a key without an end
TIDYING = b"2"  # the last that was added to what is looked for once
# Jobs and deliveries that are looked at for records nobody can read, the newest: what a newer
# version wrote is among them. Reading all would take minutes where a million are kept.
LOOKED_AT = 10_000
SETS = (keys.holding(), keys.unreadable())
# Whose members are jobs, as SCAN takes them.
INDICES = (
    keys.jobs_in_state("*"),
    keys.listed("*", "*", "*"),
    keys.labelled("*", "*", "*"),
    keys.line("*"),
    keys.aside(),
    keys.ended(),
    keys.waiters("*"),
    keys.children("*"),
    keys.tree("*"),
    keys.grouped("*", "*", "*"),
    *SETS,
)


@dataclass(frozen=True)
class Stuck:
    """Duties of one lane that are long past their time.

    Attributes:
        lane: Which lane.
        count: How many they are.
        oldest: The one that is longest past it.
    """

    lane: str
    count: int
    oldest: str


class Upkeep:
    """Reads and repairs everything, piece by piece."""

    def __init__(
        self,
        scripts: Scripts,
        jobs: Jobs,
        deliveries: Deliveries,
        listing: Listing,
        ledger: Ledger,
        few: Sequence[Callable[[], list[UnreadableRecord]]],
    ) -> None:
        """Args:
        scripts: The scripts.
        jobs: Every job.
        deliveries: Every delivery.
        listing: Every list of jobs.
        ledger: What days cost.
        few: What cannot be read of each kind that has few records.
        """
        self._scripts = scripts
        self._redis = scripts.client
        self._jobs = jobs
        self._deliveries = deliveries
        self._listing = listing
        self._ledger = ledger
        self._few = few

    def stuck(self, seconds: float) -> list[Stuck]:
        """Lanes with duties that are so long past their time that nobody can be at them."""
        before = round((self._scripts.clock.now().timestamp() - seconds) * 1000)
        found = []
        for lane in LANES:
            with reaching():
                count = self._redis.zcount(keys.due(lane), "-inf", before)
                oldest = self._redis.zrangebyscore(keys.due(lane), "-inf", before, start=0, num=1)
            if count:
                found.append(Stuck(lane, int(count), next(iter(oldest), b"").decode()))
        return found

    def waiting(self, lane: str) -> list[str]:
        """Duties of a lane that are not done yet, those that are looked at soonest first."""
        with reaching():
            names = self._redis.zrangebyscore(keys.due(lane), "-inf", "+inf", start=0, num=AT_ONCE)
        return [name.decode() for name in names]

    def unconfirmed(self) -> list[str]:
        """Jobs that may have been accepted and were never proved."""
        with reaching():
            names = self._redis.zrangebyscore(
                keys.jobs_in_state(State.UNCONFIRMED), "-inf", "+inf", start=0, num=AT_ONCE
            )
        return [name.decode() for name in names]

    def unreadable(self) -> list[UnreadableRecord]:
        """Records that this version cannot read, and why: of what is under way and of the newest.

        `repair` passes by every record there is, and leaves them too.
        """
        found = [one for unreadable in self._few for one in unreadable()]
        for names in _some(self._latest_jobs()):
            found += self._jobs.unreadable(names)
        for names in islice(self._deliveries.names(None, None, None), LOOKED_AT // PIECE):
            found += self._deliveries.unreadable(names)
        return found

    def _latest_jobs(self) -> Iterable[str]:
        """Those that stand apart because nobody can read them, those under way, and the newest."""
        with reaching():
            apart = self._redis.smembers(keys.unreadable())
        found = {name.decode() for name in apart}
        for states in ([state for state in State if not state.ended], list(State)):
            for names in self._listing.names(JobFilter(states=states), LOOKED_AT):
                found.update(names)
        return sorted(found)

    def end_what_older_versions_left(self) -> None:
        """List jobs that older processes made or moved as this version does, and give an end to
        what it does not write any more, or not without one."""
        self.list_what_older_processes_left()
        self._scripts.remove_old_functions()
        # Once only: looking for them takes a look at every key there is.
        if self._redis.get(keys.tidied()) == TIDYING:
            return
        with reaching():
            for key in self._keys(keys.OLD):
                self._redis.unlink(key)
            for key in self._keys(keys.deliveries_of("*", "*")):
                self._redis.zadd(keys.receivers(), {key.split(":")[-2]: 0})
            for key in self._keys(keys.durations("*")):
                if self._redis.ttl(key) == FOR_EVER:
                    self._redis.expire(key, policy.DURATIONS_KEPT_S)
            self._redis.set(keys.tidied(), TIDYING)

    def list_what_older_processes_left(self) -> int:
        """List jobs that older processes made or moved; how many were listed wrongly.

        The lists that those read themselves are removed once they had a day to be replaced.
        """
        self._end_lists_of_before()
        self._have_queue_take_turns()
        return self._listing.list_what_older_processes_left()

    def _have_queue_take_turns(self) -> None:
        """Have jobs that older processes queued take turns."""
        # Each, for counts may agree where one that left and one that came are not the same.
        for line in self._lines():
            self._mend_line(line)

    def _mend_line(self, line: str) -> int:
        """Make what is known of a line's turns say what the line does; how much was wrong."""
        wrong = 0
        for name, index in (("mend_line", keys.line(line)), ("drop_rows", keys.standing(line))):
            for members in _some(self._members(index)):
                wrong += int(self._scripts.run(name, line, *members))
        return wrong

    def _lines(self) -> list[str]:
        with reaching():
            return sorted(line.decode() for line in self._redis.smembers(keys.lines()))

    def _end_lists_of_before(self) -> None:
        now = milliseconds(self._scripts.clock.now())
        with reaching():
            if not self._redis.exists(keys.jobs()):
                return
            self._redis.set(keys.outlived(), str(now).encode(), nx=True)
            met = int(self._redis.get(keys.outlived()) or now)
            if now - met < policy.OUTLIVED_MS:
                return
            for pattern in keys.OLD_LISTS:
                for key in self._keys(pattern):
                    self._redis.unlink(key)
            # Last, for it is what says that there are any.
            self._redis.unlink(keys.jobs())
            self._redis.unlink(keys.outlived())

    def repair(self, meanwhile: Callable[[], None] | None = None) -> int:
        """Make every index say what the job records say; how many places were wrong.

        Args:
            meanwhile: Called after every piece of it: of many jobs it takes minutes.
        """
        return sum(self._repaired(meanwhile or _nothing))

    def _repaired(self, meanwhile: Callable[[], None]) -> Iterator[int]:
        # Records first: they are the truth, and what they name is put where it belongs. Then what
        # no record names is taken out.
        for names in _some(self._named(keys.job)):
            for job in self._jobs.many(names):
                line = self._jobs.line_of(job.spec.options)
                order = (job.id, line, line_score(job), job.tenant)
                yield int(self._scripts.run("repair_job", *order))
            yield self._ledger.rebook(names)
            meanwhile()
        for pattern in INDICES:
            for index in self._keys(pattern):
                for members in _some(self._members(index)):
                    yield int(self._scripts.run("drop_strangers", index, *members))
                    meanwhile()
        for line in sorted({*self._lines(), *self._named(keys.standing), *self._named(keys.ring)}):
            yield self._mend_line(line)
            meanwhile()
        yield int(self._scripts.run("count_flight"))
        for names in _some(self._named(keys.notes)):
            yield self._drop_notes_of_nobody(names)
            meanwhile()
        for names in _some(self._named(keys.delivery)):
            yield sum(int(self._scripts.run("repair_delivery", name)) for name in names)
            meanwhile()

    def _drop_notes_of_nobody(self, names: Sequence[str]) -> int:
        """Remove timelines of jobs that are no more; how many. The release before sweeps none."""
        with reaching():
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.exists(keys.job(name))
            there = pipe.execute()
            gone = [name for name, kept in zip(names, there, strict=True) if not kept]
            if gone:
                self._redis.unlink(*map(keys.notes, gone))
        return len(gone)

    def _keys(self, pattern: str) -> Iterator[str]:
        with reaching():
            for key in self._redis.scan_iter(pattern, count=AT_ONCE):
                yield key.decode()

    def _named(self, kind: Key) -> Iterator[str]:
        """What stands in the hole of each key of a kind: the names of all jobs, say."""
        for key in self._keys(kind("*")):
            yield key.removeprefix(kind(""))

    def _members(self, index: str) -> Iterator[str]:
        with reaching():
            if index in SETS:
                yield from (member.decode() for member in self._redis.smembers(index))
                return
            rows = list(self._redis.zscan_iter(index, count=AT_ONCE))
        yield from (member.decode() for member, _ in rows)


def _nothing() -> None:
    """Nobody waits for it."""


def _some(items: Iterable[str]) -> Iterator[Sequence[str]]:
    """In pieces, so that no script runs long."""
    piece: list[str] = []
    for item in items:
        piece.append(item)
        if len(piece) == AT_ONCE:
            yield piece
            piece = []
    if piece:
        yield piece
