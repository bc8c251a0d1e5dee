"""Text from outside, made fit to be written down: valid, printable, and not too long. Pure."""

import re

# Control characters but tab and newline: they end log lines, drive terminals, and mean nothing.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: str, longest: int) -> str:
    """The text without what cannot be encoded or shown, cut to `longest` characters."""
    whole = text[: 2 * longest].encode("utf-8", "replace").decode("utf-8")
    shown = _CONTROL.sub("�", whole)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
