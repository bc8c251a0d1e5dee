"""The one catalogue of what processes report: log lines with fields, and what is masked in them."""

import base64
import json
import logging
import os
import re
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any
from urllib.parse import quote, quote_plus

import structlog

PASSWORD = re.compile(r"(?<=://)[^\s/]*@")  # a URL's, and who it is of
SIGNATURE = re.compile(r"(/callbacks/[^/\s]+/\d+/)[^/?\s\"]+")
# The same of our own making: 40 hexadecimal digits, also where the URL is quoted in another.
SIGNED = re.compile(r"(callbacks(?:\\?/|%2F)[\w.~-]+(?:\\?/|%2F)\d+(?:\\?/|%2F))[0-9a-f]{40}", re.I)
QUERY = re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']+")
# Behind "token" and no sign a word of a sentence may follow; what is secret has digits or capitals.
TOKENS = re.compile(
    r"(whsec_|Bearer[=: \"]+|(?:Rh-Comfy-Auth|apiKey|api_key|token)"
    r"(?:[=: ]*[=:\"][=: \"]*| +(?=\S*(?-i:[0-9A-Z]))))[^\s&\"]+",
    re.I,
)

SHORTEST_HIDDEN = 8  # characters; what is shorter is a sandbox's and would blot out common words

# What is worth a line, and how loud. A name that is not here cannot be logged.
EVENTS = {
    "process.started": logging.INFO,
    "process.stopped": logging.INFO,
    "settings.unknown": logging.WARNING,
    "redis.not_durable": logging.WARNING,
    "redis.away": logging.WARNING,
    "redis.back": logging.INFO,
    "redis.lost_writes": logging.ERROR,
    "storage.away": logging.WARNING,
    "job.moved": logging.INFO,
    "submit.answered": logging.INFO,
    "line.limit": logging.INFO,
    "callback.refused": logging.WARNING,
    "token.refused": logging.WARNING,
    "callback.unreadable": logging.WARNING,
    "callback.not_kept": logging.ERROR,
    "alert": logging.ERROR,
    "delivery.recorded": logging.INFO,
    "subscription.disabled": logging.ERROR,
    "handler.unknown": logging.WARNING,
    "record.unreadable": logging.WARNING,
    "lane.busy": logging.DEBUG,
    "task.failed": logging.ERROR,
    "celery.says": logging.WARNING,
}
# Whose warnings and errors are ours to show: without a handler kombu's loggers keep them to
# themselves. Users' own loggers are left to users.
LIBRARIES = ("celery", "kombu", "multiprocessing")


_spellings: tuple[str, ...] = ()  # of every secret of this process, the longest first


def conceal(secrets: Iterable[str]) -> None:
    """From now on these values are shown nowhere, in none of the spellings that an echo has."""
    global _spellings
    found = {*_spellings}
    for secret in secrets:
        if len(secret) >= SHORTEST_HIDDEN:
            found |= _spelt(secret)
    _spellings = tuple(sorted(found, key=len, reverse=True))


def hidden(text: str) -> str:
    """Text without the secrets of this process and the signatures of callback URLs."""
    text = SIGNED.sub(r"\1***", text)
    for spelling in _spellings:
        text = text.replace(spelling, "***")
    return text


def _spelt(secret: str) -> set[str]:
    """As it is, in a URL, in JSON, and in base64 wherever in a text it begins."""
    escaped = json.dumps(secret)[1:-1]
    quoted = quote(secret, safe="")
    found = {secret, quoted, quote_plus(secret), escaped, escaped.replace("/", "\\/")}
    found.add(re.sub("%..", lambda one: one[0].lower(), quoted))
    raw = secret.encode()
    for before in range(3):
        bits = base64.b64encode(bytes(before) + raw).decode()
        # Characters that hold bits of the secret alone.
        inner = bits[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return found


def masked(text: str) -> str:
    """Text without this process's secrets, callback signatures, URL queries and tokens."""
    text = PASSWORD.sub("***@", hidden(text))
    text = SIGNATURE.sub(r"\1***", text)
    text = QUERY.sub(r"\1?***", text)
    return TOKENS.sub(r"\1***", text)


def _harmless(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Fields in which nothing moves the cursor or begins a line of its own; a trace is indented."""
    for name, value in event.items():
        if isinstance(value, str):
            rows = [value] if name != "exception" else value.splitlines()
            plain = ("".join(c if c.isprintable() else " " for c in row) for row in rows)
            event[name] = "\n  ".join(plain)
    return event


def _mask(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {k: masked(v) if isinstance(v, str) else v for k, v in event.items()}


def configure() -> None:
    """Log to standard error: colours on a terminal, one JSON object a line elsewhere."""
    terminal = sys.stderr.isatty()
    last: Any = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask,
            *([_harmless] if terminal else []),
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=_Lines,
    )
    for name in LIBRARIES:
        library = logging.getLogger(name)
        library.handlers = [_Library(logging.WARNING)]
        library.propagate = False


class _Lines:
    """Standard error, a line one write: children share it, and no lock is held across a fork.

    A pipe takes so many as 4096 bytes in one piece.
    """

    def __init__(self, *_: object) -> None:
        self._file = sys.stderr.fileno()

    def msg(self, line: str) -> None:
        """Write one."""
        os.write(self._file, f"{hidden(line)}\n".encode(errors="backslashreplace"))

    log = debug = info = warning = error = critical = msg


class _Library(logging.Handler):
    """What a library warns of, as a line of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        said = {"why": record.getMessage(), "logger": record.name}
        if record.exc_info:
            said["exc_info"] = record.exc_info  # type: ignore[assignment]
        structlog.get_logger().log(record.levelno, "celery.says", **said)


def report(name: str, /, **fields: Any) -> None:
    """Write one line of the catalogue."""
    structlog.get_logger().log(EVENTS[name], name, **fields)
