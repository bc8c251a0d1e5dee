"""How strong a secret is: whether trying all that look like it would ever end."""

import math
import string

SHORTEST_SECRET = 32  # characters: RunningHub and every proxy on the way see what it signs
ENOUGH = 128  # bits: what nobody tries out, whatever he may ask a second
MOST_BITS = 6.0  # of one character: base64url, as the usual makers write
# Fewer different characters than any random secret of this length has: a word, or a row of one.
FEWEST = 8
HOW = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'
# What is written with few characters has fewer bits in each; the first that holds all counts.
ALPHABETS = (
    string.digits,
    string.digits + "abcdef",
    string.digits + "ABCDEF",
    string.digits + string.ascii_lowercase + "-_.",
    string.digits + string.ascii_uppercase + "-_.",
)


def bits(secret: str) -> float:
    """How many bits a random secret has that is written so; one that was thought up has fewer."""
    known = (len(alphabet) for alphabet in ALPHABETS if set(secret) <= set(alphabet))
    return len(secret) * min(math.log2(next(known, math.inf)), MOST_BITS)


def weakness(secret: str) -> str | None:
    """Why a secret is too weak, unshown, and how to make one; None where it is strong."""
    if bits(secret) >= ENOUGH:
        return None
    return (
        f"has less than {ENOUGH} bits (22 letters and digits, or 32 hexadecimal digits), so it "
        f"could be guessed; make one with: {HOW}"
    )


def weak_secret(secret: str) -> str | None:
    """Why a secret of callback URLs is too weak, without showing it; None where it is strong."""
    if len(secret) < SHORTEST_SECRET:
        return f"has fewer than {SHORTEST_SECRET} characters; make one with: {HOW}"
    return weakness(secret)


def looks_made_up(secret: str) -> bool:
    """Whether nobody drew it by lot: long enough, and yet a word or a row of one character."""
    return len(set(secret)) < FEWEST
