"""Callback URLs: unique to one attempt, signed so that nobody else can speak on it. Pure."""

import hmac
from collections.abc import Sequence
from urllib.parse import urlsplit

from runhook.config.settings import LOOPBACK_HOSTS
from runhook.worker.secrets.deriving import Kind, derived

PATH = "/callbacks"  # part of URLs that RunningHub has, so it stays
LENGTH = 40  # characters of a signature: 160 bits, as URLs that RunningHub has were signed


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


PROBE = "probe"  # stands in a job's place where doctor sends a callback to its own web


def probe_answer(secret: str, number: int) -> str:
    """What only a process with the secret can answer to a probe. It signs nothing."""
    return derived(secret, Kind.PROBE_ANSWER, str(number)).hex()[:LENGTH]


def fingerprint(secret: str) -> str:
    """Tells two secrets apart without telling either."""
    return derived(secret, Kind.FINGERPRINT).hex()[:16]


def account_fingerprint(base_url: str, api_key: str) -> str:
    """Tells two accounts of RunningHub apart. Sandboxes on this machine are one, at any port."""
    host = urlsplit(base_url).hostname or ""
    site = "sandbox" if host in LOOPBACK_HOSTS else base_url
    return fingerprint(f"{site} {api_key}")


def _signature(secret: str, job_id: str, attempt: int) -> str:
    """Of a callback's URL, or of a probe's, which is good for no callback."""
    if job_id == PROBE:
        return derived(secret, Kind.PROBE, str(attempt)).hex()[:LENGTH]
    return derived(secret, Kind.CALLBACK, f"{job_id}/{attempt}").hex()[:LENGTH]
