"""The web process under trouble: whatever /v1 waits for, callbacks have places of their own."""

import asyncio
import base64
import json
import os
import select
import signal
import socket
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runhook.worker.cli.processes import COMMANDS, Fleet, free_port, wait_until_ready
from runhook.worker.runninghub.sandbox.outputs import make
from runhook.worker.secrets.signing import PROBE, callback_url, probe_answer
from runhook.worker.store.embedded import EmbeddedServer
from tests.conftest import SECRET, eventually

PATIENCE = 10.0  # seconds for an answer that nothing should delay; a hanging call takes longer
ASKING, SLOW, UPLOADS, STREAMS = 8, 64, 8, 32
KEEPING = CALLING = 8
# A place for files that keeps nothing while there is a file by the name of HANGS.
STORAGE = """
import os, time
from fsspec.implementations.local import LocalFileSystem

class Hanging(LocalFileSystem):
    protocol = "hanging"

    @classmethod
    def _strip_protocol(cls, path):
        folder = os.path.dirname(os.environ["HANGS"])
        return super()._strip_protocol(path.replace("hanging:/", folder, 1))

    def _open(self, path, mode="rb", **more):
        while mode == "wb" and os.path.exists(os.environ["HANGS"]):
            time.sleep(0.05)
        return super()._open(path, mode, **more)
"""


@dataclass(frozen=True)
class Web:
    """A web process of its own, whose RunningHub takes every call and answers none."""

    port: int
    redis: int  # the process of its server
    hangs: Path  # while it is there, so does the place for files

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def callback(self, number: int = 1) -> int:
        """A genuine callback; the status of its answer."""
        url = callback_url(self.url, (SECRET,), f"job_{number}", 1)
        return self.ask("POST", url.removeprefix(self.url), b'{"event": "TASK_END"}')[0]

    def ask(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> tuple[int, Any, Any]:
        """One request: status, headers and body of its answer."""
        headers = {"Content-Type": kind}
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    @contextmanager
    def opened(self, sent: bytes) -> Iterator[socket.socket]:
        """A connection on which these bytes were sent."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as line:
            line.sendall(sent)
            yield line


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """One for this file."""
    folder, port = tmp_path_factory.mktemp("web"), free_port()
    (folder / "hanging.py").write_text(STORAGE)
    (folder / "hanging-1.dist-info").mkdir()
    (folder / "hanging-1.dist-info" / "entry_points.txt").write_text(
        "[fsspec.specs]\nhanging = hanging:Hanging\n"
    )
    server = EmbeddedServer(folder / "redis", Path("/tmp") / f"runhook-web-{port}.s")
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(folder),
            "HANGS": str(folder / "hangs"),
            "RUNHOOK_STORAGE_URL": "hanging://files",
            "REDIS_URL": server.url,
            "RUNHOOK_DATA_DIR": str(folder / ".runhook"),
            "RUNNINGHUB_API_KEY": "key",
            "RUNNINGHUB_BASE_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "RUNHOOK_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "RUNHOOK_SECRET": SECRET,
            "PORT": str(port),
        }
        fleet = Fleet(environ, folder, logs=folder)
        try:
            server.start()
            fleet.start("web", COMMANDS["web"])
            wrong = wait_until_ready(f"http://127.0.0.1:{port}/healthz", 40, fleet.tend)
            assert wrong is None, (folder / "web.log").read_text()
            assert server.process_id
            yield Web(port, server.process_id, folder / "hangs")
        finally:
            fleet.stop()
            server.stop()


def _head(method: str, path: str, **headers: Any) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


@contextmanager
def trouble(web: Web) -> Iterator[list[socket.socket]]:
    """Calls that wait for RunningHub, slow bodies, slow uploads and streams, all at once."""
    hanging = _head("GET", "/v1/account")
    slow = _head("POST", "/v1/jobs", Content_Type="application/json", Content_Length=1000) + b"{"
    form = {"Content_Type": "multipart/form-data; boundary=x", "Content_Length": 10**8}
    upload = _head("POST", "/v1/assets", **form) + b"--x\r\n"
    stream = _head("GET", "/v1/events/stream")
    with ExitStack() as held:
        lines = [
            held.enter_context(web.opened(sent))
            for sent in [slow] * SLOW + [upload] * UPLOADS + [hanging] * ASKING
        ]
        for _ in range(STREAMS):
            line = held.enter_context(web.opened(stream))
            assert b"200 OK" in line.recv(4096)
        yield lines


def test_whatever_the_others_wait_for_callbacks_and_jobs_are_answered(web: Web) -> None:
    body = {"model": "rhart-image-n-pro/text-to-image", "input": {"prompt": "a cat"}}
    with trouble(web) as others:
        for number in range(20):
            assert web.callback(number) == 200
        assert web.ask("GET", "/healthz")[0] == 200
        status, _, said = web.ask("POST", "/v1/jobs", json.dumps(body).encode())
        assert status == 202
        job = f"/v1/jobs/{json.loads(said)['id']}"
        assert web.ask("GET", job)[0] == 200
        assert web.ask("POST", f"{job}/cancel", b"")[0] == 200
        status, headers, said = web.ask("GET", "/v1/account")
        assert (status, headers["Retry-After"]) == (503, "5")
        assert "8 calls of yours wait for RunningHub here already" in said.decode()
        answered, _, _ = select.select(others, [], [], 0)
        assert answered == []


def _form(content: bytes) -> bytes:
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    return part + content + b"\r\n--x--\r\n"


def _with_a_picture(number: int) -> bytes:
    picture = base64.b64encode(make("image", f"{number}", "1")[1]).decode()
    given = {"imageUrl": f"data:image/png;base64,{picture}", "prompt": "a cat"}
    return json.dumps({"model": "vidu/image-to-video-q2-pro", "input": given}).encode()


def test_a_place_for_files_that_hangs_holds_up_files_alone(web: Web) -> None:
    form, ndjson = "multipart/form-data; boundary=x", "application/x-ndjson"
    many = [("/v1/assets", _form(b"a" * 10**6 + b"%d" % n), form) for n in range(KEEPING)]
    many += [("/v1/assets", _form(b"%d" % n), form) for n in range(2 * KEEPING)]
    many += [("/v1/jobs", _with_a_picture(n), "application/json") for n in range(2 * KEEPING)]
    many += [("/v1/jobs/batch", _with_a_picture(100 + n), ndjson) for n in range(4)]
    body = {"model": "rhart-image-n-pro/text-to-image", "input": {"prompt": "a cat"}}
    large = json.dumps(body | {"metadata": {"a": "a" * 400_000}}).encode()
    web.hangs.touch()
    with ThreadPoolExecutor(len(many)) as pool:
        kept = [pool.submit(web.ask, "POST", *one) for one in many]
        try:
            eventually(lambda: sum(one.done() for one in kept) == 4 * KEEPING)
            refused = [one.result() for one in kept if one.done()]
            assert {(status, head["Retry-After"]) for status, head, _ in refused} == {(503, "5")}
            assert all(
                b"8 files of yours are being kept here already" in said for *_, said in refused
            )
            for number in range(5):
                assert web.callback(number) == 200
                assert web.ask("GET", "/v1/jobs")[0] == 200
                assert web.ask("POST", "/v1/jobs", json.dumps(body).encode())[0] == 202
                assert web.ask("POST", "/v1/jobs", large)[0] == 422
        finally:
            web.hangs.unlink()
        answers = [one.result() for one in kept]
    statuses = Counter(status for status, *_ in answers)
    assert statuses[503] == 4 * KEEPING
    assert set(statuses) <= {200, 201, 202, 503}
    assert all(b'"status":202' in said for status, _, said in answers if status == 200)


def _post(path: str, body: bytes, kind: str = "application/json") -> bytes:
    length = len(body)
    return _head("POST", path, Content_Type=kind, Content_Length=length, Connection="close") + body


async def _at_once(web: Web, requests: list[bytes]) -> Counter[int]:
    """Each on a connection of its own, none waiting for another's answer; the statuses."""

    async def asked(request: bytes) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
        writer.write(request)
        line = await reader.readline()
        await reader.read()
        writer.close()
        return int(line.split()[1])

    return Counter(await asyncio.gather(*map(asked, requests)))


def test_who_asks_for_hundreds_of_jobs_at_once_gets_them_all(web: Web) -> None:
    body = {"model": "rhart-image-n-pro/text-to-image", "input": {"prompt": "a cat"}}
    jobs = [_post("/v1/jobs", json.dumps(body).encode())] * 300
    assert asyncio.run(_at_once(web, jobs)) == {202: len(jobs)}
    looks = [_head("GET", "/v1/jobs?limit=1", Connection="close")] * 300
    assert asyncio.run(_at_once(web, looks)) == {200: len(looks)}


def test_who_sends_many_files_at_once_has_them_all_kept(web: Web) -> None:
    form = "multipart/form-data; boundary=x"
    files = [_post("/v1/assets", _form(b"at once %d" % n), form) for n in range(60)]
    jobs = [_post("/v1/jobs", _with_a_picture(200 + n)) for n in range(60)]
    assert asyncio.run(_at_once(web, files + jobs)) == {201: len(files), 202: len(jobs)}


def test_however_many_callbacks_come_while_redis_hangs_each_is_refused_soon(web: Web) -> None:
    with ThreadPoolExecutor(60) as pool:
        os.kill(web.redis, signal.SIGSTOP)
        try:
            assert set(pool.map(web.callback, range(60))) == {503}
        finally:
            os.kill(web.redis, signal.SIGCONT)
    eventually(lambda: web.callback() == 200)


def test_a_callback_whose_body_does_not_come_is_given_up_with_408(web: Web) -> None:
    path = callback_url("", (SECRET,), "job_1", 1)
    with web.opened(_head("POST", path, Content_Length=100) + b"{") as line:
        line.settimeout(6 * PATIENCE)
        said = line.recv(4096)
    assert said.startswith(b"HTTP/1.1 408")
    assert b"send it again" in said


def test_who_learned_a_callback_url_keeps_no_other_attempts_out(web: Web) -> None:
    path = callback_url("", (SECRET,), "job_1", 1)
    half = _head("POST", path, Content_Length=100) + b"{"
    with ExitStack() as held:
        for _ in range(CALLING):
            held.enter_context(web.opened(half))
        eventually(lambda: web.callback(1) == 503)
        assert web.callback(2) == 200
    eventually(lambda: web.callback(1) == 200)


def test_hundreds_who_say_nothing_or_half_of_it_hold_nobody_up(web: Web) -> None:
    forged = _head("POST", "/callbacks/job_1/1/forged", Content_Length=100)
    strangers = _head("GET", "/v1/jobs", X_Forwarded_For="1.2.3.4") * 20
    with ExitStack() as held:
        for sent in [b"", b"POST /v1", forged, strangers] * 100:
            held.enter_context(web.opened(sent))
        for number in range(20):
            assert web.callback(number) == 200
            assert web.ask("GET", "/v1/jobs")[0] == 200
            assert web.ask("GET", "/healthz")[0] == 200


def test_who_may_not_come_in_is_told_before_a_body_is_read(web: Web) -> None:
    for path in ("/callbacks/job_1/1/forged", "/callbacks/job_1/%s/forged" % ("9" * 5000)):
        with web.opened(_head("POST", path, Content_Length=100)) as line:
            said = line.recv(4096)
            assert said.startswith(b"HTTP/1.1 404")
            assert b"nosniff" in said
            assert b"no-store" in said
    for path in ("/v1/jobs", "//v1/jobs"):
        through_proxy = _head("POST", path, X_Forwarded_For="1.2.3.4", Content_Length=100)
        with web.opened(through_proxy) as line:
            assert line.recv(4096).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("given", ["abc", "4, 5", "9" * 5000])
def test_a_header_that_is_spelt_with_underscores_is_none(web: Web, given: str) -> None:
    genuine = callback_url("", (SECRET,), "job_1", 1)
    for path, status in ((genuine, b"200"), ("/v1/jobs", b"415"), ("/callbacks/x", b"404")):
        head = _head("POST", path, Content_Length=2).removesuffix(b"\r\n")
        with web.opened(head + f"Content_Length: {given}\r\n\r\n{{}}".encode()) as line:
            assert line.recv(4096).startswith(b"HTTP/1.1 " + status)


def test_a_query_in_any_bytes_is_answered(web: Web) -> None:
    asked = "GET /v1/jobs?tenant=\u0663\u20ac HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with web.opened(asked.encode()) as line:
        assert line.recv(4096).startswith(b"HTTP/1.1 422")


@pytest.mark.parametrize(("body", "status"), [(b"{}", 404), (b'{"force": true}', 422)])
def test_a_delete_with_a_body_is_read_as_any_other(web: Web, body: bytes, status: int) -> None:
    assert web.ask("DELETE", "/v1/jobs/job_none", body)[0] == status


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/assets", "/v1/jobs/batch"])
def test_a_body_that_names_too_great_a_length_is_refused_unread(web: Web, path: str) -> None:
    kinds = {"/v1/assets": "multipart/form-data; boundary=x"}
    kind = kinds.get(path, "application/json")
    with web.opened(_head("POST", path, Content_Type=kind, Content_Length=2**40)) as line:
        assert line.recv(4096).startswith(b"HTTP/1.1 413")


def test_a_batch_and_a_file_come_in_chunks_and_are_answered(web: Web) -> None:
    job = json.dumps({"model": "rhart-image-n-pro/text-to-image", "input": {"prompt": "a cat"}})
    status, _, said = web.ask("POST", "/v1/jobs/batch", f"{job}\n{job}\n{{\n".encode())
    assert status == 200
    assert [json.loads(line)["status"] for line in said.splitlines()] == [202, 202, 422]
    data = _form(b"a" * 3_000_000)
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(data[at : at + 65536]), data[at : at + 65536])
        for at in range(0, len(data), 65536)
    )
    form = {"Content_Type": "multipart/form-data; boundary=x", "Transfer_Encoding": "chunked"}
    with web.opened(_head("POST", "/v1/assets", **form) + chunks + b"0\r\n\r\n") as line:
        assert line.recv(65536).startswith(b"HTTP/1.1 201")


def _chunked(path: str, body: bytes) -> bytes:
    head = _head("POST", path, Transfer_Encoding="chunked")
    return head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def _said(web: Web, sent: bytes) -> tuple[bytes, set[bytes], bytes]:
    """The status, headers and body of what is answered."""
    with web.opened(sent) as line:
        line.settimeout(PATIENCE)
        said = b""
        while b"\r\n\r\n" not in said or not said.partition(b"\r\n\r\n")[2]:
            said += line.recv(65536)
    head, _, body = said.partition(b"\r\n\r\n")
    status, *headers = head.lower().split(b"\r\n")
    return status, {one for one in headers if not one.startswith(b"date:")}, body


@pytest.mark.parametrize("query", ["", "?via=resend", "?via=else"])
def test_a_callback_is_answered_alike_whichever_way_it_is_taken(web: Web, query: str) -> None:
    path, body = callback_url("", (SECRET,), "job_7", 1) + query, b'{"event": "TASK_END"}'
    with_length = _head("POST", path, Content_Length=len(body)) + body
    assert _said(web, with_length) == _said(web, _chunked(path, body))
    large = body + b" " * 100_000
    assert _said(web, _head("POST", path, Content_Length=len(large)) + large)[0].endswith(b"ok")


def test_a_probe_is_answered_by_who_has_the_secret(web: Web) -> None:
    path = callback_url("", (SECRET,), PROBE, 7)
    status, _, said = _said(web, _head("POST", path, Content_Length=2) + b"{}")
    assert (status.split()[1], said.decode()) == (b"200", probe_answer(SECRET, 7))


def test_a_callback_that_redis_refuses_is_told_so_and_when_to_come_again(web: Web) -> None:
    path = callback_url("", (SECRET,), "job_8", 1)
    told = {}
    os.kill(web.redis, signal.SIGSTOP)
    try:
        status, headers, _ = web.ask("POST", path, b'{"event": "TASK_END"}')
        told = {name: headers[name] for name in ("Retry-After", "Content-Type", "Cache-Control")}
    finally:
        os.kill(web.redis, signal.SIGCONT)
    assert status == 503
    assert told == {
        "Retry-After": "10",
        "Content-Type": "application/problem+json",
        "Cache-Control": "no-store",
    }
    eventually(lambda: web.callback() == 200)
