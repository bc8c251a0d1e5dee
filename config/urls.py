"""URLs with a password in them: what is wrong with one, said without repeating any of it."""

import re
from urllib.parse import SplitResult, urlsplit

REDIS_SCHEMES = ("redis", "rediss", "unix", "sentinel")
PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
# Celery takes several brokers, one behind the other.
SEVERAL = re.compile(r";(?=[\w+.-]+://)")
SPELLING = (
    "in a password / # ? @ : % [ ] and spaces are written %2F %23 %3F %40 %3A %25 %5B %5D and %20"
)


def redis_fault(url: str) -> str | None:
    """What is wrong with REDIS_URL."""
    if url.partition("://")[0] not in REDIS_SCHEMES:
        return f"must start with {', '.join(f'{scheme}://' for scheme in REDIS_SCHEMES)}"
    if fault := broker_fault(url):
        return fault
    parts = urlsplit(url)
    if parts.scheme in ("redis", "rediss") and not re.fullmatch(r"/?\d*", parts.path):
        return f"must end with /NUMBER, the database, or with the port; {SPELLING}"
    if parts.scheme == "sentinel" and not re.fullmatch(r"/?[^/]*(/\d*)?", parts.path):
        return f"must be sentinel://HOST:PORT,HOST:PORT/SERVICE/DATABASE; {SPELLING}"
    return None


def broker_fault(urls: str) -> str | None:
    """What is wrong with the URL of a server, or of several."""
    for url in SEVERAL.split(urls):
        if "://" in url and not _can_be_read(url):
            return f"cannot be read as a URL; {SPELLING}"
    return None


def http_fault(url: str) -> str | None:
    """What is wrong with the base of an HTTP service."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "must be an http or https URL"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "must be an http or https URL"
    if parts.query or parts.fragment:
        return "must have no query and no fragment"
    if "@" in parts.netloc:
        return "must have no user and no password"
    return None


def _can_be_read(url: str) -> bool:
    """Whether a password's signs end up in it: unescaped they end the host, or begin a query."""
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket that is no address's
        return False
    rest = f"{parts.path}?{parts.query}"
    credentials, _, hosts = parts.netloc.rpartition("@")
    if "@" in rest or "#" in url or "@" in credentials or PERCENT.search(credentials):
        return False
    return credentials.count(":") <= 1 and all(map(_is_host, hosts.split(",")))


def _is_host(host: str) -> bool:
    try:
        _ = SplitResult("", host, "", "", "").port
    except ValueError:
        return False
    return not any(char.isspace() for char in host)
