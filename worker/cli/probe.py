"""`runhook probe`: what the live service answers against what we believe."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from runhook.worker.cli.busy import busy
from runhook.worker.cli.console import err, out, print_json, say
from runhook.worker.cli.statuses import FAILED, INTERRUPTED, UNREACHABLE
from runhook.worker.cli.tables import Rows

if TYPE_CHECKING:
    from runhook.worker.domain.beliefs import Compared
    from runhook.worker.domain.jobs import Job
    from runhook.worker.flows.probe import Choice
    from runhook.worker.wiring import Wiring

MARKS = {"agrees": ("✓", "green"), "differs": ("✗", "red"), "not asked": ("?", "yellow")}
EVERY = 0.5  # seconds between two looks at the paid job, in Redis


def _money(_ctx: click.Context, _param: click.Parameter, text: str | None) -> Decimal | None:
    """An amount as `options.max_price` takes it."""
    from runhook.config.budgets import AMOUNT

    if text is None:
        return None
    if not AMOUNT.fullmatch(text) or not Decimal(text):
        raise click.BadParameter("must be an amount above 0, as 0.50")
    return Decimal(text)


@click.command()
@click.option(
    "--spend",
    "most",
    metavar="MONEY",
    callback=_money,
    help="Run the cheapest job too, and pay for it: at most this much.",
)
@click.option("--json", "as_json", is_flag=True)
def probe(most: Decimal | None, as_json: bool) -> None:
    """Compare what RunningHub answers with what runhook believes.

    Without --spend nothing is paid: RunningHub is asked what costs nothing, and is sent what it
    must refuse. Exits with 1 where something differs, with 3 where something could not be asked.
    """
    from runhook.config.settings import Settings, SettingsError
    from runhook.worker.flows.probe import ask
    from runhook.worker.wiring import assemble, check_secrets

    settings = Settings.load("client")
    if not settings.api_key:
        raise SettingsError("RUNNINGHUB_API_KEY is missing, so RunningHub cannot be asked")
    w = assemble(settings, patience="door")
    if most is not None:
        check_secrets(w)  # before anything is asked: a job under another secret is never told of
    with busy(f"asking {settings.base_url}"):
        found = list(ask(w))
    spent: dict[str, Any] | None = None
    refused = None
    if most is not None:
        more, spent, refused = _paid(w, found, most)
        found += more
    _print(found, spent, as_json=as_json)
    if refused:  # last: what was found until then is told all the same
        raise refused
    _exit(found)


def _paid(
    w: "Wiring", found: Sequence["Compared"], most: Decimal
) -> tuple[list["Compared"], dict[str, Any] | None, Exception | None]:
    """What came of the paid job, what it cost, and why that is not all; None where it is not so."""
    from runhook.worker.errors import RunhookError

    spent = None
    try:
        choice, job = _submitted(w, found, most)
        spent = _spent(job)
        seen = _followed(w, job, choice)
        return seen, _spent(w.store.jobs.get(job.id)), None
    except RunhookError as error:
        return [], spent, error


def _submitted(w: "Wiring", found: Sequence["Compared"], most: Decimal) -> tuple["Choice", "Job"]:
    """Submit the cheapest job there is.

    Raises:
        RunhookError: It was not; nothing is paid.
    """
    from runhook.worker.flows import probe as flow

    choice = flow.choose(w, found, most)
    job = flow.submit(w, choice, most)
    say(f"{job.id} is queued: {_priced(choice)}", err=True)
    return choice, job


def _followed(w: "Wiring", job: "Job", choice: "Choice") -> list["Compared"]:
    """What became of the job, beside what should have."""
    from runhook.worker.cli.ending import goes_on
    from runhook.worker.domain import policy
    from runhook.worker.flows import probe as flow
    from runhook.worker.flows.cancel import cancel

    try:
        with busy(f"waiting for {job.id}"):
            waits = _patience(policy.PROBE_WAIT)
            while not (job := w.store.jobs.get(job.id)).state.ended and waits():
                pass
            if job.state == "queued":  # nobody waits for it any more, and it is free until it left
                job = cancel(w, job.id)
    except KeyboardInterrupt:
        err.print(goes_on(job.id))
        sys.exit(INTERRUPTED)
    try:
        with busy(f"looking at what {job.id} left"):
            return list(flow.follow_up(w, job, choice, _patience(policy.PROBE_AFTERWARDS)))
    except KeyboardInterrupt:  # it has ended by now
        say(_spent_words(_spent(job)), err=True)
        sys.exit(INTERRUPTED)


def _patience(seconds: float) -> Callable[[], bool]:
    """Waits a moment each time; False once so many seconds are over."""
    until = time.monotonic() + seconds

    def wait() -> bool:
        time.sleep(EVERY)
        return time.monotonic() < until

    return wait


def _priced(choice: "Choice") -> str:
    by = "the catalogue"
    if choice.of_now:
        by = "RunningHub"
    price = f"{choice.money:f} {choice.currency or ''}".rstrip()
    return f"{choice.model}, {price} says {by}"


def _print(found: Sequence["Compared"], spent: dict[str, Any] | None, *, as_json: bool) -> None:
    if as_json:
        print_json({"items": [asdict(one) for one in found], "spent": spent})
        return
    out.print(_table(found))
    if spent:
        say(_spent_words(spent))


def _spent(job: "Job") -> dict[str, Any]:
    """What was charged; `money` is None where that may be more than nothing and nobody says."""
    cost = job.attempt.cost
    view: dict[str, Any] = {"job": job.id, "state": job.state, "money": None, "currency": None}
    if cost and cost.money is not None:
        view |= {"money": cost.money, "currency": cost.currency}
    elif job.state.ended and job.attempt.ref is None and not job.at_risk:
        view["money"] = "0"  # it was not taken
    return view


def _spent_words(spent: Mapping[str, Any]) -> str:
    job = spent["job"]
    if spent["money"] is None:
        return f"spent: not told; {job} may be charged, `runhook job {job}` says more"
    return f"spent: {spent['money']} {spent['currency'] or ''}".rstrip() + f", for {job}"


def _table(found: Sequence["Compared"]) -> Rows:
    """Each belief in a line: believed, answered, whether they agree, what a difference means."""
    columns = ("", "asked", "believed", "answered", "verdict", "means")
    table = Rows(*columns, cut=("believed", "answered"), below="means")
    for one in found:
        mark, colour = MARKS[one.word]
        table.add_row(
            Text(mark, colour), one.what, one.believed, one.answered, Text(one.word), one.means
        )
    return table


def _exit(found: Sequence["Compared"]) -> None:
    words = {one.word for one in found}
    if "differs" in words:
        sys.exit(FAILED)
    if "not asked" in words:
        sys.exit(UNREACHABLE)
