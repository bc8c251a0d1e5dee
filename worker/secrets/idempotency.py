"""What an idempotency key and its request leave in Redis, to be known again by. Pure.

HMACs under RUNHOOK_SECRET, so that who reads Redis can try out neither order numbers nor requests.
One under each secret: while a rotation is carried out, processes of before and behind it share one.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runhook.worker.secrets.deriving import Kind, derived

# The release before knows only plain hashes. So that none of its processes pays for a key again
# beside one of this release, a row without a fingerprint lies under that name for as long as a
# rolling deploy may take, in seconds; the release after this one writes none.
BESIDE_THE_RELEASE_BEFORE = 86400
NO_FINGERPRINT = "-"  # it equals none, so that release answers 409 and makes nothing


@dataclass(frozen=True, kw_only=True)
class Trace:
    """One row by which a request is known again.

    Attributes:
        name: Stands for owner and key.
        body: Stands for the request; a row that says it was left by the same one.
        written: What a new row says of the request.
        before: What the release before may have written of it, which told 1 and 1.0 apart.
        seconds: How long a new row stays at most; it ends with the jobs of its time all the same.
    """

    name: str
    body: str
    written: str
    before: str
    seconds: float = math.inf

    def said_by(self, row: str) -> tuple[Literal["same", "conflict", "unproved"], str]:
        """What a row says of this request, and the job that it names.

        `unproved`: it is known under a secret that is gone.
        """
        kept, _, job_id = row.partition(" ")
        if kept in (self.body, self.before):
            return "same", job_id
        if kept == NO_FINGERPRINT:
            return "unproved", job_id
        return "conflict", job_id


def traces(
    secrets: Sequence[str], owner: str, key: str, body: bytes, before: bytes
) -> tuple[Trace, ...]:
    """Every row that a request may have left, in the order in which they are looked for.

    Args:
        secrets: All of RUNHOOK_SECRET.
        owner: Whose key it is.
        key: The idempotency key.
        body: The request as the same bytes for the same meaning.
        before: The same as the release before had it: with its numbers as they came.
    """
    whose = f"{owner}\n{key}"
    said, came = hashlib.sha256(body).hexdigest(), hashlib.sha256(before).hexdigest()
    plain = Trace(
        name=hashlib.sha256(whose.encode()).hexdigest(),
        body=came,
        before=came,
        written=NO_FINGERPRINT,
        seconds=BESIDE_THE_RELEASE_BEFORE,
    )
    return (*(_trace(secret, whose, said, came) for secret in secrets), plain)


def _trace(secret: str, whose: str, *bodies: str) -> Trace:
    name = derived(secret, Kind.REPEATED_KEY, whose).hex()
    # With the name in it, so that equal requests look unlike.
    said, before = (
        derived(secret, Kind.REPEATED_REQUEST, f"{name} {body}").hex() for body in bodies
    )
    return Trace(name=name, body=said, written=said, before=before)
