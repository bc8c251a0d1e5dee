"""The application: its routes, the parts they use, and how errors are answered."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request

from runhook.webhook.edge import problems, request_ids
from runhook.webhook.edge.access import wrong_tokens
from runhook.webhook.edge.current import this_request
from runhook.webhook.edge.forgery import refuse_forged
from runhook.webhook.edge.page_forms import bound_form
from runhook.webhook.edge.rates import Limiter
from runhook.webhook.edge.receiving import FormRequest, refuse_unread
from runhook.webhook.edge.scopes import require_token
from runhook.webhook.edge.streams import Hub
from runhook.webhook.pages import (
    account_page,
    cost_page,
    delivery_list,
    errors,
    job_actions,
    job_bulk,
    job_list,
    job_page,
    live,
    new_job,
    overview,
    shell,
    sign_in,
    static_files,
    subscription_pages,
    system_page,
)
from runhook.webhook.routes import (
    account,
    assets,
    callbacks,
    comfyui,
    costs,
    deliveries,
    documents,
    events,
    groups,
    handlers,
    health,
    jobs,
    mcp,
    metrics,
    models,
    outputs,
    subscriptions,
)
from runhook.worker.wiring import Wiring

ROUTES = (
    callbacks,
    health,
    metrics,
    jobs,
    groups,
    outputs,
    assets,
    models,
    comfyui,
    account,
    costs,
    subscriptions,
    handlers,
    deliveries,
    events,
    documents,
    mcp,
)
# One line a page.
PAGES = (
    static_files,
    sign_in,
    live,
    overview,
    job_page,
    job_actions,
    new_job,
    delivery_list,
    subscription_pages,
    cost_page,
    job_list,
    job_bulk,
    account_page,
    system_page,
)


# A workflow's form has three parts for each of a thousand rows. Its text may be as much as a job's
# without files, twice over for what is written in more bytes than it means.
FORMS = {"MAX_FORM_PARTS": 4000, "MAX_FORM_MEMORY_SIZE": 2 * 1024 * 1024}


class Web(Flask):
    """An application that says of each path which methods are its own, and knows no coroutines.

    `/v1/jobs/batch` is no job, though the path of one job would take it for one.
    """

    request_class = FormRequest

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """A view as it is: none is a coroutine, which Flask would look for at every step."""
        return func

    def make_default_options_response(self) -> Response:
        """The answer to OPTIONS."""
        here = request.url_rule and request.url_rule.rule
        response = self.response_class()
        for rule in self.url_map.iter_rules():
            if rule.rule == here:
                response.allow.update(rule.methods or ())
        return response


def create_app(wiring: Wiring) -> Flask:
    """The web process's app over its parts."""
    return over(wiring, routed())


def over(wiring: Wiring, app: Flask) -> Flask:
    """Give an app the parts that its routes are about."""
    app.extensions["runhook"] = wiring
    app.extensions["runhook.hub"] = Hub(wiring)
    app.extensions["runhook.wrong_tokens"] = wrong_tokens()
    app.extensions["runhook.limiter"] = Limiter()
    return app


def routed() -> Flask:
    """Every route and page, before there are parts."""
    app = Web(__name__, static_folder=None)
    app.config |= FORMS
    app.url_map.merge_slashes = False  # its redirect would lead to any host that a request names
    app.before_request(request_ids.begin)
    app.teardown_request(request_ids.end)
    app.after_request(request_ids.told)
    app.after_request(_kept_nowhere)
    app.after_request(problems.careful)
    problems.register(app)
    app.before_request(require_token)
    app.before_request(refuse_unread)
    app.before_request(bound_form)
    app.before_request(refuse_forged)
    shell.register(app)
    app.after_request(errors.answer_people)
    for part in (*ROUTES, *PAGES):
        app.register_blueprint(part.blueprint)
    return app


def _kept_nowhere(response: Response) -> Response:
    """What needs a token is kept in no cache."""
    path = this_request().path
    if path in (mcp.PATH, metrics.PATH) or path.startswith("/v1"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response
