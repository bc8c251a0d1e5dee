"""URLs that users gave: public addresses only, a little of the answer, fifteen seconds in all."""

import gzip
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from runhook.worker.net.addresses import is_public
from runhook.worker.net.http import FAILURES, Call, Http, MayNotLeave
from runhook.worker.net.outbound import LARGEST_ANSWER, Outbound
from tests.receiver import Receiver, Reply


def _leads_to(*addresses: str) -> Any:
    """A lookup that answers one address after the other, the last for ever."""
    left = list(addresses)

    def lookup(host: str, port: int, **_: Any) -> list[Any]:
        address = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    return lookup


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::1",
        "168.63.129.16",
        "192.0.0.8",
        "192.0.0.192",
        "192.88.99.1",
        "198.18.0.1",
        "203.0.113.9",
        "fec0::1",
        "3fff::1",
        "5f00::1",
        "2001:1::1",
        "2001:db8::1",
        "2001:0:7f00:1::1",
        "64:ff9b:1::808:808",
        "64:ff9b::a9fe:a9fe",
        "::7f00:1",
    ],
)
def test_a_private_address_is_none_of_the_public_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::808:808"])
def test_a_public_address_is(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://example.com/", "http or https"),
        ("example.com/hook", "http or https"),
        ("http://", "http or https"),
        ("https://user:pass@example.com/", "credentials"),
        ("https://user@example.com/", "credentials"),
        ("http://127.0.0.1/hook", "private address 127.0.0.1"),
        ("http://localhost:3000/hook", "private address"),
        ("http://2130706433/", "private address 127.0.0.1"),
        ("http://0x7f.1/", "private address 127.0.0.1"),
        ("http://017700000001/", "private address 127.0.0.1"),
        ("http://127.0.0.%31/", "private address 127.0.0.1"),
        ("http://localhos%74:080/", "private address"),
        ("http://localhost./", "private address"),
        ("HTTP://LOCALHOST/", "private address"),
        ("http://\uff11\uff12\uff17.0.0.1/", "does not have a valid host name"),
        ("http://[::ffff:7f00:1]/", "private address"),
        ("http://169.254.169.254/latest/meta-data", "private address"),
        ("http://[::1", "no URL"),
        ("http://example.com:99999/", "no URL"),
        ("https://example.com/a b", "blanks"),
        ("https://a..b/", "does not have a valid host name"),
        ("https://example.com/" + "a" * 2000, "2000 characters"),
    ],
)
def test_a_bad_url_is_refused_with_the_reason(url: str, says: str) -> None:
    assert says in str(Outbound(allow_private=False).refusal(url))


def test_a_name_that_nobody_knows_yet_is_taken() -> None:
    def lookup(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror("Name or service not known")

    assert Outbound(allow_private=False, lookup=lookup).refusal("https://soon.example/") is None


def test_a_name_that_turns_private_later_is_not_dialled(receiver: Receiver) -> None:
    outbound = Outbound(allow_private=False, lookup=_leads_to("93.184.216.34", "127.0.0.1"))
    url = f"http://hook.example:{receiver.server_port}/"
    assert outbound.refusal(url) is None
    heard = outbound.post(url, b"{}", {})
    assert "private address 127.0.0.1" in str(heard.why)
    assert receiver.requests == []


def test_one_private_address_among_public_ones_is_enough() -> None:
    def lookup(host: str, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", (address, port)) for address in ("93.184.216.34", "10.0.0.1")]

    refusal = Outbound(allow_private=False, lookup=lookup).refusal("https://hook.example/")
    assert "10.0.0.1" in str(refusal)


def test_the_name_is_what_the_server_sees_and_the_address_what_is_dialled(
    receiver: Receiver,
) -> None:
    outbound = Outbound(allow_private=True, lookup=_leads_to("127.0.0.1"))
    heard = outbound.post(f"http://hook.example:{receiver.server_port}/a?b=c", b"{}", {})
    assert heard.status == 200
    assert receiver.requests[0].headers["host"] == f"hook.example:{receiver.server_port}"
    assert receiver.requests[0].path == "/a?b=c"


def test_a_second_address_is_dialled_when_the_first_does_not_answer(receiver: Receiver) -> None:
    def lookup(host: str, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    outbound = Outbound(allow_private=True, lookup=lookup)
    assert outbound.post(f"http://hook.example:{receiver.server_port}/", b"{}", {}).status == 200


@pytest.mark.parametrize("url", ["http://a..b/", "http://./", "http://[::1%25lo", "http://\udcff/"])
def test_whatever_the_url_post_says_why_and_raises_nothing(url: str) -> None:
    assert Outbound(allow_private=True).post(url, b"", {}).why


SPELLINGS = [
    "http://127.0.0.%31:{port}/",
    "http://localhos%74:{port}/",
    "http://127.0.0.1:0{port}/",
    "HTTP://127.0.0.1:{port}/",
    "http://0x7f.1:{port}/",
    "http://017700000001:{port}/",
    "http://2130706433:{port}/",
    "http://localhost.:{port}/",
    "http://\uff11\uff12\uff17.0.0.1:{port}/",
    "http://example.com@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@example.com/",
    "http://127.0.0.1:{port}\t/",
    "http://[::ffff:127.0.0.1]:{port}/",
    " http://127.0.0.1:{port}/",
]


@pytest.mark.parametrize("url", SPELLINGS)
def test_no_spelling_of_this_machine_is_dialled(receiver: Receiver, url: str) -> None:
    heard = Outbound(allow_private=False).post(url.format(port=receiver.server_port), b"{}", {})
    assert (heard.status, receiver.requests) == (None, [])


@pytest.mark.parametrize("url", SPELLINGS[:5])
def test_whatever_the_spelling_the_caller_is_asked_before_the_first_byte(
    receiver: Receiver, url: str
) -> None:
    asked: list[int] = []

    def leaving() -> bool:
        asked.append(len(receiver.requests))
        return False

    call = Call(leaving=leaving)
    with pytest.raises(MayNotLeave):
        Http(url.format(port=receiver.server_port)).request(
            "POST", "", headers={}, data=b"{}", seconds=5, call=call
        )
    assert (asked, receiver.requests) == ([0], [])


@pytest.mark.parametrize("url", SPELLINGS[:5])
def test_whatever_the_spelling_the_time_is_limited(receiver: Receiver, url: str) -> None:
    receiver.answers(Reply(wait=30))
    found = url.format(port=receiver.server_port)
    heard = Outbound(allow_private=True, seconds=1.0).post(found, b"{}", {})
    assert "within 1 s" in str(heard.why)


def test_the_body_of_a_redirect_is_read_no_further_than_any_other(receiver: Receiver) -> None:
    receiver.answers(Reply(302, {"Location": "/\xff"}, body=b"x" * 1_000_000))
    heard = Outbound(allow_private=True).post(receiver.url, b"{}", {})
    assert (heard.status, len(heard.answer)) == (302, LARGEST_ANSWER)


def test_a_small_answer_that_unpacks_to_a_large_one_is_cut(receiver: Receiver) -> None:
    packed = gzip.compress(b"x" * 50_000_000)
    receiver.answers(Reply(headers={"Content-Encoding": "gzip"}, body=packed))
    heard = Outbound(allow_private=True).post(receiver.url, b"{}", {})
    assert (heard.status, len(heard.answer)) == (200, LARGEST_ANSWER)


@pytest.mark.parametrize(
    "headers",
    [{f"X-{n}": "a" for n in range(500)}, {"X-Long": "a" * 200_000}],
    ids=["many", "long"],
)
def test_an_absurd_head_of_an_answer_is_no_answer(
    receiver: Receiver, headers: dict[str, str]
) -> None:
    receiver.answers(Reply(headers=headers))
    assert Outbound(allow_private=True).post(receiver.url, b"{}", {}).why


@pytest.mark.parametrize(
    "piece", [b"X", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["byte by byte", "only promises"]
)
def test_an_answer_that_never_gets_past_its_head_is_given_up(piece: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            taken, _ = server.accept()
            with taken, suppress(OSError):
                for _ in range(100):
                    taken.sendall(piece)
                    time.sleep(0.1)

        threading.Thread(target=drip, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        heard = Outbound(allow_private=True, seconds=1.0).post(url, b"{}", {})
    assert "within 1 s" in str(heard.why)


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answers(Reply(307, {"Location": receiver.url}))
    assert Outbound(allow_private=True).post(receiver.url, b"{}", {}).status == 307
    assert len(receiver.requests) == 1


def test_no_more_than_64_kib_of_an_answer_are_read(receiver: Receiver) -> None:
    receiver.answers(Reply(body=b"x" * 1_000_000))
    heard = Outbound(allow_private=True).post(receiver.url, b"{}", {})
    assert (heard.status, len(heard.answer)) == (200, LARGEST_ANSWER)


@pytest.mark.parametrize("reply", [Reply(wait=30), Reply(body=b"x" * 100, drip=0.2)])
def test_a_hanging_and_a_dripping_answer_end_in_time(receiver: Receiver, reply: Reply) -> None:
    receiver.answers(reply)
    heard = Outbound(allow_private=True, seconds=1.0).post(receiver.url, b"{}", {})
    assert heard.status is None
    assert "within 1 s" in str(heard.why)
    assert heard.took < 3


def test_a_handshake_that_never_ends_is_ended() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def drip() -> None:
            taken, _ = server.accept()
            with taken:
                try:
                    for _ in range(100):
                        # A handshake record that announces much and brings little.
                        taken.sendall(b"\x16\x03\x03\x40\x00" if not _ else b"\x02")
                        time.sleep(0.1)
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        url = f"https://127.0.0.1:{port}/"
        heard = Outbound(allow_private=True, seconds=1.0).post(url, b"{}", {})
    assert heard.status is None
    assert heard.took < 3


def test_a_server_that_never_reads_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        heard = Outbound(allow_private=True, seconds=1.0).post(url, b"x" * 50_000_000, {})
    assert "within 1 s" in str(heard.why)
    assert heard.took < 3


def test_a_lookup_that_hangs_is_given_up() -> None:
    over = threading.Event()

    def lookup(*_: Any, **__: Any) -> list[Any]:
        over.wait(20)
        return []

    start = time.monotonic()
    heard = Outbound(allow_private=True, seconds=0.5, lookup=lookup).post("http://a/", b"", {})
    over.set()
    assert heard.why
    assert time.monotonic() - start < 3


@pytest.mark.parametrize(
    ("said", "after"),
    [("7", 7.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None), ("-3", None)]
    + [(absurd, None) for absurd in ("Wed, 21 Oct 2015 07:28:00 +99999999999", "Wed, 32 Oct 2015")],
)
def test_retry_after_is_seconds_or_a_date(
    receiver: Receiver, said: str, after: float | None
) -> None:
    receiver.answers(Reply(503, {"Retry-After": said}))
    assert Outbound(allow_private=True).post(receiver.url, b"{}", {}).after == after


def test_a_proxy_of_the_environment_is_no_way_around(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", receiver.url)
    outbound = Outbound(allow_private=False, lookup=_leads_to("10.0.0.1"))
    assert "private address" in str(outbound.post("http://hook.example/", b"{}", {}).why)
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://[2001:db8::abcd]/hook", ("2001:db8::abcd", 80)),
        ("https://[2001:db8::1]/hook", ("2001:db8::1", 443)),
        ("https://[::1]:8443", ("::1", 8443)),
    ],
)
def test_an_ipv6_address_is_dialled_at_its_port(url: str, place: tuple[str, int]) -> None:
    dialled: list[tuple[str, int]] = []

    def nowhere(host: str, port: int) -> list[str]:
        dialled.append((host, port))
        return []

    with pytest.raises(FAILURES):
        Http(url, proxies=False).request(
            "POST", "/", headers={}, data=b"", seconds=5, call=Call(resolve=nowhere)
        )
    assert dialled == [place]
