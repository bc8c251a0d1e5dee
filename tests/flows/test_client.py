"""The client's promises about bytes: what left, and how long it waits in all."""

import datetime
import ipaddress
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests.adapters
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runhook.worker.domain.provider import Submit
from runhook.worker.domain.reports import NeverLeft, Uncertain
from runhook.worker.errors import ProviderSilent
from runhook.worker.runninghub.client import Client

Serve = Callable[[socket.socket], None]


@contextmanager
def _server(serve: Serve) -> Iterator[tuple[str, list[bytes]]]:
    """A server that does one thing to each connection, and what each sent first."""
    received: list[bytes] = []
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def run() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(2)
                    try:
                        received.append(connection.recv(65536))
                        serve(connection)
                    except OSError:
                        continue

        threading.Thread(target=run, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", received


def _drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.1)


def _drip_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-A: b\r\n")
        time.sleep(0.1)


def _cut(connection: socket.socket) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"taskId": "1"')


def _garbage(connection: socket.socket) -> None:
    connection.sendall(bytes(range(256)) * 8)


def _silence(connection: socket.socket) -> None:
    time.sleep(1.5)


def _reset(connection: socket.socket) -> None:
    linger = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def _redirect(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 301 X\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")


def _submit(url: str, leaving: Callable[[], bool] = lambda: True) -> object:
    client = Client(url, "the-key", submit=1, question=1)
    return client.submit(Submit(model="vidu/x", given={"prompt": "a"}), leaving)


BAD = [_drip, _drip_headers, _cut, _garbage, _silence, _reset]


@pytest.mark.parametrize("serve", BAD, ids=lambda s: s.__name__)
def test_a_drip_or_a_cut_answer_to_a_paid_submit_is_doubtful(serve: Serve) -> None:
    with _server(serve) as (url, _):
        start = time.monotonic()
        assert isinstance(_submit(url), Uncertain)
        assert time.monotonic() - start < 4, "the total of one second, and not a drip more"


@pytest.mark.parametrize("serve", [_drip, _drip_headers, _cut, _redirect], ids=lambda s: s.__name__)
def test_a_free_question_ends_in_its_time_too(serve: Serve) -> None:
    with _server(serve) as (url, _), pytest.raises(ProviderSilent):
        Client(url, "k", question=1).capacity()


def test_not_one_byte_leaves_when_the_caller_says_no() -> None:
    with _server(lambda connection: None) as (url, received):
        assert _submit(url, lambda: False) is None
        time.sleep(0.1)
        assert received in ([], [b""])


def test_no_connection_is_no_payment() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        assert isinstance(_submit(url), NeverLeft)


def test_a_failed_handshake_is_no_payment() -> None:
    asked = []

    def leaving() -> bool:
        asked.append(1)
        return True

    with _server(lambda connection: connection.sendall(b"no tls here")) as (url, _):
        answer = _submit(url.replace("http", "https"), leaving)
    assert isinstance(answer, NeverLeft)
    assert not asked, "the question whether it may leave comes after the handshake"


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's side of TLS that the client trusts in this test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(public))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context


def test_garbage_after_the_tls_handshake_is_doubtful(tls: ssl.SSLContext) -> None:
    """requests raises SSLError for it as for a failed handshake; but here the request has left."""
    seen: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, tls.wrap_socket(connection, server_side=True) as secure:
            seen.append(secure.recv(65536))
            raw = socket.socket(fileno=secure.detach())
            raw.sendall(b"this is no TLS record " * 50)
            raw.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        answer = _submit(f"https://127.0.0.1:{listening.getsockname()[1]}")
    assert b"vidu/x" in seen[0]
    assert isinstance(answer, Uncertain)


def test_a_redirect_is_not_followed_and_sent_once() -> None:
    with _server(_redirect) as (url, received):
        _submit(url)
        assert len(received) == 1
        assert b"Bearer the-key" in received[0]


def _says(body: bytes) -> Serve:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    return lambda connection: connection.sendall(head + body)


def test_an_answer_about_another_task_is_no_answer() -> None:
    other = _says(b'{"taskId": "2", "status": "SUCCESS", "results": []}')
    with _server(other) as (url, _), pytest.raises(ProviderSilent, match="told about 2"):
        Client(url, "k").report("1", "image")


def test_an_answer_that_names_no_task_is_about_the_one_asked() -> None:
    with _server(_says(b'{"status": "RUNNING"}')) as (url, _):
        assert Client(url, "k").report("1", "image").ref == "1"
