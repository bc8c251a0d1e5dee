"""What RunningHub tells of workflows and AI apps, and where it takes LoRA files; all of it free.

Each raises ProviderSilent where RunningHub gives no usable answer, and ProviderRefused where that
is no.
"""

from dataclasses import asdict
from typing import Annotated, ClassVar

from pydantic import Field

from runhook.worker.domain.bodies import Body
from runhook.worker.domain.views import View
from runhook.worker.wiring import Wiring

LONGEST_NAME = 200  # characters of a LoRA's name; file systems take 255 bytes with its ending
MD5 = r"^[0-9a-f]{32}$"


class NewLora(Body):
    """A LoRA file that is about to be uploaded.

    Attributes:
        name: What it is called at RunningHub.
        md5: Of its content, in hexadecimal.
    """

    member: ClassVar[str] = "a field of a LoRA"

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, description="its name")]
    md5: Annotated[str, Field(pattern=MD5, description="the MD5 of its content, 32 hex digits")]


def workflow(w: Wiring, workflow_id: str) -> View:
    """A workflow's nodes by their id, as ComfyUI's API has them."""
    return w.client.workflow(workflow_id)


def app(w: Wiring, webapp_id: str) -> View:
    """An AI app's name, the fields that a job may set, and whether it needs a password."""
    return asdict(w.client.app(webapp_id))


def styles(w: Wiring, webapp_id: str, kind: int) -> View:
    """The style library of an AI app."""
    return {"items": [asdict(style) for style in w.client.styles(webapp_id, kind)], "next": None}


def lora(w: Wiring, asked: NewLora) -> View:
    """The name that nodes load a LoRA by, and a signed URL that takes its file for an hour."""
    file_name, url = w.client.lora_url(asked.name, asked.md5)
    return {"file_name": file_name, "url": url}
