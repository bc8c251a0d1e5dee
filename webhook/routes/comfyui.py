"""/v1/workflows, /v1/apps and /v1/loras: what ComfyUI jobs may set, and files that nodes load."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import BeforeValidator

from runhook.webhook.edge.asking import asking
from runhook.webhook.edge.queries import Query, query, read_query, takes
from runhook.webhook.edge.receiving import read_body
from runhook.webhook.edge.responses import answer, wiring
from runhook.webhook.edge.scopes import open_to
from runhook.worker.domain.bodies import refused
from runhook.worker.flows import comfyui
from runhook.worker.flows.comfyui import NewLora

LARGEST = 4096  # bytes of a body, which has a name and a digest
LONGEST_NUMBER = 9  # digits of a type of styles; RunningHub has a handful of types

blueprint = Blueprint("comfyui", __name__, url_prefix="/v1")
blueprint.before_request(read_query)


def _number(value: object) -> object:
    text = str(value)
    if text.isdecimal() and len(text) <= LONGEST_NUMBER:
        return int(text)
    raise refused("must be a number, as 1")


class StylesQuery(Query):
    """Which type of styles; RunningHub numbers them."""

    type: Annotated[int, BeforeValidator(_number)] = 1


@blueprint.get("/workflows/<workflow_id>")
@open_to("read", "submit")
def get_workflow(workflow_id: str) -> Response:
    """A workflow's nodes by their id, as ComfyUI's API has them."""
    with asking():
        return answer(comfyui.workflow(wiring(), workflow_id))


@blueprint.get("/apps/<webapp_id>")
@open_to("read", "submit")
def get_app(webapp_id: str) -> Response:
    """An AI app's name and fields, and whether it needs a password."""
    with asking():
        return answer(comfyui.app(wiring(), webapp_id))


@blueprint.get("/apps/<webapp_id>/styles")
@open_to("read", "submit")
@takes(StylesQuery)
def get_styles(webapp_id: str) -> Response:
    """The style library of an AI app, of one type."""
    with asking():
        return answer(comfyui.styles(wiring(), webapp_id, query(StylesQuery).type))


@blueprint.post("/loras")
@open_to("submit")
def post_lora() -> Response:
    """Where to put a LoRA file: `{"name", "md5"}`; the file itself goes to the URL by PUT."""
    asked = read_body(NewLora, LARGEST)
    with asking():
        return answer(comfyui.lora(wiring(), asked), 201)
