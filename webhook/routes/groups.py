"""/v1/groups: how many of a group's jobs are in which state, and whether there will be more."""

from flask import Blueprint, Response

from runhook.webhook.edge.queries import Query, query, read_query, takes
from runhook.webhook.edge.responses import answer, wiring
from runhook.webhook.edge.scopes import caller, only, open_to
from runhook.worker.domain.bodies import Tenant
from runhook.worker.errors import NotFound

blueprint = Blueprint("groups", __name__, url_prefix="/v1/groups")
blueprint.before_request(read_query)


class GroupQuery(Query):
    """Whose group it is; the caller's own, where that is not said."""

    tenant: Tenant | None = None


@blueprint.get("/<name>")
@open_to("read", "submit")
@takes(GroupQuery)
def get_group(name: str) -> Response:
    """One group."""
    tenant = only() or query(GroupQuery).tenant or caller().name
    state = wiring().store.groups.state(tenant, name)
    # A submit token that names another tenant is told of none, whether there is one or not.
    if state is None or query(GroupQuery).tenant not in (None, tenant):
        raise NotFound(f"group {name}")
    return answer(state.view())
