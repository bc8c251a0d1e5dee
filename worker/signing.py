"""Callback URLs: unique to one attempt, signed so that nobody else can speak on it. Pure."""

import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import urlsplit

from config.settings import LOOPBACK_HOSTS

PATH = "/callbacks"


def callback_url(public_url: str, secrets: Sequence[str], job_id: str, attempt: int) -> str:
    """The webhookUrl of one attempt, signed with the first secret."""
    return f"{public_url}{PATH}/{job_id}/{attempt}/{_signature(secrets[0], job_id, attempt)}"


def signed_by_us(secrets: Sequence[str], job_id: str, attempt: int, signature: str) -> bool:
    """Whether one of the secrets made this signature. Takes the same time for every wrong one."""
    given = signature.encode()
    matches = [
        hmac.compare_digest(_signature(secret, job_id, attempt).encode(), given)
        for secret in secrets
    ]
    return any(matches)


PROBE = "probe"  # the job of a callback that doctor sends to itself


def probe_answer(secret: str, number: int) -> str:
    """What only a process with the secret can answer to a probe."""
    return _signature(secret, "probe answer", number)


def fingerprint(secret: str) -> str:
    """Tells two secrets apart without telling either."""
    return hmac.new(secret.encode(), b"runhook fingerprint", hashlib.sha256).hexdigest()[:16]


def account_fingerprint(base_url: str, api_key: str) -> str:
    """Tells two accounts of RunningHub apart. Sandboxes on this machine are one, at any port."""
    host = urlsplit(base_url).hostname or ""
    site = "sandbox" if host in LOOPBACK_HOSTS else base_url
    return fingerprint(f"{site} {api_key}")


def _signature(secret: str, job_id: str, attempt: int) -> str:
    message = f"callback/{job_id}/{attempt}".encode()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()[:40]
