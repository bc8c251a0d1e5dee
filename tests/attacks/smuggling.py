"""Two requests in the clothes of one, and requests that no server should take."""

from collections.abc import Iterator

from tests.attacks.ground import TOKEN, Ground, Outcome, Try, raw

INNER = (
    "GET /v1/account HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + TOKEN + "\r\n\r\n"
).encode()
TRANSFERS = [
    "Transfer-Encoding: chunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding:\r\n chunked",
    "transfer-encoding: CHUNKED",
    "Transfer-Encoding: chunked\x0b",
    "X: y\nTransfer-Encoding: chunked",
    "Transfer_Encoding: chunked",
]
LENGTHS = ["0", "5", "+5", "-1", "0x5", "5,6", "5,5", "99999999999999999999999", "5", "5e0"]


def tries(ground: Ground) -> Iterator[Try]:
    """Every try of this group; the inner request must never be answered."""
    requests: dict[str, bytes] = {}
    for number, transfer in enumerate(TRANSFERS):
        for length in ("0", str(len(INNER) + 5)):
            head = f"Content-Length: {length}\r\n{transfer}\r\n"
            requests[f"both-{number}-{length}"] = _request(head, b"0\r\n\r\n" + INNER)
    for first in LENGTHS:
        for second in LENGTHS[: ground.many(len(LENGTHS))]:
            if first == second == "5":
                continue  # all agree: what follows is an honest second request
            head = f"Content-Length: {first}\r\nContent-Length: {second}\r\n"
            requests[f"lengths-{first}-{second}"] = _request(head, b"x=1&y" + INNER)
    odd = {
        "obs-fold": "X: a\r\n b\r\n",
        "null": "X: a\x00b\r\n",
        "bare-cr": "X: a\rb\r\n",
        "no-colon": "nonsense\r\n",
        "hosts": "Host: localhost\r\n",
        "large-head": f"X: {'a' * 200_000}\r\n",
        "many-heads": "".join(f"X-{n}: a\r\n" for n in range(5000)),
    }
    requests |= {name: _request(head, b"") for name, head in odd.items()}
    for name, sent in requests.items():

        def carry_out(sent: bytes = sent) -> Outcome:
            got = raw(ground.guarded, sent, 1.0)
            inside = b'"balance"' in got or b'"coins"' in got or b" 200 " in got[:20]
            return Outcome(not inside, repr(got[:300]))

        yield Try(name, repr(sent), carry_out)


def _request(head: str, body: bytes) -> bytes:
    line = "POST /v1/jobs HTTP/1.1\r\nHost: evil.example\r\n"
    return (line + head).encode() + b"\r\n" + body
