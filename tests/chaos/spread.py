"""How long things took, in a line."""

from collections.abc import Sequence


def spread(values: Sequence[float]) -> str:
    """Half of them, nearly all, and the longest; the values are sorted."""
    if not values:
        return "none"
    at = {share: values[min(len(values) - 1, int(len(values) * share))] for share in (0.5, 0.99)}
    return f"p50 {at[0.5]:.1f} s, p99 {at[0.99]:.1f} s, longest {values[-1]:.1f} s"
