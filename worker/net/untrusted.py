"""Words from outside, made fit to be kept: text that can be written down, heads without secrets.

RunningHub, users' handlers and subscribers may say anything; UTF-8 and JSON cannot hold all of it.
"""

import re

from runhook.worker.telemetry import hidden, masked

LONGEST = 64 * 1024  # characters of one text: more than any prompt, and a record stays small
EXCERPT = 4096  # bytes of a body that the timeline shows
ROOM = 2  # so much more is read for an excerpt, because masking and unescaping shorten it

EDGE = 512  # characters before a cut that may hold the beginning of a secret

_SURROGATES = re.compile(r"[\ud800-\udfff]")  # no UTF-8 has them; JSON can spell them
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # all but tab and line ends
# Both begin at the first of many backslashes only: else a body of nothing else takes seconds.
_SPELT = re.compile(r"(?<!\\)\\+u00([0-7][0-9a-fA-F])")  # "\u003f" for a plain character
_ESCAPES = re.compile(r"(?<!\\)\\+(?=[\"/])")  # of a quotation mark or slash in JSON within JSON


def clean(text: str, longest: int = LONGEST) -> str:
    """Text that UTF-8, Redis and a terminal can hold, without our secrets; a cut is counted."""
    # Cleaned before it is searched: a control character in a secret must not hide it.
    if not text.isprintable():
        text = _CONTROLS.sub("", text)
    return writable(hidden(text), longest)


def writable(text: str, longest: int) -> str:
    """Text that can be held, with whatever it says."""
    if not text.isprintable():  # most is: no need to look for either then
        text = _CONTROLS.sub("", _SURROGATES.sub("\ufffd", text))
    return cut(text, longest)


def cut(text: str, longest: int) -> str:
    """The head of a text that is too long, and how long it was."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]}… (cut; it had {len(text)} characters)"


def one_line(text: str) -> str:
    """Text that stays in its line on a terminal: what would move, colour or turn it is a space."""
    return "".join(char if char.isprintable() else " " for char in text)


def lines(text: str) -> str:
    """Text of several lines for a terminal, each as `one_line` has it; tabs stay."""
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)


def without_secrets(body: bytes) -> bytes:
    """Bytes as they came, but for our secrets."""
    return hidden(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def excerpt(body: bytes) -> str:
    """The head of a body for the timeline: signatures, URL queries and tokens masked.

    JSON has many spellings of one character, and a secret must not hide behind any of them.
    """
    window = EXCERPT * ROOM
    text = body[:window].decode("utf-8", "replace")
    if "u00" in text:
        text = _SPELT.sub(lambda found: chr(int(found[1], 16)), text)
    text = clean(text).replace('\\"', '"')  # nearly all that the next pattern finds, and faster
    if "\\" in text:
        text = _ESCAPES.sub("", text)
    text = masked(text)
    if len(body) > window:
        text = text[:-EDGE]
    return text.encode()[:EXCERPT].decode("utf-8", "ignore")
