"""The idempotency keys of forms: one form is paid once, however often it is sent. Pure.

A form's key stands in its address, so whoever comes back to it after an answer was lost, or loads
it again, sends the same key. What follows from a form has a key that follows from its own.
"""

import base64
import hashlib
import re
import secrets

from runhook.worker.domain.bodies import key_fault

BYTES = 16  # of a random key: nobody meets one twice
BEGINS = "form-"
KEY = re.compile(rf"{BEGINS}[A-Za-z0-9_-]{{22}}")  # what 16 bytes are in base64


def new_key() -> str:
    """The key of a form that nobody has seen before."""
    return _key(secrets.token_bytes(BYTES))


def is_key(text: str) -> bool:
    """Whether it is a key as forms have them."""
    return KEY.fullmatch(text) is not None


def key_behind(key: str, what: bytes) -> str:
    """The key of the form that follows from one by this: another model, or other values.

    The same again where the browser asks again; a new one where the form had none.
    """
    if key_fault(key, "key"):
        return new_key()
    return _key(hashlib.sha256(key.encode(errors="surrogatepass") + b"\n" + what).digest()[:BYTES])


def _key(some: bytes) -> str:
    return BEGINS + base64.urlsafe_b64encode(some).decode().rstrip("=")
