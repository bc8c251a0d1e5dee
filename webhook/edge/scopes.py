"""Which scopes open each call, declared beside it, and letting in whoever has one."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from flask import g
from werkzeug.exceptions import Forbidden

from runhook.config.callers import Caller, Scope
from runhook.webhook.edge.access import asker_of, refusal_of
from runhook.webhook.edge.current import noted, this_app, this_request
from runhook.webhook.edge.rates import refuse_hasty
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.sessions import Session
from runhook.worker.errors import NotFound, UnreadableRecord

Route = TypeVar("Route", bound=Callable[..., Any])
# Of each route the scopes that open it. `admin` opens all, and one that declares none alone.
OPEN_TO: dict[Callable[..., Any], tuple[Scope | Literal["anybody"], ...]] = {}
# What a token must name that comes in by `submit` alone, where a list of many cannot be narrowed.
SUBMIT_WITH: dict[Callable[..., Any], str] = {}


def open_to(*scopes: Scope | Literal["anybody"], submit_with: str = "") -> Callable[[Route], Route]:
    """Declare beside a route who may call it besides `admin`.

    A token that comes in by `submit` alone has to do with its own tenant's jobs only: others in the
    path are not there for it, and what the route lists or makes it narrows by `only()`. Or the
    route asks for a call that names them, by `submit_with`, which documents say too.
    """

    def declared(route: Route) -> Route:
        OPEN_TO[route] = scopes
        if submit_with:
            SUBMIT_WITH[route] = submit_with
        return route

    return declared


def require_token() -> None:
    """Before every request: 401 to strangers, 403 where the scope is missing, and then nobody
    learns whether another tenant's job is there.

    Raises:
        Unauthorized: Nobody's token, or none.
        TooManyRequests: Nobody's token, after many of them; or one that asks too often.
        Forbidden: The scope is missing.
        NotFound: A job or delivery of another tenant, as if there were none.
    """
    asked, notes = this_request(), noted()
    if asked.endpoint is None:
        return  # there is no such call, which is no secret
    needed = OPEN_TO.get(this_app().view_functions[asked.endpoint], ())
    if "anybody" in needed:
        return
    caller, session = asker_of(wiring().settings, asked)
    if caller is None or _has_signed_out(session):
        raise refusal_of(asked)
    refuse_hasty(caller, session)
    if not caller.may(needed):
        raise forbidden(caller, " or ".join(needed or ("admin",)))
    own = caller.tenant_in(needed)
    notes.caller, notes.session, notes.only = caller, session, own
    if own is not None:
        _hide_others(own, asked.view_args or {})


def caller() -> Caller:
    """Who asks."""
    found: Caller = g.caller
    return found


def only() -> str | None:
    """The one tenant whose jobs this request has to do with; None: everybody's."""
    found: str | None = g.only
    return found


def forbidden(caller: Caller, needed: str) -> Forbidden:
    """403, naming what would be needed."""
    has = ", ".join(sorted(caller.scopes))
    why = f"this needs a token with the scope {needed}; this one has {has}. Nothing was done."
    return Forbidden(why)


def hide_job(tenant: str, job_id: str) -> None:
    """Raises NotFound unless it is a job of this tenant."""
    if wiring().store.jobs.tenant(job_id) != tenant:
        raise NotFound(f"job {job_id}")


def _has_signed_out(session: Session | None) -> bool:
    """Whether it is a copy of a cookie whose owner ended it."""
    return session is not None and wiring().store.sessions.has_ended(session.id)


def _hide_others(tenant: str, named: dict[str, Any]) -> None:
    if "job_id" in named:
        hide_job(tenant, named["job_id"])
    if "delivery_id" in named:
        _hide_delivery(tenant, named["delivery_id"])


def _hide_delivery(tenant: str, delivery_id: str) -> None:
    store = wiring().store
    try:
        job = store.deliveries.get(delivery_id).job
    except UnreadableRecord:
        job = None  # nobody can say whose it is
    if job is None or store.jobs.tenant(job) != tenant:
        raise NotFound(f"delivery {delivery_id}")
