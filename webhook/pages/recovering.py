"""What is made good of a period: asked for in a form, counted first, and done when confirmed."""

from flask import Response, request

from runhook.webhook.edge.limits import RECOVERING
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import caller
from runhook.webhook.pages import shell
from runhook.worker.domain.bodies import read
from runhook.worker.domain.jobs import iso
from runhook.worker.errors import InvalidRequest
from runhook.worker.flows import recover
from runhook.worker.flows.recover import RecoverRequest, TimeRange

USUAL = "2h"  # ago: as long as people take to see that something is missing


def answer(back: str, handler: str | None = None) -> Response:
    """The counts of what is missing, to be confirmed; or what was made good.

    Args:
        back: The page that the form stood in, whose `/recover` it posts to.
        handler: The one whose deliveries are meant; None: everybody's, and callbacks too.
    """
    confirmed = "confirmed" in request.form
    try:
        period = _period(handler)
    except InvalidRequest as invalid:
        what = "; ".join(f"{fault.path} {fault.message}" for fault in invalid.listed)
        return shell.done(back, f"Nothing was looked for: {what}.", "bad")
    with RECOVERING.take(caller().name):
        found = recover.recover(wiring(), period, dry_run=not confirmed)
    if confirmed:
        told = f"{found.all.opened} are delivered for the first time"
        told += f", {found.all.redelivered} dead ones again"
        if found.asked:
            told += f"; RunningHub is asked about {found.asked} jobs, which is free"
        return shell.done(back, f"{told}. All is spread over time.")
    # As moments: `2h` ago would be another period by the time it is confirmed.
    fields = {"since": iso(period.since), "until": iso(period.until)}
    if period.new_handlers:
        fields["new_handlers"] = "true"
    return shell.page("recover.html", found=found, fields=fields, back=back, handler=handler)


def _period(handler: str | None) -> TimeRange:
    """The period that the form names."""
    now = wiring().clock.now()
    given: dict[str, object] = {
        name: value.strip() for name in ("since", "until") if (value := request.form.get(name))
    }
    if handler:
        given["handler"] = handler
    if request.form.get("new_handlers"):
        given["new_handlers"] = True
    return read(RecoverRequest, {"since": USUAL} | given, now=now).range(now)
