"""What RunningHub answers against what runhook believes: by free questions, and by one job.

The job is an ordinary one: it is asked for as every other, so budgets count it, and it is paid
once, or refused.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from runhook.worker import catalogue
from runhook.worker.domain import policy
from runhook.worker.domain.beliefs import Compared, Outcome, Sample, compared, left_out
from runhook.worker.domain.jobs import Job
from runhook.worker.errors import Conflict, InvalidRequest, ProviderSilent
from runhook.worker.flows import create
from runhook.worker.flows.steps.pricing import live_price
from runhook.worker.secrets.signing import account_fingerprint
from runhook.worker.wiring import Wiring

PROMPT = "a grey pebble"
FIRST = "balance"  # the belief that shows whether the key is good
UNPAID = "Nothing was submitted, and nothing was paid"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What would be submitted.

    Attributes:
        model: An endpoint.
        money: What it costs now.
        currency: Of the money; None: RunningHub does not say.
        of_now: RunningHub told the price just now; else the catalogue does.
    """

    model: str
    money: Decimal
    currency: str | None
    of_now: bool


def ask(w: Wiring) -> Iterator[Compared]:
    """Every belief that a free question shows, each as soon as it is answered.

    Where the key is refused, or nobody answers twice in a row, the rest is not asked.
    """
    why, silent = "", 0
    for belief in w.client.beliefs(_by_price()[0]):
        if why:
            yield left_out(belief, why)
            continue
        found, outcome = compared(belief)
        yield found
        silent = _silent(outcome, silent)
        if belief.what == FIRST and outcome.refuses_key:
            why = "not asked, for the key is refused"
        elif silent == policy.PROBE_SILENCES:
            why = "not asked, for nobody answers"


def _silent(outcome: Outcome, before: int) -> int:
    if outcome.status is None:
        return before + 1
    return 0


def _by_price() -> list[Sample]:
    """Requests of a prompt alone with a sure price by the catalogue, the cheapest first."""
    found = [sample for model in catalogue.models() if (sample := _sample(model))]
    return sorted(found, key=lambda one: (one.money, one.model))


def _sample(model: catalogue.Model) -> Sample | None:
    needs = [one.name for one in model.params if one.required and one.default is None]
    if model.deprecated or model.output not in policy.PROBE_MAKES or needs != ["prompt"]:
        return None
    try:
        checked = catalogue.check(model.endpoint, {"prompt": PROMPT}, {})
    except InvalidRequest:  # a rule wants more than a prompt
        return None
    quote = checked.quote
    if quote is None or quote.money is None or quote.at_least:
        return None
    return Sample(
        model=checked.model, input=checked.input, money=quote.money, currency=quote.currency
    )


def choose(w: Wiring, found: Sequence[Compared], most: Decimal) -> Choice:
    """The cheapest model whose price is known now, and is no more.

    Args:
        w: The process's parts.
        found: What the free questions brought.
        most: The most that it may cost.

    Raises:
        Conflict: There is none, the key may be no good, or nothing here would send a job.
    """
    if any(one.may_cost for one in found):
        raise Conflict("No job was submitted: what should have been refused was taken, see above")
    if any(one.what == FIRST and one.word != "agrees" for one in found):
        raise Conflict(f"{UNPAID}: what RunningHub says of the account is not as it should be")
    _check_standing(w)
    why = []
    for sample in _by_price()[: policy.PROBE_CHOICES]:
        choice = _priced(w, sample)
        if choice is None:
            why.append(f"the price of {sample.model} is not known for this account")
        elif choice.money <= most:
            return choice
        else:
            currency = choice.currency or ""
            why.append(f"{sample.model} costs {choice.money:f} {currency}".rstrip())
    raise Conflict(f"{UNPAID}: no price is known to be {most:f} or less; {'; '.join(why)}")


def _check_standing(w: Wiring) -> None:
    """Raises Conflict where a job would be queued and not sent."""
    if not w.store.processes.alive("worker"):
        raise Conflict(f"{UNPAID}: no worker is alive, so nobody would send it")
    account = account_fingerprint(w.settings.base_url, w.settings.api_key)
    if not w.store.installation.knows_account(account):
        raise Conflict(f"{UNPAID}: those who work here have another account's key")
    state = w.store.queue.state()
    if state.paused:
        raise Conflict(f"{UNPAID}: the queue is paused. Then `runhook resume`")
    if state.gate == "closed":
        raise Conflict(f"{UNPAID}: nothing is sent for now, for {state.why}")


def _priced(w: Wiring, sample: Sample) -> Choice | None:
    """What it costs now; None where nobody tells in what the account pays in."""
    if live := live_price(w, catalogue.check(sample.model, sample.input, {})):
        money = live.money
        if live.free:
            money = Decimal(0)
        return Choice(model=sample.model, money=money, currency=live.currency, of_now=True)
    if sample.currency != w.settings.budget_currency:
        return None
    return Choice(model=sample.model, money=sample.money, currency=sample.currency, of_now=False)


def submit(w: Wiring, choice: Choice, most: Decimal) -> Job:
    """Queue the job; its price is asked again before it leaves, and held against `most`.

    No Python or Celery handler is told of it: what they do with a job of their own is not asked
    for.

    Raises:
        OverBudget: The day's budget has no room for it.
        RunhookError: As every job.
    """
    given: dict[str, Any] = {
        "model": choice.model,
        "input": {"prompt": PROMPT},
        "options": {"max_price": f"{most:f}"},
        "metadata": {"probe": True},
        "handlers": [],
    }
    return create.accept(w, given, key=f"probe-{uuid.uuid4().hex}")[1]


def follow_up(w: Wiring, job: Job, choice: Choice, wait: Callable[[], bool]) -> Iterator[Compared]:
    """What became of the job that was paid, beside what should have.

    Args:
        w: The process's parts.
        job: Which, as it is now.
        choice: What was to be submitted.
        wait: Waits a moment; False once it has waited long enough.
    """
    yield _end(job)
    if not job.state.ended or job.attempt.ref is None:
        return
    yield _callback(w, job)
    yield _query(w, job, job.attempt.ref)
    yield _outputs(w, job, wait)
    yield _cost(job, choice)
    if w.settings.public_url:
        yield from _record_and_resend(w, job, job.attempt.ref, wait)


def _end(job: Job) -> Compared:
    answered = str(job.state)
    if job.attempt.error:
        answered += f": {job.attempt.error.message}"
    means = "`runhook job` has everything that happened to it."
    if not job.state.ended:
        means = "It goes on, and may be charged: `runhook watch`."
    return _held("end of a paid job", "succeeded", answered, job.state == "succeeded", means)


def _callback(w: Wiring, job: Job) -> Compared:
    believed, told = (
        "RunningHub calls back at the end",
        f"the end was told by {job.attempt.settled_by}",
    )
    means = (
        "Jobs end later, by asking. `runhook doctor` says whether the public URL leads here; a "
        "callback may also have been late."
    )
    if not w.settings.public_url:
        told = "not asked for: RUNHOOK_PUBLIC_URL is empty"
        return _unknown("callback", believed, told)
    return _held("callback", believed, told, job.attempt.settled_by == "callback", means)


def _query(w: Wiring, job: Job, ref: str) -> Compared:
    believed = f"the task is {job.state}"
    try:
        told = w.client.report(ref, job.spec.kind, legacy=job.attempt.legacy)
    except ProviderSilent as silent:
        return _unknown("query of an ended task", believed, str(silent))
    means = "A callback that is lost may be made good wrongly."
    agrees = told.state == job.state
    return _held("query of an ended task", believed, f"the task is {told.state}", agrees, means)


def _outputs(w: Wiring, job: Job, wait: Callable[[], bool]) -> Compared:
    believed = "a file or a text"
    if w.settings.archive:
        believed = "a text, or a file that is kept here"

    def kept() -> bool:
        outputs = w.store.jobs.get(job.id).attempt.outputs
        return not (w.settings.archive and any(one.to_archive for one in outputs))

    while not kept() and wait():
        pass
    outputs = w.store.jobs.get(job.id).attempt.outputs
    lost = [one.lost for one in outputs if one.lost]
    kinds = ", ".join(one.type or "text" for one in outputs) or "nothing"
    answered = kinds
    if lost:
        answered = f"{kinds}; not kept: {lost[0]}"
    elif not kept():
        answered = f"{kinds}; not kept yet"
    means = "What RunningHub makes is gone a day later: the worker's log says why it is not kept."
    return _held("output", believed, answered, bool(outputs) and kept() and not lost, means)


def _cost(job: Job, choice: Choice) -> Compared:
    believed = f"{choice.money:f} {choice.currency or ''}".rstrip()
    means = "Budgets hold another amount than is charged, until it is told."
    cost = job.attempt.cost
    if cost is None or cost.money is None:
        return _held("cost", believed, "not told", agrees=False, means=means)
    told = f"{cost.money} {cost.currency or ''}".rstrip()
    return _held("cost", believed, told, Decimal(cost.money) == choice.money, means)


def _record_and_resend(
    w: Wiring, job: Job, ref: str, wait: Callable[[], bool]
) -> Iterator[Compared]:
    """Whether RunningHub has a record of its callback, and sends that again when it is asked."""
    believed = ("a record, of this job's URL", "the callback comes again")
    url = w.callback_url(job.id, job.attempt.n)
    try:
        record = w.client.recorded(ref)
    except ProviderSilent as silent:
        yield _unknown("record of the callback", believed[0], str(silent))
        return
    means = "Lost callbacks are made good by asking about the task itself."
    if record is None:
        yield _held("record of the callback", believed[0], "none", agrees=False, means=means)
        return
    ours = record.webhook_url == url
    told = "a record, of another URL"
    if ours:
        told = believed[0]
    yield _held("record of the callback", believed[0], told, ours, means)
    try:
        w.client.resend(record.webhook_id, f"{url}?via=resend")
    except ProviderSilent as silent:
        yield _held("resend", believed[1], str(silent), agrees=False, means=means)
        return
    while not (came := _came_again(w, job)) and wait():
        pass
    told = "nothing came"
    if came:
        told = believed[1]
    means = "RUNHOOK_RECONCILE=resend waits in vain before it asks about the task."
    yield _held("resend", believed[1], told, came, means)


def _came_again(w: Wiring, job: Job) -> bool:
    lines = w.store.jobs.timeline(job.id)
    return any(one.get("what") == "callback came" and one.get("via") == "resend" for one in lines)


def _held(what: str, believed: str, answered: str, agrees: bool, means: str) -> Compared:
    """A belief about the paid job, beside what was seen."""
    if agrees:
        return Compared(
            what=what, believed=believed, source="documented", answered=answered, word="agrees"
        )
    return Compared(
        what=what,
        believed=believed,
        source="documented",
        answered=answered,
        word="differs",
        means=means,
    )


def _unknown(what: str, believed: str, why: str) -> Compared:
    return Compared(
        what=what, believed=believed, source="documented", answered=why, word="not asked"
    )
