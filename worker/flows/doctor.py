"""What is wrong with an installation, and what to do about it: checks that change nothing."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from runhook.config.settings import Role, Settings, SettingsError, unknown_names
from runhook.config.strength import HOW
from runhook.worker.delivery import roster
from runhook.worker.domain.jobs import State
from runhook.worker.errors import (
    ProviderRefused,
    ProviderSilent,
    StoreUnavailable,
    UnreadableRecord,
)
from runhook.worker.flows.steps.prepare import of_a_known_model
from runhook.worker.net.http import FAILURES, Http, why
from runhook.worker.secrets.signing import PROBE, callback_url, probe_answer
from runhook.worker.store.line import QueueState
from runhook.worker.wiring import Wiring, has_other_secrets

Word = Literal["good", "warning", "bad"]
SKEW = 5.0  # seconds between this machine's clock and Redis's that matter to nobody
STUCK = 120.0  # seconds a duty may be past its time: the longest lease, and the pump's round
PROBE_SECONDS = 10.0
NAMED = 3  # records that a line of the report names; the rest are counted
ROLES: tuple[Role, ...] = ("web", "worker", "handlers")


@dataclass(frozen=True)
class Finding:
    """What one check found, and what to do about it."""

    what: str
    word: Word
    says: str
    advice: str = ""


Findings = Iterator[Finding]


def examine(w: Wiring, environ: Mapping[str, str]) -> list[Finding]:
    """Every check, in the order in which things depend on each other; without Redis the first."""
    checks: tuple[Callable[[Wiring], Findings], ...] = (
        _server,
        _secrets,
        _clock,
        _processes,
        _public_url,
        _key,
        _line,
        _duties,
        _unconfirmed,
        _unreadable,
        _missed,
        _strays,
        _handlers,
        _subscriptions,
    )
    found = [*_settings(w, environ)]
    try:
        for check in checks:
            found += check(w)
    except StoreUnavailable as away:
        found.append(Finding("server", "bad", str(away), "Start Redis, or `runhook up`."))
    return found


def _settings(w: Wiring, environ: Mapping[str, str]) -> Findings:
    wrong, told = set(), w.settings.told_by_sandbox()
    for role in ROLES:
        try:
            Settings.load(role, **told)
        except SettingsError as error:
            wrong.add(str(error))
    for text in sorted(wrong):
        yield Finding("settings", "bad", text, "Set it in the environment or in .env.")
    made_up = w.settings.made_up()
    for name in made_up:
        text = f"{name}: one of its values has few different characters, so it could be guessed"
        yield Finding("settings", "warning", text, f"Make one with: {HOW}")
    for name in unknown_names(environ):
        yield Finding("settings", "warning", f"{name} is no setting", "See config/env.example.")
    if not wrong and not made_up:
        yield Finding("settings", "good", "complete for web, worker and handlers")


def _server(w: Wiring) -> Findings:
    server = w.store.processes.server()
    if server.too_old:
        yield Finding("server", "bad", f"Redis {server.version}", "Use Redis 6.2 or later.")
    else:
        yield Finding("server", "good", f"Redis {server.version}")
    if server.evicts:
        text = f"maxmemory-policy {server.policy} evicts queued work"
        yield Finding("eviction", "bad", text, "Set maxmemory-policy noeviction.")
    if not server.durable:
        text = "no append-only file: a restart of Redis loses jobs"
        yield Finding("persistence", "warning", text, "Set appendonly yes.")
    else:
        yield Finding("persistence", "good", "append-only file")


def _secrets(w: Wiring) -> Findings:
    if has_other_secrets(w):
        text = "RUNHOOK_SECRET here is none of those that other processes use"
        advice = "Set theirs; to change it, put the new one in front of it and restart everything."
        yield Finding("secrets", "bad", text, advice)


def _clock(w: Wiring) -> Findings:
    skew = abs((datetime.now(UTC) - w.clock.now()).total_seconds())
    if skew > SKEW:
        text = f"this machine and Redis differ by {skew:.0f} s"
        yield Finding("clock", "warning", text, "Let both keep time by NTP.")
    else:
        yield Finding("clock", "good", "as Redis's")


def _processes(w: Wiring) -> Findings:
    for role in ("worker", "handlers"):
        alive = w.store.processes.alive(role)
        if alive:
            yield Finding(role, "good", f"{alive} alive")
        else:
            text = "none was heard in the last 15 s"
            yield Finding(role, "bad", text, f"Start it: see {role} in the Procfile.")
    address = f"http://127.0.0.1:{w.settings.port}"
    try:
        answer = Http(address, proxies=False).request(
            "GET", "/healthz", headers={}, data=None, seconds=3
        )
        status = answer.status
    except FAILURES:
        status = 0
    if status == 200:
        yield Finding("web", "good", f"answers at {address}")
    elif not w.settings.public_url:
        yield Finding("web", "warning", f"does not answer at {address}", "Start it, or set PORT.")


def _public_url(w: Wiring) -> Findings:
    """A probe, signed as one, through whatever stands before web."""
    base = w.settings.public_url
    if not base:
        text = "none: RunningHub cannot report, and every job ends by asking"
        advice = "Set RUNHOOK_PUBLIC_URL to where web is reached from outside."
        yield Finding("public URL", "warning", text, advice)
        return
    number = secrets.randbelow(10**9) + 1
    path = callback_url(base, w.settings.secrets, PROBE, number).removeprefix(base)
    advice = "Let RUNHOOK_PUBLIC_URL lead to web, POST and all; same secret, same version."
    try:
        answer = Http(base).request("POST", path, headers={}, data=b"{}", seconds=PROBE_SECONDS)
    except FAILURES as error:
        yield Finding("public URL", "bad", f"{base} does not answer: {why(error)}", advice)
        return
    expected = probe_answer(w.settings.secrets[0], number).encode()
    if answer.status == 200 and answer.body == expected:
        yield Finding("public URL", "good", f"{base} leads here, and the secrets agree")
    else:
        yield Finding(
            "public URL", "bad", f"{base} answers HTTP {answer.status}, not as web", advice
        )


def _key(w: Wiring) -> Findings:
    if not w.settings.api_key:
        yield Finding("key", "bad", "RUNNINGHUB_API_KEY is missing", "Set the account's key.")
        return
    try:
        capacity = w.client.capacity()
        account = w.client.account()
    except ProviderRefused as refused:
        yield Finding("key", "bad", f"refused: {refused}", "Check key and site.")
        return
    except ProviderSilent as silent:
        yield Finding("key", "warning", f"RunningHub does not answer: {silent}", "Try again later.")
        return
    money = f"{account.money} {account.currency or ''}".strip() if account.money else ""
    coins = f"{account.coins} coins" if account.coins else ""
    left = " and ".join(part for part in (money, coins) if part) or "nothing"
    yield Finding("key", "good", f"{capacity.type or 'valid'}, {left} left")
    ours, theirs = w.settings.concurrency, capacity.limit
    if ours and theirs and ours > theirs:
        text = f"RUNHOOK_CONCURRENCY is {ours}, RunningHub allows {theirs}"
        yield Finding("limit", "warning", text, "Jobs above it wait behind a gate; lower it.")
    else:
        yield Finding("limit", "good", f"{ours or theirs or 1} at once")


def _line(w: Wiring) -> Findings:
    state: QueueState = w.store.line.state()
    text = f"{state.length} waiting, {state.in_flight} in flight"
    if state.unreadable:
        text += f", {state.unreadable} that cannot be read hold no slot"
    if state.why_paused:
        yield Finding("line", "bad", f"{text}; {state.why_paused}", "Then `runhook resume`.")
    elif state.paused:
        yield Finding("line", "warning", f"paused, {text}", "`runhook resume` lets it go on.")
    elif state.gate != "open":
        why_closed = f"gate {state.gate}: {state.why}"
        if state.advice:
            yield Finding("line", "bad", f"{text}, {why_closed}", state.advice)
            return
        yield Finding("line", "warning", f"{text}, {why_closed}", "It opens by itself.")
    else:
        yield Finding("line", "good", text)


def _duties(w: Wiring) -> Findings:
    stuck = w.store.upkeep.stuck(STUCK)
    for lane in stuck:
        text = f"{lane.count} of {lane.lane} are over {STUCK:.0f} s late, first {lane.oldest}"
        yield Finding("duties", "bad", text, "Start a worker; look into its log.")
    parked = w.store.duties.parked()
    for one in parked:
        text = f"{one.id} of {one.lane} is parked after {one.failures} failures: {one.why}"
        yield Finding("duties", "bad", text, "`runhook doctor --fix` lets it try once more.")
    if not stuck and not parked:
        yield Finding("duties", "good", "none is late or parked")


def _unconfirmed(w: Wiring) -> Findings:
    names = w.store.upkeep.unconfirmed()
    if not names:
        return
    risks = [
        job.attempt.doubt.detail.get("money_at_risk")
        for job in w.store.jobs.many(names)
        if job.attempt.doubt
    ]
    known = sum((Decimal(risk.split()[0]) for risk in risks if risk), Decimal(0))
    text = f"{len(names)} may have been charged and are not proved, at least {known:f} at risk"
    yield Finding("unconfirmed", "warning", text, "`runhook jobs --state unconfirmed`, resolve.")


def _unreadable(w: Wiring) -> Findings:
    """Records that this version leaves alone, and queued jobs whose model it does not have."""
    found = [*w.store.upkeep.unreadable(), *_of_unknown_models(w)]
    if not found:
        yield Finding("records", "good", "all can be read")
        return
    named = "; ".join(str(one) for one in found[:NAMED])
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    waits = any(one.newer for one in found)
    advice = (
        "Start processes of the version that wrote them; nothing of them is lost or paid meanwhile."
        if waits
        else "They are left as they are, and nothing more is paid for them: docs/upgrades.md."
    )
    yield Finding("records", "bad", f"{len(found)} left alone: {named}{more}", advice)


def _missed(w: Wiring) -> Findings:
    for one in (*w.store.processes.unreadable(), *w.store.subscriptions.unreadable()):
        if missed := w.store.deliveries.missed(one.id):
            text = f"{missed} events wait until {one.name} can be read and says which it wants"
            yield Finding("receivers", "warning", text, "All others were told: docs/upgrades.md.")


def _of_unknown_models(w: Wiring) -> Iterator[UnreadableRecord]:
    for job in w.store.jobs.standing(State.QUEUED):
        try:
            of_a_known_model(job)
        except UnreadableRecord as unknown:
            yield unknown


def _strays(w: Wiring) -> Findings:
    count, last = w.store.callbacks.strays(), w.store.callbacks.last_stray()
    if last:
        text = f"{count} callbacks came for jobs that nobody knows, the last for {last.job_id}"
        text += f" at {last.at:%Y-%m-%d %H:%M} UTC: {last.why}"
        yield Finding("strays", "warning", text, "Does another installation share the secret?")


def _handlers(w: Wiring) -> Findings:
    for one in roster.members(w):
        if one.alive and one.dead:
            text = f"{one.dead} deliveries to {one.name!r} are dead: it never heard"
            advice = f"`runhook deliveries --handler {one.name} --state dead` says why; redeliver."
            yield Finding("handlers", "warning", text, advice)
        if one.alive or not one.pending:
            continue
        text = f"deliveries wait for {one.name!r}, which no living process has: {one.pending}"
        if one.oldest:
            text += f", the oldest since {one.oldest:%Y-%m-%d %H:%M} UTC"
        start = "Start a process whose RUNHOOK_HANDLERS have it"
        advice = f"{start}, or end what waits: `runhook handlers --end {one.name}`."
        yield Finding("handlers", "bad", text, advice)


def _subscriptions(w: Wiring) -> Findings:
    for one in w.store.subscriptions.all():
        since = w.store.subscriptions.health(one.id).failing_since
        missed = w.store.deliveries.count("dead", one.id)
        if w.outbound.too_open(one.url):
            text = f"{one.id} is not told: its URL is http, and only https is allowed"
            advice = "PATCH its url to https, or set RUNHOOK_HTTPS_ONLY=false; then redeliver."
            yield Finding("subscriber", "bad", text, advice)
        if not one.enabled:
            text = f"{one.id} is disabled{': ' + one.why if one.why else ''}, {missed} missed"
            yield Finding("subscriber", "warning", text, "PATCH it enabled, then redeliver.")
        elif since:
            text = f"{one.id} has answered nothing but failures since {since:%Y-%m-%d %H:%M} UTC"
            yield Finding("subscriber", "warning", text, f"`runhook deliveries --handler {one.id}`")
