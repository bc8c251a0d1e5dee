"""The lanes of duties, a row each: who works on it, for how long, beside whom. Pure."""

from dataclasses import dataclass

from runhook.config.roles import Role

# Threads that one lane may hold where its flows wait for others' servers: a quarter each, so that
# however slowly they answer, callbacks are taken in and events fanned out.
WAITING_SHARE = 1 / 4
# Three of a worker's 32: with all other lanes waiting it has all its threads, and a film of 100 MB
# is on its way for seconds.
ARCHIVE_SHARE = 3 / 32
# Threads for a lane that waits for Redis only: one reckons while the other waits; a third would
# wait for both.
QUICK = 2


@dataclass(frozen=True, kw_only=True)
class Lane:
    """Duties of one kind, which wait for one another only.

    Attributes:
        name: As it stands in Redis, in the Procfile and in logs.
        process: Which process works on it.
        lease: Seconds that a duty is held: longer than the calls of its flow can take together, or
            short, where the flow renews it, so that a dead holder is noticed soon.
        share: The part of a process's threads that it may hold.
        drainers: Threads of a process that work through it, where `share` does not say.
        attempt_lost_after: Seconds after which a delivery that it began counts as lost: a little
            more than the longest there is. 0: it delivers nothing.
        receiver_slots: Deliveries that one receiver gets at once; 0: as its part of the places is.
        rounds: What becomes due while somebody works through it gathers for the next round.
    """

    name: str
    process: Role
    lease: float
    share: float = 1.0
    drainers: int = 0
    attempt_lost_after: float = 0.0
    receiver_slots: int = 0
    rounds: bool = False

    def threads(self, of: int) -> int:
        """How many threads work through it, of so many that its processes have."""
        return self.drainers or max(1, round(of * self.share))


_ROWS = (
    Lane(name="line", process="worker", lease=45, drainers=1),
    Lane(name="send", process="worker", lease=30, share=WAITING_SHARE),
    # Callbacks, and those who wait for a job that has ended: neither waits for RunningHub.
    Lane(name="intake", process="worker", lease=60, drainers=QUICK),
    # A sweep takes as long as it takes, so it renews the lease.
    Lane(name="reconcile", process="worker", lease=90, share=WAITING_SHARE),
    Lane(name="fanout", process="worker", lease=30, drainers=QUICK),
    # An output takes as long as it takes, so its flow renews the lease.
    Lane(name="archive", process="worker", lease=30, share=ARCHIVE_SHARE),
    Lane(name="handlers", process="handlers", lease=15, attempt_lost_after=330, rounds=True),
    Lane(
        name="subscribers",
        process="worker",
        lease=15,
        share=WAITING_SHARE,
        attempt_lost_after=30,
        receiver_slots=2,  # so that what one subscriber gets is nearly in order
    ),
)
LANES = {lane.name: lane for lane in _ROWS}


def lanes_of(process: Role) -> tuple[str, ...]:
    """The lanes that a process works on, in the order of the table."""
    return tuple(lane.name for lane in _ROWS if lane.process == process)


@dataclass(frozen=True)
class Message:
    """A wake-up as it lies in the broker's queue, with @DUTY@ and @TAG@ to be filled in."""

    queue: str
    text: str
