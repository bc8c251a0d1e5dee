"""What struck around an attempt that RunningHub accepted twice: where to look for the reason."""

from collections.abc import Sequence
from typing import Any

from tests.chaos.backwards import WentBack
from tests.chaos.storm import Kill

NEAR = 30.0  # seconds before and after in which a blow may have to do with it


def around(
    what: str, tasks: Sequence[dict[str, Any]], kills: Sequence[Kill], backs: Sequence[WentBack]
) -> str:
    """When its tasks were accepted and what was struck near to that, in seconds from the first."""
    accepted = sorted(float(t["bornAt"]) for t in tasks if what in (t["webhookUrl"], t["prompt"]))
    first, last = accepted[0], accepted[-1]
    said = [(at, "accepted") for at in accepted]
    said += [(kill.at, kill.victim) for kill in kills]
    said += [(back.copied, "Redis copied") for back in backs]
    said += [(back.back, "Redis back at that") for back in backs]
    near = sorted(one for one in said if first - NEAR < one[0] < last + NEAR)
    return f"{what}: " + ", ".join(f"{at - first:+.1f} {which}" for at, which in near)
