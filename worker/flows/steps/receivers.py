"""What is wrong with those who are told of events: what waits for them, and what never comes."""

from runhook.worker import catalogue
from runhook.worker.delivery import roster
from runhook.worker.delivery.roster import Member
from runhook.worker.delivery.subscriptions import UNSENT
from runhook.worker.errors import NotFound
from runhook.worker.flows.steps.findings import Finding, Findings, bad, warning
from runhook.worker.wiring import Wiring


def missed(w: Wiring) -> Findings:
    for one in (*w.store.processes.unreadable(), *w.store.subscriptions.unreadable()):
        if missed := w.store.deliveries.missed(one.id):
            text = f"{missed} events wait because {one.name}, which may want them, is unreadable"
            advice = "Everybody else gets them: see docs/upgrades.md."
            yield warning("receivers", text, advice)


def handlers(w: Wiring) -> Findings:
    for one in roster.members(w):
        # Redelivered to a handler that is gone, they would only wait.
        if one.alive and one.dead:
            text = f"dead deliveries to {one.name!r}: {one.dead}"
            advice = (
                f"`runhook deliveries --handler {one.name} --state dead` says why, "
                f"`runhook redeliver --handler {one.name}` delivers them again."
            )
            yield warning("handlers", text, advice)
        if one.pending and not one.alive:
            yield _waiting_for(one)
        if one.alive:
            yield from _without_model(one)


def _without_model(one: Member) -> Findings:
    try:
        catalogue.listed_as(one.model)
    except NotFound as missing:
        text = f"{one.name!r} hears nothing: {missing}"
        yield warning("handlers", text, "Give its on() the model's endpoint, or a glob.")


def _waiting_for(gone: Member) -> Finding:
    """What waits for a handler that no living process has."""
    text = f"deliveries wait for {gone.name!r}, which no living process has: {gone.pending}"
    if gone.oldest:
        text += f", the oldest since {gone.oldest:%Y-%m-%d %H:%M} UTC"
    advice = (
        "Start a process whose RUNHOOK_HANDLERS has it, "
        f"or end what waits: `runhook handlers --end {gone.name}`."
    )
    return bad("handlers", text, advice)


def subscriptions(w: Wiring) -> Findings:
    for one in w.store.subscriptions.all():
        since = w.store.subscriptions.health(one.id).failing_since
        if w.outbound.too_open(one.url):
            text = f"{one.id} gets nothing: its URL is http, and only https is allowed"
            advice = "PATCH its url to https, or set RUNHOOK_HTTPS_ONLY=false; then redeliver."
            yield bad("subscriber", text, advice)
        if not one.enabled:
            text = f"{one.id} is disabled"
            if one.why:
                text += f": {one.why}"
            missed = w.store.deliveries.count("dead", one.id)
            advice = "PATCH it with enabled true, then redeliver."
            yield warning("subscriber", f"{text}; {missed} missed", advice)
        elif since:
            text = f"{one.id}: nothing but failures since {since:%Y-%m-%d %H:%M} UTC"
            advice = f"`runhook deliveries --handler {one.id}` says why."
            yield warning("subscriber", text, advice)


def unsent(w: Wiring) -> Findings:
    """Who wants by name what is sent only where outputs are kept."""
    if w.settings.archive:
        return
    wants = [one.name for one in roster.members(w) if one.alive and UNSENT in (one.types or ())]
    wants += [one.id for one in w.store.subscriptions.all() if UNSENT in one.events]
    if wants:
        text = f"{', '.join(wants)} want {UNSENT}, and RUNHOOK_ARCHIVE is false: nothing is kept"
        advice = "Set RUNHOOK_ARCHIVE=true wherever workers run, or have them want job.succeeded."
        yield warning("receivers", text, advice)
