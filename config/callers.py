"""Who may use /v1: the entries of RUNHOOK_API_TOKENS."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from config.strength import weakness

NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")  # of a caller, and of a tenant
TOKEN = re.compile(r"[!-~]+")  # what a header can carry as it is


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody who holds a token.

    Attributes:
        name: Idempotency keys belong to it.
        token: What he shows.
    """

    name: str
    token: str = field(repr=False)


def read_callers(entries: Sequence[str]) -> tuple[Caller, ...]:
    """The callers that `name:token` entries name.

    Raises:
        ValueError: One is wrong. The text says which by its place: a name may be a token that
            stands in the wrong place.
    """
    found: list[Caller] = []
    for number, entry in enumerate(entries, start=1):
        caller = _caller(entry, f"entry {number}")
        twins = [i for i, other in enumerate(found, start=1) if other.token == caller.token]
        if twins:
            raise ValueError(f"entries {twins[0]} and {number} have the same token")
        found.append(caller)
    return tuple(found)


def _caller(entry: str, which: str) -> Caller:
    name, colon, token = entry.partition(":")
    if not colon or not NAME.fullmatch(name) or not TOKEN.fullmatch(token):
        raise ValueError(
            f"{which} is not name:token; a name is 1 to 100 letters, digits and _.-, a token "
            "printable ASCII"
        )
    if fault := weakness(token):
        raise ValueError(f"{which}: its token {fault}")
    return Caller(name=name, token=token)
