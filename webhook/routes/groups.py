"""/v1/groups: how many of a group's jobs are in which state, and whether there will be more."""

from flask import Blueprint

from runhook.webhook.edge.queries import query, read_query, takes
from runhook.webhook.edge.responses import Answer, answer, wiring
from runhook.webhook.edge.scopes import caller, only, open_to
from runhook.worker.flows import lists
from runhook.worker.flows.lists import GroupQuery
from runhook.worker.store.groups import GroupView

blueprint = Blueprint("groups", __name__, url_prefix="/v1/groups")
blueprint.before_request(read_query)


@blueprint.get("/<name>")
@open_to("read", "submit")
@takes(GroupQuery)
def get_group(name: str) -> Answer[GroupView]:
    """One group."""
    asked = query(GroupQuery)
    return answer(lists.group(wiring(), name, asked, only=only(), own=caller().name))
