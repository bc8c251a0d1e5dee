"""What all processes of an installation must have in common, each as the last one left it."""

import secrets

from runhook.worker.store import keys
from runhook.worker.store.commands import Redis
from runhook.worker.store.connection import reaching
from runhook.worker.store.processes import ROLES, Processes

UNDER_WAY = ("queued", "sending", "unconfirmed", "running")  # states that keep their account here


class Installation:
    """Its name, its secrets, its account, its budgets, and who keeps files for it."""

    def __init__(self, redis: Redis, processes: Processes) -> None:
        self._redis, self._processes = redis, processes

    def named(self) -> str:
        """Its name, which the first process draws that asks for it."""
        drawn = secrets.token_hex(8)
        with reaching():
            self._redis.set(keys.installation(), drawn.encode(), nx=True)
        return self.name() or drawn

    def name(self) -> str | None:
        """What tells it from others in the place where it keeps files; None: none is drawn yet."""
        with reaching():
            found: bytes | None = self._redis.get(keys.installation())
        return None if found is None else found.decode()

    def keeps_files(self, role: str) -> None:
        """A process of a role started, and left its mark where it keeps files."""
        with reaching():
            self._redis.sadd(keys.storing(), role)

    def keeping_files(self) -> set[str]:
        """The roles that left a mark where they keep files."""
        with reaching():
            return {role.decode() for role in self._redis.smembers(keys.storing())}

    def knows_secrets(self, fingerprints: tuple[str, ...]) -> bool:
        """Whether one of the secrets is known here already; all are from now on.

        The first process ever says what the secret is. Changing it takes one start with both.
        """
        if self.has_other_secrets(fingerprints):
            return False
        key = keys.secrets()
        with reaching():
            # In one transaction: were there none for a moment, any secret would do.
            pipe = self._redis.pipeline()
            pipe.delete(key)
            pipe.sadd(key, *fingerprints)
            pipe.execute()
        return True

    def has_other_secrets(self, fingerprints: tuple[str, ...]) -> bool:
        """Whether those who work here have secrets, and none of these."""
        with reaching():
            known = {name.decode() for name in self._redis.smembers(keys.secrets())}
        return bool(known) and not known & set(fingerprints)

    def started_with(self, role: str, budgets: str) -> None:
        """A process of a role started, and holds jobs to budgets of this fingerprint."""
        with reaching():
            self._redis.hset(keys.budgets(), role, budgets)

    def budgets(self) -> dict[str, str]:
        """The fingerprint of the budgets that each role last started with."""
        with reaching():
            found = self._redis.hgetall(keys.budgets())
        return {role.decode(): budgets.decode() for role, budgets in found.items()}

    def knows_account(self, fingerprint: str) -> bool:
        """Whether the jobs here are of this account; they are from now on if none is under way.

        The first process ever says which account it is. Another one may take over a Redis in which
        nothing waits, nothing is in flight and nobody else works.
        """
        key = keys.account()
        with reaching():
            if self._redis.set(key, fingerprint.encode(), nx=True):
                return True
            if self._redis.get(key) == fingerprint.encode():
                return True
            # What is under way is another account's: this key's RunningHub knows none of it.
            counts = [self._redis.zcard(keys.jobs_in_state(one)) for one in UNDER_WAY]
            counts.append(self._redis.scard(keys.unreadable()))
            if any(counts) or any(self._processes.alive(role) for role in ROLES):
                return False
            self._redis.set(key, fingerprint.encode())
        return True

    def take_over_account(self, fingerprint: str) -> None:
        """The jobs here are this account's, whoever's they were."""
        with reaching():
            self._redis.set(keys.account(), fingerprint.encode())
