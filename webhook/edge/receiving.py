"""Receiving a request's bytes up to a limit, whether it names its length or comes in chunks."""

import asyncio
import io
import tempfile
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Protocol

from flask import Request
from werkzeug.exceptions import LengthRequired, RequestTimeout, ServiceUnavailable
from werkzeug.formparser import FormDataParser

from runhook.webhook.edge.current import this_request
from runhook.worker.secrets.signing import PATH

IN_MEMORY = 256 * 1024  # bytes of a body that are kept in memory until it is whole
CUT = "the body ended before its length. Nothing was kept; send it again."


@dataclass(frozen=True, kw_only=True)
class Sending:
    """How much is read of a body, and how long it is waited for.

    Attributes:
        largest: Bytes. Reading ends with the first that is over them.
        seconds: How long the whole body may take.
        slowest: Bytes a second at which what has come earns the rest more time; None: it does not.
    """

    largest: int
    seconds: float
    slowest: int | None = None


class Coming(Protocol):
    """A body on its way, as granian has it: all of it at once, or piece by piece."""

    def __call__(self) -> Awaitable[bytes]: ...
    def __aiter__(self) -> AsyncIterator[bytes]: ...


async def read_whole(environ: dict[str, Any], body: Coming, sending: Sending) -> None:
    """Read a request's body before anybody works on it.

    Of a body that names a length over the limit nothing is read: who asked is told so at once.

    Raises:
        RequestTimeout: It did not come whole, or not in time.
        ServiceUnavailable: There is no room for it.
    """
    told = environ.get("CONTENT_LENGTH")
    if told is not None and int(told) > sending.largest:
        return
    try:
        async with asyncio.timeout(sending.seconds) as patience:
            if told is not None and int(told) <= IN_MEMORY:
                file: IO[bytes] = io.BytesIO(await body())
            else:
                file = await _spooled(body, sending, patience)
    except TimeoutError:
        raise _too_slow(sending) from None
    except OSError as full:
        raise _no_room(full) from full
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if told is not None and size != int(told):
        raise RequestTimeout(CUT)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ |= {"wsgi.input": file, "CONTENT_LENGTH": str(size)}


async def read_small(size: int, body: Coming, sending: Sending) -> bytes:
    """A body of so many bytes, which is small enough to be in memory.

    Raises:
        RequestTimeout: It did not come whole, or not in time.
    """
    try:
        async with asyncio.timeout(sending.seconds):
            found = await body()
    except TimeoutError:
        raise _too_slow(sending) from None
    if len(found) != size:
        raise RequestTimeout(CUT)
    return found


def _too_slow(sending: Sending) -> RequestTimeout:
    text = f"the body did not come whole within {sending.seconds:g} s"
    if sending.slowest:
        text += f" and one more for every {sending.slowest} bytes"
    return RequestTimeout(f"{text}. Nothing was kept, nothing is paid; send it again.")


def _no_room(full: OSError) -> ServiceUnavailable:
    """The folder of temporary files is full, or not there."""
    return ServiceUnavailable(f"the body cannot be kept here: {full}. Nothing is paid.")


class Forms(FormDataParser):
    """Reads forms, whose files lie in temporary ones once they are large."""

    def parse(self, *body: Any, **more: Any) -> Any:
        """A form's texts and files; the arguments are those of the parser.

        Raises:
            ServiceUnavailable: There is no room for them.
        """
        try:
            return super().parse(*body, **more)
        except OSError as full:
            raise _no_room(full) from full


class FormRequest(Request):
    """A request as the application reads it."""

    form_data_parser_class = Forms


async def _spooled(body: Coming, sending: Sending, patience: asyncio.Timeout) -> IO[bytes]:
    """A body in a file of the system's once it is large, up to the first piece over the limit."""
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - lives as long as the request
    until, size = patience.when() or 0.0, 0
    async for piece in body:
        size += len(piece)
        if size > IN_MEMORY:
            await asyncio.to_thread(file.write, piece)
        else:
            file.write(piece)
        if size > sending.largest:
            break
        if sending.slowest:
            patience.reschedule(until + size / sending.slowest)
    return file


def refuse_unread() -> None:
    """Before every request: a body in chunks that the server does not put together is refused.

    It would look empty, and what it says would be left out. Not a callback's: an empty one is
    unreadable, and has RunningHub itself asked.

    Raises:
        LengthRequired: Some WSGI servers do not; ours does.
    """
    asked = this_request()
    in_chunks = "Transfer-Encoding" in asked.headers and asked.content_length is None
    if not in_chunks or asked.environ.get("wsgi.input_terminated"):
        return
    if not asked.path.startswith(f"{PATH}/"):
        raise LengthRequired(
            "this server takes no body in chunks; send it with Content-Length. Nothing was done."
        )


def body_within(incoming: Request, limit: int) -> bytes | None:
    """The body; None when it is larger than `limit` bytes, of which no more are read."""
    if (incoming.content_length or 0) > limit:
        return None
    body = incoming.stream.read(limit + 1)
    if len(body) > limit:
        return None
    return body


def lines_within(incoming: Request, limit: int) -> Iterator[bytes | None]:
    """The body's lines, read one by one; None for one over `limit` bytes."""
    while line := incoming.stream.readline(limit + 1):
        if len(line) > limit and not line.endswith(b"\n"):
            yield None
            while line and not line.endswith(b"\n"):
                line = incoming.stream.readline(limit + 1)
        else:
            yield line
