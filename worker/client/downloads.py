"""Writing outputs into a folder: each whole, or not at all."""

import re
from collections.abc import Iterable
from pathlib import Path

from runhook.worker.client.errors import DownloadFailed, RateLimited, RunhookError, Unavailable
from runhook.worker.client.jobs import Job, Output
from runhook.worker.client.retrying import Patience
from runhook.worker.client.transport import Transport
from runhook.worker.domain import policy

TYPE = re.compile(r"[A-Za-z0-9]{1,10}")  # what may stand behind a file's dot
UNKNOWN = "bin"
PART = ".part"  # behind the name of a file that is not whole yet


def write_outputs(transport: Transport, job: Job, folder: str | Path) -> list[Path]:
    """Write every output of a job; the paths in their order.

    Raises:
        DownloadFailed: One did not come whole; those before it are there.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    return [_written(transport, job, output, place) for output in job.outputs]


def _written(transport: Transport, job: Job, output: Output, folder: Path) -> Path:
    path = folder / f"{job.id}-{output.n}.{_ending(output)}"
    if output.url is None and output.text is not None:
        _write(path, [output.text.encode()])
        return path
    patience = Patience(policy.CALL_SECONDS)
    while True:
        try:
            with transport.output(output) as answer:
                _write(path, answer.pieces)
            return path
        except (RateLimited, Unavailable) as away:
            if not patience.bears(away):
                raise _failed(output, away) from away
        except RunhookError as error:
            raise _failed(output, error) from error


def _ending(output: Output) -> str:
    """What the file is, as far as that can stand in a name."""
    if output.type and TYPE.fullmatch(output.type):
        return output.type
    if output.url is None:
        return "txt"
    return UNKNOWN


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    """A reader of the path sees the whole file or none."""
    part = path.with_name(path.name + PART)
    try:
        with part.open("wb") as file:
            for piece in pieces:
                file.write(piece)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _failed(output: Output, why: RunhookError) -> DownloadFailed:
    detail = f"{output} did not come whole: {why.detail}"
    return DownloadFailed({"title": "Download failed", "detail": detail})
