"""URLs that lead to private addresses, in every spelling, by redirect and by rebinding."""

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from runhook.worker.net.outbound import Outbound
from tests.attacks.ground import TOKEN, Ground, Outcome, Try, ask_json, refused
from tests.receiver import Reply as Answer
from tests.receiver import a_receiver

PRIVATE = [
    "127.0.0.1",
    "127.255.0.9",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "192.0.0.8",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
]
V6 = [
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001:db8::1",
    "fec0::1",
]
FIELD = {"model": "vidu/image-to-video-q2-pro", "options": {}}


def tries(ground: Ground) -> Iterator[Try]:
    """Every try of this group."""
    hosts = sorted({spelling for address in PRIVATE for spelling in _spellings(address)})
    hosts += [f"[{address}]" for address in V6] + ["localhost", "LOCALHOST", "localhost."]
    if ground.short:
        hosts = ground.chance.sample(hosts, ground.many(len(hosts)))
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for host in hosts:
        url = f"http://{host}/x"

        def subscribed(url: str = url) -> Outcome:
            body = {"url": url, "events": ["job.succeeded"]}
            made = ask_json(ground.guarded, "POST", "/v1/subscriptions", body, **bearer)
            return Outcome(made.status == 422 or not _dialled(url), made.shown())

        def as_input(url: str = url) -> Outcome:
            media = [url.replace("http://", "https://")]
            body = {**FIELD, "input": {"prompt": "x", "imageUrl": media[0], "duration": "5"}}
            return refused(ask_json(ground.guarded, "POST", "/v1/jobs", body, **bearer), 422)

        yield Try(f"subscription-{host}", f"POST /v1/subscriptions {url}", subscribed)
        yield Try(f"input-{host}", f"POST /v1/jobs imageUrl https://{host}/x", as_input)
    yield Try("rebound", "a name that is public first and private then", _rebound)
    yield Try("redirected", "a subscriber that redirects to a private address", _redirected)


def _dialled(url: str) -> bool:
    """Whether a URL that was taken would be dialled: a name that nobody knows yet is taken."""
    parts = urlsplit(url)
    try:
        return bool(Outbound(allow_private=False).addresses(str(parts.hostname), parts.port or 80))
    except (OSError, ValueError):
        return False


def _spellings(address: str) -> Iterator[str]:
    number = int(ipaddress.IPv4Address(address))
    parts = address.split(".")
    yield from (address, str(number), hex(number), f"0{number:o}")
    yield ".".join(hex(int(part)) for part in parts)
    yield ".".join(f"0{int(part):o}" for part in parts)
    yield f"{parts[0]}.{int(number) & 0xFFFFFF}"
    yield f"{parts[0]}.{parts[1]}.{number & 0xFFFF}"
    yield from (f"[::ffff:{address}]", f"[::{address}]", f"[64:ff9b::{address}]")
    yield f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::1]"
    yield address.translate({ord(str(digit)): 0xFF10 + digit for digit in range(10)})
    yield address.replace(".", "\u3002")
    yield f"user@{address}"
    yield f"{address}:80"


def _rebound() -> Outcome:
    asked: list[str] = []

    def lookup(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        there = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (there, port))]

    with a_receiver() as private:
        outbound = Outbound(allow_private=False, seconds=2, lookup=lookup)
        url = f"http://rebinding.example:{private.server_port}/x"
        fault = outbound.refusal(url)  # the public answer, as when it is subscribed
        heard = outbound.post(url, b"{}", {})
        held = fault is None and heard.status is None and not private.requests
        return Outcome(held, f"{fault}; {heard}")


def _redirected() -> Outcome:
    with a_receiver() as private, a_receiver() as public:
        public.answers(
            Answer(307, {"Location": private.url}), Answer(302, {"Location": private.url})
        )
        for _ in range(2):
            Outbound(allow_private=True).post(public.url, b"{}", {})
        return Outcome(len(public.requests) == 2 and not private.requests, f"{private.requests}")
