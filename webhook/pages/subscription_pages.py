"""/subscriptions: who gets events over HTTP; made, changed, tested, and its secret shown once."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, g, request, url_for

from runhook.webhook.edge.limits import TESTS
from runhook.webhook.edge.queries import read_query
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import caller, open_to
from runhook.webhook.forms.fields import Choice, Field
from runhook.webhook.pages import recovering, shell
from runhook.webhook.pages.delivery_list import rows_of, samples_of
from runhook.worker.delivery import deliveries, subscriptions
from runhook.worker.delivery.deliveries import DeliveriesQuery
from runhook.worker.delivery.standing import receivers, subscriber
from runhook.worker.delivery.views import sample_view, subscription_view
from runhook.worker.domain.bodies import read
from runhook.worker.domain.events import TYPES
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.store import Subscription

PAGE = 20  # deliveries that a subscription's page shows; the list of all has the rest
NO_EVENTS = "none ticked: all of them"

blueprint = shell.blueprint("subscription_pages", __name__)
blueprint.before_request(read_query)


@blueprint.before_request
def _stands_below() -> None:
    """The navigation has one entry for all that is delivered."""
    g.below = "delivery_list.show"


@blueprint.get("/subscriptions")
@open_to("read")
def show_all() -> Response:
    """Every subscription, and the form for a new one."""
    return _list({})


@blueprint.post("/subscriptions")
@open_to("admin")
def create() -> Response:
    """A new one, whose secret is shown this once."""
    given = _given()
    try:
        wanted = subscriptions.read_new(wiring(), given)
    except InvalidRequest as invalid:
        return _list(given, invalid.listed, shell.REFUSED)
    made, secret = subscriptions.create(wiring(), wanted)
    return shell.page("secret.html", 201, one=made, secret=secret, again=False)


@blueprint.get("/subscriptions/<subscription_id>")
@open_to("read")
def show(subscription_id: str) -> Response:
    """One, how deliveries to it go, and its newest deliveries."""
    return _page(wiring().store.subscriptions.get(subscription_id))


@blueprint.post("/subscriptions/<subscription_id>")
@open_to("admin")
def change(subscription_id: str) -> Response:
    """Change where events go, and which."""
    given = _given()
    try:
        patch = subscriptions.read_patch(wiring(), given)
    except InvalidRequest as invalid:
        found = wiring().store.subscriptions.get(subscription_id)
        return _page(found, given=given, faults=invalid.listed, status=shell.REFUSED)
    subscriptions.change(wiring(), subscription_id, patch)
    return shell.done(_address(subscription_id), "Changed.")


@blueprint.post("/subscriptions/<subscription_id>/enabled")
@open_to("admin")
def switch(subscription_id: str) -> Response:
    """Deliver events to it, or keep what it misses."""
    said = request.form.get("enabled", "")
    if said not in ("true", "false"):
        raise InvalidRequest([Fault(path="enabled", message="must be true or false")])
    enabled = said == "true"
    patch = subscriptions.read_patch(wiring(), {"enabled": enabled})
    subscriptions.change(wiring(), subscription_id, patch)
    told = "Disabled. What it misses is kept until you redeliver it."
    if enabled:
        told = "Enabled. What it missed is not sent by itself: recover it below."
    return shell.done(_address(subscription_id), told)


@blueprint.post("/subscriptions/<subscription_id>/test")
@open_to("admin")
def test(subscription_id: str) -> Response:
    """Post a sample there now, and say how it went."""
    found = wiring().store.subscriptions.get(subscription_id)
    kind = request.form.get("type", "job.succeeded")
    asked = read(subscriptions.SampleRequest, {"type": kind})
    with TESTS.take(caller().name):
        outcome = subscriptions.try_out(wiring(), found, asked.type)
    return _page(found, tested=sample_view(asked.type, outcome))


@blueprint.post("/subscriptions/<subscription_id>/rotate")
@open_to("admin")
def rotate(subscription_id: str) -> Response:
    """A new secret, shown this once; the one before signs too for a day."""
    changed, secret = subscriptions.rotate(wiring(), subscription_id)
    return shell.page("secret.html", one=changed, secret=secret, again=True)


@blueprint.post("/subscriptions/<subscription_id>/remove")
@open_to("admin")
def remove(subscription_id: str) -> Response:
    """Say what is lost with it; and remove it when that is confirmed."""
    found = wiring().store.subscriptions.get(subscription_id)
    (waiting,) = wiring().store.deliveries.waiting([subscription_id])
    if "confirmed" not in request.form:
        return shell.page("remove_subscription.html", one=found, waiting=waiting)
    wiring().store.subscriptions.remove(subscription_id)
    return shell.done("/subscriptions", f"{subscription_id} is removed, and told nothing more.")


@blueprint.post("/subscriptions/<subscription_id>/recover")
@open_to("admin")
def recover(subscription_id: str) -> Response:
    """Count what it missed of a period, and make it good when confirmed."""
    wiring().store.subscriptions.get(subscription_id)
    return recovering.answer(_address(subscription_id), subscription_id)


def _given() -> dict[str, Any]:
    """A subscription as its form says it."""
    lines = request.form.get("models", "").splitlines()
    return {
        "url": request.form.get("url", "").strip(),
        "events": [kind for kind in request.form.getlist("events") if kind],
        "models": [line.strip() for line in lines if line.strip()],
    }


def _list(given: Mapping[str, Any], faults: Sequence[Fault] = (), status: int = 200) -> Response:
    known = [one for one in receivers(wiring()) if one.lane == "subscribers"]
    return shell.page(
        "subscriptions.html",
        status,
        receivers=known,
        fields=_fields(given),
        faults=_told(faults),
        may_change=shell.may("subscription_pages.create"),
    )


def _page(
    found: Subscription,
    *,
    given: Mapping[str, Any] | None = None,
    faults: Sequence[Fault] = (),
    tested: Mapping[str, Any] | None = None,
    status: int = 200,
) -> Response:
    w, stands = wiring(), subscriber(wiring(), found)
    shown = deliveries.page(w, DeliveriesQuery(handler=found.id, limit=PAGE))
    view = subscription_view(found, stands.health, stands.waiting.dead)
    return shell.page(
        "subscription.html",
        status,
        one=view,
        stands=stands,
        fields=_fields(given or view),
        faults=_told(faults),
        tested=tested,
        types=[(kind, kind) for kind in TYPES],
        items=rows_of(shown.items, [stands]),
        samples=samples_of(shown.items),
        more=shown.next,
        usual=recovering.USUAL,
        may_change=shell.may("subscription_pages.create"),
    )


def _fields(given: Mapping[str, Any]) -> list[Field]:
    """The fields of its form."""
    return [
        Field(
            name="url",
            label="URL",
            control="line",
            texts=(given.get("url") or "",),
            hint=("Where events are posted to",),
            required=True,
        ),
        Field(
            name="events",
            label="Events",
            control="choices",
            texts=tuple(given.get("events") or ()),
            choices=tuple(Choice(kind, kind) for kind in TYPES),
            hint=(NO_EVENTS,),
        ),
        Field(
            name="models",
            label="Models",
            control="text",
            texts=("\n".join(given.get("models") or ()),),
            hint=("A pattern each line, as vidu/*; none: all",),
        ),
    ]


def _told(faults: Sequence[Fault]) -> dict[str, str]:
    """Faults by their field."""
    found: dict[str, list[str]] = {}
    for fault in faults:
        found.setdefault(fault.path.partition("[")[0], []).append(fault.said)
    return {name: "; ".join(said) for name, said in found.items()}


def _address(subscription_id: str) -> str:
    return url_for("subscription_pages.show", subscription_id=subscription_id)
