"""Server-sent events as they come out of a socket, in whatever pieces. Pure."""

from collections.abc import Iterable, Iterator

LARGEST = 16 * 1024 * 1024  # bytes of a line: jobs have some MiB, and no server fills the memory


def messages(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The data of each message; comments and whatever else is said go by unheard."""
    data: list[bytes] = []
    for line in lines(pieces):
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []


def lines(pieces: Iterable[bytes], largest: int = LARGEST) -> Iterator[bytes]:
    """Lines without their ends, each once it is whole; what is left at the end is none.

    Raises:
        ValueError: One is larger than anything that is sent.
    """
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r")
        if len(rest) > largest:
            raise ValueError(f"a line of over {largest} bytes")
