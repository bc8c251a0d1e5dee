"""/v1/workflows, /v1/apps and /v1/loras: what ComfyUI jobs may set, and files that nodes load."""

from typing import Annotated, Any

from flask import Blueprint

from runhook.webhook.edge.asking import asking
from runhook.webhook.edge.bodies import body, reads
from runhook.webhook.edge.declared import gives
from runhook.webhook.edge.queries import Query, query, read_query, takes
from runhook.webhook.edge.responses import Answer, answer, wiring
from runhook.webhook.edge.scopes import open_to
from runhook.worker.domain.answers import Page
from runhook.worker.domain.bodies import refused, shaped
from runhook.worker.domain.problem_kinds import REFUSED
from runhook.worker.flows import comfyui
from runhook.worker.flows.comfyui import AppView, LoraView, NewLora, StyleView

LARGEST = 4096  # bytes of a body, which has a name and a digest
LONGEST_NUMBER = 9  # digits of a type of styles; RunningHub has a handful of types

blueprint = Blueprint("comfyui", __name__, url_prefix="/v1")
blueprint.before_request(read_query)


def _number(value: object) -> object:
    text = str(value)
    if text.isdecimal() and len(text) <= LONGEST_NUMBER:
        return int(text)
    raise refused("must be a number, as 1")


A_NUMBER = {"type": "integer", "minimum": 0, "maximum": 10**LONGEST_NUMBER - 1}


class StylesQuery(Query):
    """Which styles.

    Attributes:
        type: Of this type; RunningHub numbers them.
    """

    type: Annotated[int, shaped(_number, A_NUMBER)] = 1


@blueprint.get("/workflows/<workflow_id>")
@open_to("read", "submit")
@gives(problems=(REFUSED,))
def get_workflow(workflow_id: str) -> Answer[dict[str, Any]]:
    """A workflow's nodes by their id, as ComfyUI's API has them."""
    with asking():
        return answer(comfyui.workflow(wiring(), workflow_id))


@blueprint.get("/apps/<webapp_id>")
@open_to("read", "submit")
@gives(problems=(REFUSED,))
def get_app(webapp_id: str) -> Answer[AppView]:
    """An AI app's name and fields, and whether it needs a password."""
    with asking():
        return answer(comfyui.app(wiring(), webapp_id))


@blueprint.get("/apps/<webapp_id>/styles")
@open_to("read", "submit")
@takes(StylesQuery)
@gives(problems=(REFUSED,))
def get_styles(webapp_id: str) -> Answer[Page[StyleView]]:
    """The style library of an AI app, of one type."""
    with asking():
        return answer(comfyui.styles(wiring(), webapp_id, query(StylesQuery).type))


@blueprint.post("/loras")
@open_to("submit")
@reads(NewLora, largest=LARGEST, example={"name": "harbour", "md5": "0" * 32})
@gives(201, problems=(REFUSED,))
def post_lora() -> Answer[LoraView]:
    """Where to put a LoRA file: `{"name", "md5"}`; the file itself goes to the URL by PUT."""
    asked = body(NewLora)
    with asking():
        return answer(comfyui.lora(wiring(), asked), 201)
