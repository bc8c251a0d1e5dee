"""What is made of a secret: every kind under a label of its own, good for nothing else. Pure.

Nothing else makes anything of RUNHOOK_SECRET. A new kind is a new label; one that was given out, or
has been written down, stays as it is.
"""

import hashlib
import hmac
from enum import StrEnum


class Kind(StrEnum):
    """The labels. None begins another one, so that what stands behind it cannot make it another."""

    CALLBACK = "callback/"  # RunningHub has URLs signed so
    PROBE = "runhook probe/"
    PROBE_ANSWER = "runhook answer to a probe/"
    FINGERPRINT = "runhook fingerprint"  # lies in Redis
    SEALING = "runhook sealing"  # what is sealed lies in Redis
    REPEATED_KEY = "runhook idempotency key/"  # lie in Redis as long as ended jobs
    REPEATED_REQUEST = "runhook idempotency request/"
    LISTENING = "runhook listen"  # users keep it in a setting
    SESSION = "runhook session"  # signs what browsers keep
    SHOWN = "runhook token of a session/"  # in a browser's cookie; good for no call
    BACKUP = "runhook backup"  # ends a backup, which users keep
    FORM = "runhook form/"  # stands in pages


def derived(secret: str, kind: Kind, what: str = "") -> bytes:
    """32 bytes that only who has the secret can make.

    Args:
        secret: One of RUNHOOK_SECRET.
        kind: What they are for.
        what: Which of that kind.
    """
    return hmac.new(secret.encode(), f"{kind}{what}".encode(), hashlib.sha256).digest()


def seal(secret: str, kind: Kind) -> hmac.HMAC:
    """A code over what is fed to it piece by piece, under a key that is made of the secret.

    Args:
        secret: One of RUNHOOK_SECRET.
        kind: What the key is for.
    """
    return hmac.new(derived(secret, kind), digestmod=hashlib.sha256)
