"""/system: workers, lanes, Redis and doctor's findings; the queue's pause; a sandbox's faults."""

import os

from flask import Response, request

from runhook.webhook.edge.forgery import FIELD
from runhook.webhook.edge.limits import EXAMINING
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import caller, open_to
from runhook.webhook.pages.shell import blueprint as blueprint_of
from runhook.webhook.pages.shell import done, page
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.flows import doctor
from runhook.worker.flows.steps.findings import Finding
from runhook.worker.flows.steps.persistence import Waits, waits_for
from runhook.worker.flows.system import OFTEN, SWITCHES, sandbox, switch
from runhook.worker.wiring import Wiring

PATH = "/system"
EXAMINE = "examine"  # the query's word for having doctor look
# When a paid request leaves, by RUNHOOK_DURABLE and by what its server can.
DURABLE: dict[Waits, str] = {
    "disk": "it is on Redis's disk",
    "early": "Redis has written it; its disk may have it later",
    "replica": "a replica has it",
    "memory": "Redis has it in memory",
    "never": "never: nothing proves that its departure is kept",
}
OFTEN_NAMED = {"off": "off", "next": "the next one", "half": "every other", "always": "always"}

blueprint = blueprint_of("system_page", __name__)


@blueprint.get(PATH)
@open_to("read")
def show() -> Response:
    """How everything is; with `?examine=1` what doctor finds, too, which takes seconds."""
    w = wiring()
    vitals = w.store.looks.look()
    return page(
        "system.html",
        vitals=vitals,
        now=w.clock.now(),
        durable=DURABLE[waits_for(w.settings, vitals.server)],
        findings=_findings(w),
        sandbox=sandbox(w),
        often_named=[(word, OFTEN_NAMED[word]) for word in OFTEN],
        roles={one.role for one in vitals.processes},
        admin="admin" in caller().scopes,
    )


@blueprint.post(f"{PATH}/pause")
@open_to("admin")
def pause() -> Response:
    """Stop the queue, or let it go on."""
    said = request.form.get("paused", "")
    if said not in ("0", "1"):
        raise InvalidRequest([Fault(path="paused", message="must be 0 or 1")])
    wiring().store.queue.pause(said == "1")
    text = "The queue goes on."
    if said == "1":
        text = "The queue is paused: nothing new is sent; what is under way goes on."
    return done(PATH, text)


@blueprint.post(f"{PATH}/break")
@open_to("admin")
def break_it() -> Response:
    """Have the sandbox's faults happen as often as the form says."""
    chosen = {name: often for name, often in request.form.items() if name != FIELD}
    switch(wiring(), chosen)
    on = [
        f"{SWITCHES[name][0].lower()} ({OFTEN_NAMED[often]})"
        for name, often in chosen.items()
        if often != "off"
    ]
    text = "The sandbox makes no such fault any more."
    if on:
        text = f"The sandbox will {', '.join(on)}. Make a job, and watch it."
    return done(PATH, text)


def _findings(w: Wiring) -> list[Finding] | None:
    """What doctor finds, the worst first; None: nobody asked for it."""
    if not request.args.get(EXAMINE):
        return None
    with EXAMINING.take(caller().name):
        found = doctor.examine(w, os.environ)
    return sorted(found, key=lambda one: ("bad", "warning", "good").index(one.word))
