"""What RunningHub tells of workflows and AI apps, and where it takes LoRA files; all of it free.

Each raises ProviderSilent where RunningHub gives no usable answer, ProviderRefused where that is
no, and InvalidRequest where an id cannot be one, which is not asked about.
"""

import re
from typing import Annotated, ClassVar, cast

import orjson
from pydantic import Field
from typing_extensions import TypedDict

from runhook.worker import catalogue
from runhook.worker.domain.answers import Page
from runhook.worker.domain.bodies import Body, fits
from runhook.worker.domain.reports import App, Style
from runhook.worker.domain.views import View
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.wiring import Wiring

LONGEST_NAME = 200  # characters of a LoRA's name; file systems take 255 bytes with its ending
MD5 = re.compile("[0-9a-f]{32}")
A_DIGEST = fits(
    lambda text: MD5.fullmatch(text) is not None,
    "must be 32 hexadecimal digits in lower case, as md5sum prints them",
    MD5.pattern,
)


class NewLora(Body):
    """A LoRA file that is about to be uploaded.

    Attributes:
        name: What it is called at RunningHub.
        md5: Of its content, in hexadecimal.
    """

    member: ClassVar[str] = "a field of a LoRA"

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, description="its name")]
    md5: Annotated[str, A_DIGEST, Field(description="the MD5 of its content, 32 hex digits")]


class AppFieldView(TypedDict):
    """One field of an AI app that a job may set.

    Attributes:
        key: What a job's input names it by, `<nodeId>.<fieldName>`.
        node_name: Its node's.
        type: STRING, IMAGE, AUDIO, VIDEO, LIST, INT, FLOAT, BOOLEAN or SWITCH.
        default: What it has where a job says nothing.
        choices: What a LIST or SWITCH takes, where the app says it.
        description: The app's own words.
    """

    key: str
    node_name: str
    type: str
    default: str | None
    choices: list[str]
    description: str


class AppView(TypedDict):
    """An AI app.

    Attributes:
        name: Its own.
        fields: Those that a job may set.
        needs_password: A job needs `accessPassword`.
    """

    name: str
    fields: list[AppFieldView]
    needs_password: bool


class StyleView(TypedDict):
    """One row of an app's style library.

    Attributes:
        id: Its own.
        category: Where the library has it.
        name: Its own.
        key: Of the model.
        trigger: Words for the prompt.
        preview_url: A picture of it.
        loras: Those that it loads, and how strongly.
    """

    id: str
    category: str
    name: str
    key: str
    trigger: str
    preview_url: str
    loras: list[list[str]]


class LoraView(TypedDict):
    """Where to put a LoRA file.

    Attributes:
        file_name: What nodes load it by.
        url: What takes the file by PUT, for an hour.
    """

    file_name: str
    url: str


def workflow(w: Wiring, workflow_id: str) -> View:
    """A workflow's nodes by their id, as ComfyUI's API has them."""
    return w.client.workflow(_checked("workflow_id", workflow_id))


def app(w: Wiring, webapp_id: str) -> AppView:
    """An AI app's name, the fields that a job may set, and whether it needs a password."""
    return cast(AppView, _as_json(w.client.app(_checked("webapp_id", webapp_id))))


def styles(w: Wiring, webapp_id: str, kind: int) -> Page[StyleView]:
    """The style library of an AI app."""
    found = w.client.styles(_checked("webapp_id", webapp_id), kind)
    return {"items": [cast(StyleView, _as_json(style)) for style in found], "next": None}


def _as_json(value: App | Style) -> object:
    """What it is as JSON, whose lists users get whichever way they ask."""
    return orjson.loads(orjson.dumps(value))


def _checked(name: str, given: str) -> str:
    """An id that there may be at RunningHub.

    Raises:
        InvalidRequest: It is none.
    """
    if not catalogue.ID.fullmatch(given):
        text = "must be an id of RunningHub's: a whole number of 1 to 20 digits"
        raise InvalidRequest([Fault(path=name, message=text)])
    return given


def lora(w: Wiring, asked: NewLora) -> LoraView:
    """The name that nodes load a LoRA by, and a signed URL that takes its file for an hour."""
    file_name, url = w.client.lora_url(asked.name, asked.md5)
    return {"file_name": file_name, "url": url}
