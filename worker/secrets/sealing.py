"""What must lie in Redis and be read there by nobody: access passwords. Pure.

Sealed with a key derived from RUNHOOK_SECRET: the first secret seals, all unseal.

Cryptography is imported by the first that seals or unseals: most processes never do, and it takes
7 MB.
"""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

from runhook.worker.secrets.deriving import Kind, derived

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

SEALED = "sealed:"  # what marks a sealed value in a record; older records have it too


def seal(secrets: Sequence[str], text: str) -> str:
    """The text as nobody without a secret can read it."""
    return SEALED + _box(secrets).encrypt(text.encode()).decode()


def unseal(secrets: Sequence[str], sealed: str) -> str | None:
    """The text again; None when none of the secrets sealed it."""
    from cryptography.fernet import InvalidToken

    try:
        return _box(secrets).decrypt(sealed.removeprefix(SEALED).encode()).decode()
    except InvalidToken:
        return None


def _box(secrets: Sequence[str]) -> "MultiFernet":
    from cryptography.fernet import Fernet, MultiFernet

    return MultiFernet([Fernet(_key(secret)) for secret in secrets])


def _key(secret: str) -> bytes:
    return base64.urlsafe_b64encode(derived(secret, Kind.SEALING))
