"""URLs in settings: plain spellings, and what is wrong with one, said without repeating it."""

import re
from urllib.parse import SplitResult, unquote, urlsplit

RUNNINGHUB_SITES = ("runninghub.ai", "runninghub.cn")  # and every name below them
AUTHORITY = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
PATH = re.compile(r"[A-Za-z0-9._~/-]*")
PASSWORD = re.compile(r"//[^/@:]*:([^/@]+)@")
REDIS_SCHEMES = ("redis", "rediss", "unix", "sentinel")
PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
# Celery takes several brokers, one behind the other.
SEVERAL = re.compile(r";(?=[\w+.-]+://)")
SPELLING = (
    "in a password / # ? @ : % [ ] and spaces are written %2F %23 %3F %40 %3A %25 %5B %5D and %20"
)


def is_runninghub(host: str) -> bool:
    """Whether a host is one of RunningHub's, in any spelling of the name."""
    name = host.casefold().rstrip(".")
    return any(name == site or name.endswith(f".{site}") for site in RUNNINGHUB_SITES)


def plain_url(value: str) -> str:
    """An http or https URL in the one spelling that is kept.

    Raises:
        ValueError: It is none, or some reader may take it for another.
    """
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https URL")
    if "@" in parts.netloc:
        raise ValueError("must have no user and no password")
    if parts.query or parts.fragment:
        raise ValueError("must have no query and no fragment")
    odd = not value.isprintable()  # a tab or line end, which urlsplit leaves out
    if odd or not AUTHORITY.fullmatch(parts.netloc) or not PATH.fullmatch(parts.path):
        raise ValueError("must have a plain host, port and path: no credentials, escapes or blanks")
    port = f":{parts.port}" if parts.port else ""
    if parts.scheme == "http" and is_runninghub(parts.hostname):
        raise ValueError("must be https: http would send the key where anybody can read it")
    name = parts.hostname.rstrip(".")
    host = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{host}{port}{parts.path}".rstrip("/")


def passwords(url: str) -> list[str]:
    """What a URL's credentials would tell."""
    return [unquote(found[1]) for found in PASSWORD.finditer(url)]


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
