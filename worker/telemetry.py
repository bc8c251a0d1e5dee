"""What processes report: the catalogue of log lines, and what is masked in everything they say."""

import base64
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, quote_plus

# What is masked, in every text that a log, the timeline or a command shows.
PASSWORD = re.compile(r"(?<=://)[^\s/]*@")  # a URL's, and who it is of
# Any signature of a callback URL, also one of a stranger's making.
SIGNATURE = re.compile(r"(/callbacks/[^/\s]+/\d+/)[^/?\s\"]+")
# The same of our own making: 40 hexadecimal digits, also where the URL is quoted in another.
SIGNED = re.compile(r"(callbacks(?:\\?/|%2F)[\w.~-]+(?:\\?/|%2F)\d+(?:\\?/|%2F))[0-9a-f]{40}", re.I)
# A presigned URL is as good as a password to what it names.
QUERY = re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']+")
# Behind "token" and no sign a word of a sentence may follow; what is secret has digits or capitals.
TOKENS = re.compile(
    r"(whsec_|Bearer[=: \"]+|(?:Rh-Comfy-Auth|apiKey|api_key|token)"
    r"(?:[=: ]*[=:\"][=: \"]*| +(?=\S*(?-i:[0-9A-Z]))))[^\s&\"]+",
    re.I,
)

# What one of the patterns that ignore case needs; a look for it costs a twentieth of the pattern.
SIGNED_WORDS = ("callbacks",)
TOKEN_WORDS = ("whsec_", "bearer", "rh-comfy-auth", "apikey", "api_key", "token")
# Besides their own capitals, all that such a pattern takes for letters of ASCII: s, k, i and i.
LOOKALIKES = "\u017f\u212a\u0130\u0131"

SHORTEST_HIDDEN = 8  # characters; what is shorter is a sandbox's and would blot out common words

# What is worth a line, and how loud: errors want somebody to act, warnings to know, the rest tells
# what goes on. A name that is not here cannot be logged. Names and fields stay: people search their
# logs by them.
EVENTS = {
    "process.started": logging.INFO,  # a process is ready
    "process.stopped": logging.INFO,
    "settings.unknown": logging.WARNING,  # a variable that begins like ours: most often misspelt
    "redis.not_durable": logging.WARNING,  # a restart of Redis would lose jobs
    "redis.away": logging.WARNING,  # it does not answer; said once until it is back
    "redis.back": logging.INFO,
    "redis.lost_writes": logging.ERROR,  # it forgot what it had confirmed; the queue is paused
    "storage.away": logging.WARNING,  # the storage of files does not answer
    "storage.not_ours_alone": logging.WARNING,  # others are in it, or not all of ours are
    "output.archived": logging.INFO,  # our own copy of an output is there
    "output.not_had": logging.WARNING,  # an output could not be fetched; it is tried again
    "thumbnail.none": logging.INFO,  # a picture or film that no decoder here can show small
    "job.moved": logging.INFO,  # a job changed its state
    "job.forgotten": logging.INFO,  # removed at its owner's word, with all that is its own
    "submit.answered": logging.INFO,  # what RunningHub answered to a paid request
    "queue.limit": logging.INFO,  # how many jobs RunningHub allows at once
    "callback.refused": logging.WARNING,  # a wrong signature; rate-limited
    "token.refused": logging.WARNING,  # somebody tries tokens; rate-limited
    "token.throttled": logging.WARNING,  # a token asks too often; rate-limited
    "callback.unreadable": logging.WARNING,  # kept, not believed; RunningHub is asked instead
    "callback.not_kept": logging.ERROR,  # Redis did not take it; RunningHub sends it again
    "alert": logging.ERROR,  # what is also a `runhook.alert` event
    "delivery.recorded": logging.INFO,  # how one attempt to deliver an event went
    "subscription.disabled": logging.ERROR,  # nothing is delivered to it any more
    "handler.no_model": logging.WARNING,  # it hears nothing: its model is not in the catalogue
    "handler.unknown": logging.WARNING,  # a delivery waits for a handler that no process has
    "record.unreadable": logging.WARNING,  # left as it is
    "lane.busy": logging.DEBUG,
    "task.failed": logging.ERROR,  # an exception nobody foresaw; its duty is tried again
    "celery.says": logging.WARNING,  # a warning of celery's or kombu's own
}
# Libraries whose warnings are ours to show: without a handler kombu's loggers keep them to
# themselves. Users' own loggers are left to users.
LIBRARIES = ("celery", "kombu", "multiprocessing")

# On a terminal: what a level looks like, and the parts of a line.
RED, GREEN, YELLOW, MAGENTA, CYAN = (f"\x1b[{code}m" for code in (31, 32, 33, 35, 36))
PLAIN, BOLD, DIM = "\x1b[0m", "\x1b[1m", "\x1b[2m"
COLOURS = {"warning": YELLOW, "error": RED, "critical": RED}  # of levels that are not GREEN
# Anything may be a field; made once, because making one costs more than writing a line.
JSON = json.JSONEncoder(default=repr)

# What web is answering in this context; empty: nothing.
_request: ContextVar[str] = ContextVar("request", default="")
_spelt_out: Callable[[dict[str, Any]], str] = JSON.encode  # what a line looks like
_ours = False  # this process is one of runhook's own
_spellings: tuple[str, ...] = ()  # of every secret of this process, the longest first


def conceal(secrets: Iterable[str]) -> None:
    """From now on show these values nowhere, in none of the spellings that an echo may have.

    Args:
        secrets: Of this process; those shorter than SHORTEST_HIDDEN characters are left out.
    """
    global _spellings
    found = {*_spellings}
    for secret in secrets:
        if len(secret) >= SHORTEST_HIDDEN:
            found |= _spelt(secret)
    # The longest first: a part that was masked would hide the rest of a longer one.
    _spellings = tuple(sorted(found, key=len, reverse=True))


def hidden(text: str) -> str:
    """Text without the secrets of this process and the signatures of callback URLs."""
    if _has_any(text, SIGNED_WORDS):
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
    # Base64 writes three bytes at a time, so the same bytes look in three ways.
    for before in range(3):
        bits = base64.b64encode(bytes(before) + raw).decode()
        # Characters that hold bits of the secret alone.
        inner = bits[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return found


def masked(text: str) -> str:
    """Text without this process's secrets, callback signatures, URL queries and tokens."""
    text = hidden(text)
    if "@" in text:
        text = PASSWORD.sub("***@", text)
    if "/callbacks/" in text:
        text = SIGNATURE.sub(r"\1***", text)
    if "?" in text:
        text = QUERY.sub(r"\1?***", text)
    if _has_any(text, TOKEN_WORDS):
        text = TOKENS.sub(r"\1***", text)
    return text


def _has_any(text: str, words: Iterable[str]) -> bool:
    """Whether a pattern that ignores case and needs one of these words can find anything."""
    low = text.lower()
    for word in words:
        if word in low:
            return True
    return not low.isascii() and any(letter in text for letter in LOOKALIKES)


def _harmless(entry: dict[str, Any]) -> dict[str, Any]:
    """Fields in which nothing moves the cursor or begins a line of its own; a trace is indented."""
    shown = dict(entry)
    for name, value in entry.items():
        if name == "exception":
            shown[name] = "\n  ".join(_printable(row) for row in str(value).splitlines())
        elif isinstance(value, str):
            shown[name] = _printable(value)
    return shown


def _printable(text: str) -> str:
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char.isprintable():
        return char
    return " "


def configure() -> None:
    """Log to standard error: colours on a terminal, one JSON object a line elsewhere."""
    global _spelt_out, _out, _ours
    _out, _ours = _to_stderr, True
    _spelt_out = JSON.encode
    if sys.stderr.isatty():
        _spelt_out = _coloured
    for name in LIBRARIES:
        library = logging.getLogger(name)
        library.handlers = [_Library(logging.WARNING)]
        library.propagate = False


def use_logging() -> None:
    """In a process of somebody else's, lines are for its own logging, under the name `runhook`."""
    global _out
    if not _ours:
        _out = _to_logging


def in_request(name: str) -> Token[str]:
    """From now on lines of this context name the request that they are about."""
    return _request.set(name)


def request_over(token: Token[str]) -> None:
    """It is answered; `token` is what `in_request` gave."""
    # A stream's end may come in another context than its beginning.
    with suppress(ValueError):
        _request.reset(token)


def _coloured(entry: dict[str, Any]) -> str:
    """A line for people: when, how loud, what, its fields, and a trace below them."""
    fields = _harmless(entry)
    time, level, event = (fields.pop(name) for name in ("timestamp", "level", "event"))
    trace = fields.pop("exception", "")
    colour = COLOURS.get(level, GREEN)
    parts = [f"{DIM}{time}{PLAIN} [{colour}{level:<9}{PLAIN}] {BOLD}{event:<30}{PLAIN}"]
    parts += [f"{CYAN}{name}{PLAIN}={MAGENTA}{value}{PLAIN}" for name, value in fields.items()]
    return "\n".join(filter(None, (" ".join(parts), trace)))


def _write(level: int, event: str, fields: dict[str, Any]) -> None:
    """One line, without secrets."""
    if level < logging.INFO:
        return
    if name := _request.get():
        fields["request"] = name
    exception = fields.pop("exc_info", None)
    if exception:
        fields["exception"] = _trace(exception)
    moment = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    said = {"event": event, "level": logging.getLevelName(level).lower(), "timestamp": moment}
    entry = _masked_fields(fields) | said
    _out(level, hidden(_spelt_out(entry)))


def _masked_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields whose texts are masked, each by itself; one look says that most lines have nothing.

    No pattern reaches over the end of a line, so what is in one of the texts is in all together.
    """
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    together = "\n".join(texts.values())
    if masked(together) == together:
        return fields
    return fields | {name: masked(value) for name, value in texts.items()}


def _to_logging(level: int, line: str) -> None:
    logging.getLogger("runhook").log(level, "%s", line)


def _to_stderr(_: int, line: str) -> None:
    """In one write: children share standard error, and no lock is held over a fork.

    A pipe takes up to 4096 bytes in one piece, so that lines of two processes are not mixed.
    """
    line = f"{line}\n"
    try:
        os.write(sys.stderr.fileno(), line.encode(errors="backslashreplace"))
    except (OSError, ValueError, AttributeError):
        # Whoever runs this may have put something else in its place, or closed it.
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(line)


_out: Callable[[int, str], None] = _to_stderr  # where a line goes


def _trace(exception: object) -> str:
    """A traceback, of whatever logging takes for one: an exception, its triple, or True."""
    if isinstance(exception, tuple):
        exception = exception[1]
    if not isinstance(exception, BaseException):
        exception = sys.exception()
    return "".join(traceback.format_exception(exception)).rstrip("\n")


class _Library(logging.Handler):
    """What a library warns of, as a line of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        said: dict[str, Any] = {"why": record.getMessage(), "logger": record.name}
        if record.exc_info:
            said["exc_info"] = record.exc_info
        _write(record.levelno, "celery.says", said)


def report(name: str, /, **fields: Any) -> None:
    """Write one line to the log.

    Args:
        name: One of EVENTS, which tells its level.
        fields: Its particulars; secrets in them are masked.

    Raises:
        KeyError: The catalogue has no such line.
    """
    _write(EVENTS[name], name, fields)
