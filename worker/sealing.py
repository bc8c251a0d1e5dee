"""What must lie in Redis and be read there by nobody: access passwords. Pure.

Sealed with a key derived from RUNHOOK_SECRET: the first secret seals, all unseal.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

SEALED = "sealed:"


def seal(secrets: Sequence[str], text: str) -> str:
    """The text as nobody without a secret can read it."""
    return SEALED + _box(secrets).encrypt(text.encode()).decode()


def unseal(secrets: Sequence[str], sealed: str) -> str | None:
    """The text again; None when none of the secrets sealed it."""
    try:
        return _box(secrets).decrypt(sealed.removeprefix(SEALED).encode()).decode()
    except InvalidToken:
        return None


def _box(secrets: Sequence[str]) -> MultiFernet:
    return MultiFernet([Fernet(_key(secret)) for secret in secrets])


def _key(secret: str) -> bytes:
    made = hmac.new(secret.encode(), b"runhook sealing", hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made)
