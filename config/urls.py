"""URLs in settings: plain spellings, and what is wrong with one, said without repeating it."""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

RUNNINGHUB_SITES = ("runninghub.ai", "runninghub.cn")  # and every name below them
# What every reader of a URL takes for the same host, port and path: they differ in the rest.
AUTHORITY = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
# No percent sign: what it escapes, two readers may read in two ways.
PATH = re.compile(r"[A-Za-z0-9._~/-]*")
PASSWORD = re.compile(r"//[^/@:]*:([^/@]+)@")  # what stands between user and host
REDIS_SCHEMES = ("redis", "rediss", "unix", "sentinel")  # those that redis-py and kombu both take
# What may stand behind the question mark, and how that is said: what redis-py and kombu both take,
# and what changes nothing that runhook relies on, as time-outs or decoded answers would.
REDIS_OPTIONS = {
    "redis": ("", "/NUMBER for the database and nothing"),
    "rediss": (
        "ssl_cert_reqs=(none|optional|required)|"
        "ssl_(check_hostname|ca_certs|ca_path|ca_data|certfile|keyfile|password|ciphers)=.*",
        "nothing but ssl_cert_reqs=none, optional or required, and ssl_check_hostname, "
        "ssl_ca_certs, ssl_ca_path, ssl_ca_data, ssl_certfile, ssl_keyfile, ssl_password and "
        "ssl_ciphers",
    ),
    "unix": (r"db=\d+", "nothing but db=NUMBER"),
    "sentinel": ("", "/SERVICE/DATABASE and nothing"),
}
# A percent sign that escapes nothing: whoever wrote it did not escape the password.
PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
# A path of this machine, as fsspec reads it: with or without a scheme, and the last of a chain.
LOCAL_PATH = re.compile(r"(?:.*::)?(?:(?:file|local):(?://)?)?((?![\w+.-]+:).*)")
# Celery takes several brokers, one behind the other.
SEVERAL = re.compile(r";(?=[\w+.-]+://)")
# The eight that urlsplit or Celery would take for the URL's own.
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
    if parts.scheme == "http" and is_runninghub(parts.hostname):
        raise ValueError("must be https: http would send the key where anybody can read it")
    host = parts.hostname.rstrip(".")
    if ":" in host:
        host = f"[{host}]"
    if parts.port:
        host = f"{host}:{parts.port}"
    return f"{parts.scheme}://{host}{parts.path}".rstrip("/")


@dataclass(frozen=True, kw_only=True)
class SentinelAddress:
    """What `sentinel://[:password@]h1:p1,h2:p2/<service>[/<db>]` says.

    Attributes:
        nodes: The sentinels, each `host:port`.
        service: The name they know the master by; `mymaster` is Redis's own default.
        db: The database's number.
        password: Of the servers; None where they want none.
    """

    nodes: tuple[str, ...]
    service: str
    db: int
    password: str | None

    @classmethod
    def of(cls, url: str) -> Self:
        """Read one."""
        parts = urlsplit(url)
        credentials, _, hosts = parts.netloc.rpartition("@")
        service, _, db = parts.path.strip("/").partition("/")
        password = unquote(credentials.partition(":")[2]) or None
        return cls(
            nodes=tuple(hosts.split(",")),
            service=service or "mymaster",
            db=int(db or 0),
            password=password,
        )


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
    if parts.scheme == "unix" and not parts.path.strip("/"):
        return "must be unix:///PATH/TO/SOCKET"
    allowed, said = REDIS_OPTIONS[parts.scheme]
    if not all(re.fullmatch(allowed, option) for option in parts.query.split("&") if option):
        return f"must have {said} behind the question mark"
    return None


def broker_fault(urls: str) -> str | None:
    """What is wrong with the URL of a server, or of several."""
    for url in SEVERAL.split(urls):
        if url.partition("://")[0].lower() == "memory":
            return "memory is each process's own, and no other would get what is sent"
        if "://" in url and not _can_be_read(url):
            return f"cannot be read as a URL; {SPELLING}"
    return None


def storage_fault(url: str) -> str | None:
    """What is wrong with the URL of a place for files."""
    local = LOCAL_PATH.fullmatch(url)
    if local is None or local[1].startswith(("/", "~")):
        return None
    return (
        "must have the whole path, file:///PATH/TO/FOLDER: this one each process would take from "
        "the folder that it runs in"
    )


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
