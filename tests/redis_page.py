"""Every key as a page for people: `python -m tests.redis_page` writes docs/redis.md."""

from pathlib import Path

from runhook.worker.store import keys
from runhook.worker.store.sources import FUNCTIONS

PAGE = Path(__file__).parents[1] / "docs" / "redis.md"
HEAD = f"""# What lies in Redis

Written by `make redis` from `worker/store/keys.py`, which names every key; a test fails when this
page is behind it. Every name begins with `{keys.ROOT}`. *Records* are JSON that says its version:
[upgrades.md](upgrades.md). ms are milliseconds since 1970, by the clock of Redis.

Redis 7 and Valkey also keep the scripts that run with every job, as functions whose names begin
with `{FUNCTIONS}`. They are no keys, and the server's and not one database's: whoever misses one
loads it again, and a worker that starts removes those of other releases. On an older server, or as
a user who may not call `FUNCTION` and `FCALL`, they are scripts like all others, which costs Redis
a sixth more.

An ended job with three deliveries takes some 5 KB. The embedded server keeps hashes with values of
up to 2 KiB in one piece; where `REDIS_URL` names another one, set `hash-max-listpack-value 2048`
(`hash-max-ziplist-value` before Redis 7), or a job takes 0.4 KB more.
"""


def page() -> str:
    """All families with their keys."""
    return HEAD + "".join(_family(family) for family in keys.FAMILIES)


def _family(family: keys.Family) -> str:
    rows = [key for key in keys.ALL.values() if key.family is family]
    parts = [
        f"\n## {family.title}\n",
        f"Written by {family.owner}. Ends: {family.end}.\n",
        "| key | type | holds | score |\n|---|---|---|---|",
        *(f"| `{key.name}` | {key.type} | {key.holds} | {key.score} |" for key in rows),
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
