"""Who may use /v1, and how far: the entries of RUNHOOK_API_TOKENS."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from runhook.config.strength import weakness

NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")  # of a caller, and of a tenant
TOKEN = re.compile(r"[!-9;-~]+")  # what a header can carry as it is, and no colon

Scope = Literal["read", "submit", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
# Of a token without scopes, as all were before there were any.
EVERYTHING: frozenset[Scope] = frozenset({"admin"})


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody who holds a token.

    Attributes:
        name: Idempotency keys belong to it; and it is the tenant of what he asks for.
        token: What he shows.
        scopes: `read` sees all and changes nothing, `submit` asks for jobs and has to do with those
            of its own tenant alone, `admin` may everything.
    """

    name: str
    token: str = field(repr=False)
    scopes: frozenset[Scope] = EVERYTHING

    def may(self, needed: Collection[str]) -> bool:
        """Whether he may what is open to any of these scopes."""
        return "admin" in self.scopes or not self.scopes.isdisjoint(needed)

    def tenant_in(self, needed: Collection[str]) -> str | None:
        """The one tenant whose jobs he has to do with there; None: everybody's."""
        if "admin" in self.scopes or ("read" in self.scopes and "read" in needed):
            return None
        return self.name


def read_callers(entries: Sequence[str]) -> tuple[Caller, ...]:
    """The callers that `name:token[:scopes]` entries name.

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
    name, _, behind = entry.partition(":")
    token, colon, scopes = behind.partition(":")
    if not NAME.fullmatch(name) or not TOKEN.fullmatch(token):
        raise ValueError(
            f"{which} is not name:token or name:token:scopes; a name is 1 to 100 letters, digits "
            "and _.-, a token printable ASCII without a colon"
        )
    if fault := weakness(token):
        raise ValueError(f"{which}: its token {fault}")
    if not colon:
        return Caller(name=name, token=token)
    return Caller(name=name, token=token, scopes=_scopes(scopes, which))


def _scopes(text: str, which: str) -> frozenset[Scope]:
    named = text.split("+")
    found = frozenset(scope for scope in SCOPES if scope in named)
    if len(found) != len(named):
        raise ValueError(
            f"{which} has an unknown scope; after name:token: write read, submit or "
            "admin, or several of them joined by +"
        )
    return found
