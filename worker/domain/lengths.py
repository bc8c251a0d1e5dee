"""How long something took, in one unit: two figures say enough. Pure."""

# From how many of a unit on the next larger one says enough, in seconds.
IN_SECONDS, IN_MINUTES, IN_HOURS = 100, 2 * 60 * 60, 48 * 60 * 60
TENTHS = 10  # seconds below which tenths are of interest in what is over


def lasted(seconds: float) -> str:
    """A length of time, by the seconds that are over: `4 s`, `61 s`, `12 min`, `3 h`, `2 d`."""
    whole = max(0, int(seconds))
    if whole < IN_SECONDS:
        return f"{whole} s"
    if whole < IN_MINUTES:
        return f"{whole // 60} min"
    if whole < IN_HOURS:
        return f"{whole // 3600} h"
    return f"{whole // 86400} d"


def lasting(seconds: float) -> str:
    """The same of what is over, where tenths of a short one are of interest: `0.4 s`."""
    if seconds < TENTHS:
        return f"{max(seconds, 0):.1f} s"
    return lasted(round(seconds))
