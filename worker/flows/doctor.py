"""What is wrong with an installation, and what to do about it: checks that change nothing."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice

from runhook.config.settings import Role, Settings, SettingsError, unknown_names
from runhook.config.strength import HOW
from runhook.config.web import web_here
from runhook.worker.domain.jobs import State
from runhook.worker.domain.reports import amounts
from runhook.worker.errors import (
    ProviderRefused,
    ProviderSilent,
    StorageUnavailable,
    StoreUnavailable,
    UnreadableRecord,
)
from runhook.worker.flows.steps import books, receivers, storing
from runhook.worker.flows.steps.archiving import behind
from runhook.worker.flows.steps.findings import Finding as Finding
from runhook.worker.flows.steps.findings import Findings, bad, good, warning
from runhook.worker.flows.steps.persistence import persistence
from runhook.worker.flows.steps.prepare import of_a_known_model
from runhook.worker.net.faults import why
from runhook.worker.net.http import FAILURES, Http
from runhook.worker.secrets.signing import PROBE, callback_url, fingerprint, probe_answer
from runhook.worker.store.queue_state import QueueState
from runhook.worker.store.upkeep import LOOKED_AT
from runhook.worker.wiring import Wiring, has_other_secrets

SKEW = 5.0  # seconds between this machine's clock and Redis's that matter to nobody
STUCK = 120.0  # seconds a duty may be past its time: the longest lease, and the pump's round
OK = 200  # the HTTP status
WEB_SECONDS = 3.0  # for an answer of this machine; /healthz asks nobody else
PROBE_SECONDS = 10.0  # for an answer through whatever stands before web, a sleeping tunnel included
NAMED = 3  # records that a line of the report names; the rest are counted
ROLES: tuple[Role, ...] = ("web", "worker", "handlers")


def examine(w: Wiring, environ: Mapping[str, str]) -> list[Finding]:
    """Every check, in the order in which things depend on each other; without Redis only the first.

    Args:
        w: The parts of the process that asks.
        environ: Its environment, in which a misspelt setting may stand.
    """
    checks: tuple[Callable[[Wiring], Findings], ...] = (
        _server,
        _secrets,
        _budgets,
        _clock,
        _processes,
        _web,
        _public_url,
        _key,
        _queue,
        _duties,
        _unconfirmed,
        _ledger,
        _unreadable,
        receivers.missed,
        _storage,
        _archive,
        _strays,
        receivers.handlers,
        receivers.subscriptions,
        receivers.unsent,
    )
    found = [*_settings(w, environ)]
    try:
        for check in checks:
            found += check(w)
    # Once for all checks: whatever needs Redis would say the same.
    except StoreUnavailable as away:
        found.append(bad("server", str(away), "Start Redis, or `runhook up`."))
    return found


def _settings(w: Wiring, environ: Mapping[str, str]) -> Findings:
    wrong, beside_sandbox = set(), w.settings.told_by_sandbox()
    # Every process, because doctor may stand on another machine than they do; what is wrong for two
    # is said once.
    for role in ROLES:
        try:
            Settings.load(role, **beside_sandbox)
        except SettingsError as error:
            wrong.add(str(error))
    for text in sorted(wrong):
        yield bad("settings", text, "Set it in the environment or in .env.")
    made_up = w.settings.made_up()
    for name in made_up:
        text = f"{name}: one of its values repeats few characters, so it could be guessed"
        yield warning("settings", text, f"Make a new one with: {HOW}")
    for name in unknown_names(environ):
        yield warning("settings", f"{name} is not a setting", "See config/env.example.")
    if not wrong and not made_up:
        yield good("settings", "complete for web, worker and handlers")


def _server(w: Wiring) -> Findings:
    server = w.store.processes.server()
    if server.too_old:
        yield bad("server", f"{server.name} is too old", "Use Redis 6.2 or later.")
    else:
        yield good("server", server.name)
    if server.evicts:
        text = f"with maxmemory-policy {server.policy} Redis may evict queued jobs"
        yield bad("eviction", text, "Set maxmemory-policy noeviction.")
    yield persistence(w.settings, server)


def _secrets(w: Wiring) -> Findings:
    if has_other_secrets(w):
        text = "RUNHOOK_SECRET differs from the one that the other processes use"
        advice = "Set theirs. To change it, put the new one in front of it and restart everything."
        yield bad("secrets", text, advice)


def _budgets(w: Wiring) -> Findings:
    """Whether all hold jobs to the same budgets: what is asked for where there is none counts for
    none.
    """
    ours = fingerprint(str(w.settings.budgets))
    others = [role for role, theirs in w.store.installation.budgets().items() if theirs != ours]
    if others:
        text = f"RUNHOOK_BUDGET_DAY here differs from that of {', '.join(sorted(others))}"
        advice = "Set the same wherever jobs are asked for or sent, and restart what differs."
        yield warning("budgets", text, advice)


def _clock(w: Wiring) -> Findings:
    skew = abs((datetime.now(UTC) - w.clock.now()).total_seconds())
    if skew > SKEW:
        text = f"the clocks of this machine and of Redis differ by {skew:.0f} s"
        yield warning("clock", text, "Synchronize both by NTP.")
    else:
        yield good("clock", "agrees with Redis's")


def _processes(w: Wiring) -> Findings:
    for role in ("worker", "handlers"):
        if alive := w.store.processes.alive(role):
            yield good(role, f"{alive} alive")
        else:
            text = "none has been seen in the last 15 s"
            yield bad(role, text, f"Start one: see {role} in the Procfile.")


def _web(w: Wiring) -> Findings:
    """Whether it answers on this machine; with a public URL it may well run on another."""
    address = web_here(w.settings) or f"http://127.0.0.1:{w.settings.port}"
    here = Http(address, proxies=False)
    try:
        answer = here.request("GET", "/healthz", headers={}, data=None, seconds=WEB_SECONDS)
        if answer.status == OK:
            yield good("web", f"answers at {address}")
            return
    # No fault by itself: web may run on another machine, and the public URL has its own check.
    except FAILURES:
        pass
    if w.settings.public_url:
        yield good("web", f"none at {address}; wherever it runs, the public URL must lead to it")
    else:
        yield warning("web", f"does not answer at {address}", "Start it, or set PORT.")


def _public_url(w: Wiring) -> Findings:
    """A probe, signed as one, through whatever stands before web."""
    base = w.settings.public_url
    if not base:
        text = "not set: RunningHub cannot call back, so jobs end later, by asking RunningHub"
        advice = "Set RUNHOOK_PUBLIC_URL to where web is reached from outside."
        yield warning("public URL", text, advice)
        return
    # Drawn each time: an answer that somebody recorded proves nothing.
    number = secrets.randbelow(10**9) + 1
    path = callback_url(base, w.settings.secrets, PROBE, number).removeprefix(base)
    advice = (
        "Make RUNHOOK_PUBLIC_URL lead to a web of this version with the same secret, "
        "POST requests included."
    )
    try:
        answer = Http(base).request("POST", path, headers={}, data=b"{}", seconds=PROBE_SECONDS)
    except FAILURES as error:
        yield bad("public URL", f"{base} does not answer: {why(error)}", advice)
        return
    expected = probe_answer(w.settings.secrets[0], number).encode()
    if answer.status == OK and answer.body == expected:
        yield good("public URL", f"{base} leads here, and the secrets agree")
    else:
        text = f"{base} answers HTTP {answer.status}, but not as web does"
        yield bad("public URL", text, advice)


def _key(w: Wiring) -> Findings:
    if not w.settings.api_key:
        yield bad("key", "RUNNINGHUB_API_KEY is missing", "Set the account's key.")
        return
    # Both are free questions.
    try:
        capacity = w.client.capacity()
        account = w.client.account()
    except ProviderRefused as refused:
        advice = "Check RUNNINGHUB_API_KEY, and that RUNNINGHUB_BASE_URL is its site."
        yield bad("key", f"RunningHub refuses it: {refused}", advice)
        return
    # Only a warning: of an outage there nothing can be mended here.
    except ProviderSilent as silent:
        yield warning("key", f"RunningHub does not answer: {silent}", "Try again later.")
        return
    left = " and ".join(amounts(account)) or "nothing"
    yield good("key", f"{capacity.type or 'valid'}, {left} left")
    yield _limit(w.settings.concurrency, capacity.limit)


def _limit(ours: int | None, theirs: int | None) -> Finding:
    """How many jobs run at once: as we are set, and as RunningHub says."""
    if ours and theirs and ours > theirs:
        text = f"RUNHOOK_CONCURRENCY is {ours}, but RunningHub allows {theirs}"
        advice = "Lower it: RunningHub refuses the jobs above its limit, and they must wait anyway."
        return warning("limit", text, advice)
    return good("limit", f"{ours or theirs or 1} at once")


def _queue(w: Wiring) -> Findings:
    state: QueueState = w.store.queue.state()
    text = state.counts
    if state.why_paused:
        yield bad("queue", f"{text}; {state.why_paused}", "Then `runhook resume`.")
    elif state.paused:
        yield warning("queue", f"paused, {text}", "`runhook resume` lets it go on.")
    elif state.gate == "open":
        yield good("queue", text)
    elif state.advice:
        yield bad("queue", f"{text}; nothing is sent: {state.why_gated}", state.advice)
    else:
        advice = "Nothing to do: it tries again by itself."
        yield warning("queue", f"{text}; nothing is sent for now: {state.why_gated}", advice)


def _duties(w: Wiring) -> Findings:
    stuck = w.store.upkeep.stuck(STUCK)
    for it in stuck:
        text = f"{it.count} of lane {it.lane} are over {STUCK:.0f} s late, the first {it.oldest}"
        yield bad("duties", text, "Start a worker, or see its log for why it does not get there.")
    parked = w.store.duties.parked()
    for duty in parked:
        text = f"{duty.id} of lane {duty.lane} is parked after {duty.failures} failures: {duty.why}"
        yield bad("duties", text, "Mend that, then `runhook doctor --fix` lets it try once more.")
    if not stuck and not parked:
        yield good("duties", "none is late or parked")


def _unconfirmed(w: Wiring) -> Findings:
    names = w.store.upkeep.unconfirmed()
    if not names:
        return
    doubts = [job.attempt.doubt for job in w.store.jobs.many(names)]
    risks = [doubt.detail.get("money_at_risk") for doubt in doubts if doubt]
    # Of some jobs no price is known, so the sum is a floor.
    known = sum((Decimal(risk.split()[0]) for risk in risks if risk), Decimal(0))
    text = f"{len(names)} may have been charged without proof"
    if known:
        text += f", at least {known:f} at risk"
    advice = (
        "They wait for proof. `runhook resolve` settles one of `runhook jobs --state unconfirmed`."
    )
    yield warning("unconfirmed", text, advice)


def _ledger(w: Wiring) -> Findings:
    """Whether the day totals say what the jobs' records say."""
    found = books.compare(w)
    if found.unbooked:
        text = f"{len(found.unbooked)} jobs are not counted as their records say, the first "
        advice = "`runhook doctor --fix` counts them; older processes may have changed them."
        yield warning("ledger", text + found.unbooked[0], advice)
    if found.differing:
        text = f"the totals of {', '.join(found.differing[:NAMED])} are not what their jobs say"
        if len(found.differing) > NAMED:
            text += f", nor are those of {len(found.differing) - NAMED} days more"
        advice = (
            "Trust `runhook jobs` and RunningHub's bill for them: what changed the totals left no "
            "trace, so nothing is repaired."
        )
        yield bad("ledger", text, advice)
    if not found.unbooked and not found.differing:
        yield good("ledger", _agreement(found.compared))


def _agreement(days: int) -> str:
    if days == 0:
        return "no day to compare: none has ended jobs that are all still kept"
    if days == 1:
        return "1 day says what its jobs say"
    return f"{days} days say what their jobs say"


def _unreadable(w: Wiring) -> Findings:
    """Records that this version leaves alone, and queued jobs whose model it does not have."""
    found = [*w.store.upkeep.unreadable(), *_of_unknown_models(w)]
    if not found:
        yield good("records", "all under way and the newest can be read")
        return
    text = f"{len(found)} left alone: " + "; ".join(str(one) for one in found[:NAMED])
    if len(found) > NAMED:
        text += f"; and {len(found) - NAMED} more"
    advice = "They stay as they are, and nothing more is paid for them: see docs/upgrades.md."
    if any(one.newer for one in found):
        advice = (
            "Start processes of the version that wrote them. "
            "Until then nothing of them is lost or paid for."
        )
    yield bad("records", text, advice)


def _of_unknown_models(w: Wiring) -> Iterator[UnreadableRecord]:
    for job in islice(w.store.listing.standing(State.QUEUED), LOOKED_AT):
        try:
            of_a_known_model(job)
        except UnreadableRecord as unknown:
            yield unknown


def _storage(w: Wiring) -> Findings:
    """Whether all keep files in this place, and nobody else does."""
    try:
        for text, advice in storing.faults(w):
            yield warning("storage", text, advice)
    except StorageUnavailable as away:
        yield bad("storage", str(away), "Mend RUNHOOK_STORAGE_URL, or what it names.")


def _archive(w: Wiring) -> Findings:
    """Outputs that should be kept by now."""
    if late := behind(w, STUCK):
        text = f"outputs of {len(late)} attempts are not kept yet: " + "; ".join(late[:NAMED])
        advice = "The worker's log says why: output.not_had, storage.away."
        yield bad("archive", text, advice)


def _strays(w: Wiring) -> Findings:
    count, last = w.store.callbacks.strays(), w.store.callbacks.last_stray()
    if last:
        text = f"{count} callbacks came for unknown jobs, the last for {last.job_id}"
        text += f" at {last.at:%Y-%m-%d %H:%M} UTC: {last.why}"
        advice = (
            "Nothing to do where that job was forgotten or its time to be kept is over. Otherwise "
            "another installation shares RUNHOOK_SECRET, or Redis lost the job."
        )
        yield warning("strays", text, advice)
