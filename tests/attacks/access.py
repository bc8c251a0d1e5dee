"""Who has no token, and who is not this machine."""

from collections.abc import Iterator

from tests.attacks.ground import TOKEN, Ground, Outcome, Try, ask, refused
from webhook.access import MOST_WRONG

PATH = "/v1/jobs?limit=1"
FOREIGN_HOSTS = [
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "evil.example:8080",
    "127.0.0.2",
    "0.0.0.0",
    "[::ffff:127.0.0.1]",
    "127.1",
    "2130706433",
    "localhost@evil.example",
    "evil.example#localhost",
]
PROXIED = [
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "x-forwarded-for",
    "X-FORWARDED-FOR",
    "X-Forwarded-Port",
    "X-Real-IP",
    "Via",
    "CF-Connecting-IP",
    "True-Client-IP",
    "X-Client-IP",
    "Fly-Client-IP",
    "X-Cluster-Client-IP",
    "X-Original-Host",
    "X-Envoy-External-Address",
    "Fastly-Client-IP",
]
OPEN = [
    "X-Real-IP",
    "Via",
    "CF-Connecting-IP",
    "True-Client-IP",
    "X-Client-IP",
    "Fly-Client-IP",
    "X-Cluster-Client-IP",
    "X-Original-Host",
    "X-Envoy-External-Address",
    "Fastly-Client-IP",
    "Sec-Fetch-Site",
]
ORIGINS = "null https://evil.example http://localhost.evil.example file:// http://127.0.0.1.nip.io"


def tries(ground: Ground) -> Iterator[Try]:
    """Every try of this group."""
    for number, headers in enumerate([*_without_token(ground), *_near_tokens(ground)]):

        def guarded(headers: dict[str, str] = headers) -> Outcome:
            return refused(ask(ground.guarded, "GET", PATH, headers), 401, 400, 429)

        yield Try(f"token-{number}", f"GET {PATH} {headers}", guarded)
    guesses = f"{2 * MOST_WRONG} wrong tokens, then a right one"
    yield Try("guessing", guesses, lambda: _guessing(ground))
    spellings: list[dict[str, str]] = [{"Host": host} for host in FOREIGN_HOSTS]
    spellings += [{name: "203.0.113.9"} for name in PROXIED]
    spellings += [{"Origin": origin} for origin in ORIGINS.split()]
    spellings += [{"Sec-Fetch-Site": "cross-site"}]
    for headers in spellings:

        def here(headers: dict[str, str] = headers) -> Outcome:
            return refused(ask(ground.town.web, "GET", PATH, headers), 400, 401, 403, 421)

        name = "-".join(f"{key}-{value}" for key, value in headers.items())
        yield Try(f"loopback-{name}", f"GET {PATH} {headers}", here)


def _guessing(ground: Ground) -> Outcome:
    """Held when whoever guesses is told to stop, and who need not guess is not."""
    wrong = [
        ask(ground.guarded, "GET", PATH, {"Authorization": f"Bearer {ground.chance.random()}"})
        for _ in range(2 * MOST_WRONG)
    ]
    right = ask(ground.guarded, "GET", PATH, {"Authorization": f"Bearer {TOKEN}"})
    came = [reply.status for reply in wrong]
    held = set(came) <= {401, 429} and came[-1] == 429 and right.status == 200
    return Outcome(held, f"{came}, then {right.shown()}")


def _without_token(ground: Ground) -> list[dict[str, str]]:
    plain = [{}, {"Cookie": f"token={TOKEN}"}, {"X-Api-Key": TOKEN}, {"Authorization": TOKEN}]
    kinds = ("Basic", "Digest", "Bearer:", "Token", "BearerBearer", "")
    return [*plain, *({"Authorization": f"{kind} {TOKEN}"} for kind in kinds)]


def _near_tokens(ground: Ground) -> list[dict[str, str]]:
    near = [TOKEN.upper(), TOKEN[:-1], TOKEN + "0", TOKEN[::-1], "", "*", "\u00e9", TOKEN + "\x00"]
    for _ in range(ground.many(100)):
        at = ground.chance.randrange(len(TOKEN))
        near.append(TOKEN[:at] + chr(ground.chance.randrange(33, 126)) + TOKEN[at + 1 :])
    return [{"Authorization": f"Bearer {one}"} for one in near if one != TOKEN]
