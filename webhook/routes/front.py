"""/: who you are here and which calls are open to you; where `runhook up`'s link leads."""

from flask import Blueprint, Response, current_app

from runhook.webhook.edge.access import FRONT
from runhook.webhook.edge.queries import Query, read_query, takes
from runhook.webhook.edge.responses import answer
from runhook.webhook.edge.scopes import OPEN_TO, caller, open_to

blueprint = Blueprint("front", __name__)
blueprint.before_request(read_query)


class FrontQuery(Query):
    """The token as a link brings it; `access` reads it."""

    token: str = ""


@blueprint.get(FRONT)
@open_to("read", "submit")
@takes(FrontQuery)
def front() -> Response:
    """The name, scopes and calls of whoever asks, by the header or, for people, by `?token=`."""
    me = caller()
    calls = [
        f"{method} {rule.rule}"
        for rule in current_app.url_map.iter_rules()
        # Made from the routes themselves, so that no list of calls can differ from what a token
        # opens.
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"})
        if rule.rule.startswith("/v1/")
        and me.may(OPEN_TO.get(current_app.view_functions[rule.endpoint], ()))
    ]
    response = answer(
        {
            "name": me.name,
            "scopes": sorted(me.scopes),
            "send": "Authorization: Bearer <token>",
            "calls": sorted(calls, key=lambda call: call.split()[::-1]),
        }
    )
    response.headers["Referrer-Policy"] = "no-referrer"  # the address may hold the token
    return response
