"""/: how everything stands, each number a link to its jobs."""

from flask import Blueprint, Response

from runhook.webhook.edge.access import FRONT
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import only, open_to
from runhook.webhook.pages.shell import page

blueprint = Blueprint("overview", __name__, template_folder="templates")


@blueprint.get(FRONT)
@open_to("read", "submit")
def show() -> Response:
    """How many jobs stand in which state."""
    counts = wiring().store.listing.counts(only())
    return page("overview.html", counts=counts, total=sum(counts.values()))
