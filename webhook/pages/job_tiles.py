"""One job as lists show it: what it made, or how it stands, small. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from runhook.webhook.pages import words
from runhook.worker.catalogue import COMFY
from runhook.worker.domain.jobs import Job, State, iso
from runhook.worker.domain.reports import Output
from runhook.worker.domain.views import job_view
from runhook.worker.files.outputs import is_shown

Look = Literal["image", "video", "audio", "model", "text", "file", "none"]
# By the first half of what HTTP calls a file.
LOOKS: Mapping[str, Look] = {"image": "image", "video": "video", "audio": "audio", "model": "model"}
LONGEST = 90  # characters of a prompt in a row of the table
IN_A_TILE, IN_A_NAME = 60, 20  # of those in a tile, two lines; and in what a reader says of a box
LONGEST_TEXT = 120  # of a text that was made, or of why there is none: what fits a tile
MADE = ("prompt", "text", "lyrics")  # fields of an input that say in words what is wanted


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One job in a list.

    Attributes:
        id: The job's.
        state: Where it stands.
        model: The one of its current attempt.
        tenant: Whose it is.
        words: What was wanted, in its owner's words.
        created_at: When.
        cost: What was charged, as views have it.
        look: How its first output is shown.
        src: Where our own copy of it is; empty: there is none.
        small: Where its small picture is; empty: there is none.
        size: Of that copy, in bytes.
        others: How many outputs it has besides.
        note: A text that was made, or why there is nothing.
    """

    id: str
    state: State
    model: str
    tenant: str
    words: str
    created_at: str
    cost: Mapping[str, Any] | None
    look: Look = "none"
    src: str = ""
    small: str = ""
    size: int = 0
    others: int = 0
    note: str = ""

    @property
    def name(self) -> str:
        """What a screen reader calls what belongs to it."""
        return self.words[:IN_A_NAME] or self.model


def tile_of(job: Job) -> Tile:
    """A job as a list shows it."""
    view = job_view(job)
    shown: dict[str, Any] = {"note": _why(job)}
    if job.attempt.outputs:
        shown = _made(view["outputs"][0], job.attempt.outputs[0])
        shown["others"] = len(job.attempt.outputs) - 1
    return Tile(
        id=job.id,
        state=job.state,
        model=job.current_model,
        tenant=job.tenant,
        words=_words(job.spec.model, job.spec.input),
        created_at=iso(job.spec.created_at),
        cost=view["cost"],
        **shown,
    )


def _made(view: Mapping[str, Any], output: Output) -> dict[str, Any]:
    if output.text and not output.url:
        return {"look": "text", "note": _cut(output.text, LONGEST_TEXT)}
    if output.archived is None:
        # Only our own copies are shown: nothing of a page is fetched from elsewhere.
        return {"look": "file", "note": "not kept here yet"}
    found = {"src": view["archived_url"], "small": view["thumbnail_url"] or ""}
    kept = output.archived
    return found | {"look": _look(kept.media_type), "size": kept.size}


def _look(media_type: str) -> Look:
    kind = media_type.partition("/")[0]
    if kind in LOOKS and (kind == "model" or is_shown(media_type)):
        return LOOKS[kind]
    return "file"


def _why(job: Job) -> str:
    """Why there is nothing to see, as far as that is more than its state says."""
    if job.attempt.error is not None and job.state is State.FAILED:
        return _cut(job.attempt.error.message, LONGEST_TEXT)
    if job.history.waits_for:
        return f"waits for {words.counted(len(job.history.waits_for), 'other job')}"
    return ""


def _words(model: str, given: Mapping[str, Any]) -> str:
    """What was wanted, in words; of a workflow the longest of its texts.

    Other texts of a model of the catalogue are its settings: `1080p` names no job.
    """
    said = [given[name] for name in MADE if isinstance(given.get(name), str)]
    if not said and COMFY.fullmatch(model):
        said = [text for text in given.values() if isinstance(text, str) and ":" not in text[:9]]
    return _cut(max(said, key=len, default=""), LONGEST)


def _cut(text: str, most: int) -> str:
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    return f"{text[:most]}…"
