"""How waiting for jobs is shown: by a picture that moves, a line for each change, or nothing."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

INTERACTIVE, COMPACT, QUIET = "interactive", "compact", "quiet"
OUTPUTS = (INTERACTIVE, COMPACT, QUIET)


def chosen(wanted: str | None, console: "Console") -> str:
    """How it is shown on a console, unless its user says so: moving pictures are for terminals."""
    if wanted is not None:
        return wanted
    if console.is_terminal:
        return INTERACTIVE
    return COMPACT
