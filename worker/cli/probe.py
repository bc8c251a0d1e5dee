"""`runhook probe`: what the live service answers against what we believe."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from runhook.worker.cli.busy import busy
from runhook.worker.cli.console import err, out, print_json, say
from runhook.worker.cli.statuses import FAILED, UNREACHABLE
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
    help="Run the cheapest job too, and pay for it: so much at most.",
)
@click.option("--json", "as_json", is_flag=True)
def probe(most: Decimal | None, as_json: bool) -> None:
    """Compare what RunningHub answers with what runhook believes.

    Without --spend nothing is paid: RunningHub is asked what costs nothing, and is sent what it
    must refuse. Exits with 1 where something differs, with 3 where something could not be asked.
    """
    from runhook.config.settings import Settings, SettingsError
    from runhook.worker.errors import RunhookError
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
    if not as_json:
        out.print(_table(found))
    spent, refused = None, None
    if most is not None:
        try:
            seen, spent = _paid(w, found, most, as_json=as_json)
            found += seen
        except RunhookError as error:  # what was found for free is told all the same
            refused = error
    if as_json:
        print_json({"items": [asdict(one) for one in found], "spent": spent})
    if refused:
        raise refused
    _exit(found)


def _paid(
    w: "Wiring", found: Sequence["Compared"], most: Decimal, *, as_json: bool
) -> tuple[list["Compared"], dict[str, Any]]:
    """Submit the cheapest job, follow it, and say what it cost."""
    from runhook.worker.cli.ending import goes_on
    from runhook.worker.domain import policy
    from runhook.worker.flows import probe as flow
    from runhook.worker.flows.cancel import cancel

    choice = flow.choose(w, found, most)
    job = flow.submit(w, choice, most)
    say(f"{job.id} is queued: {_priced(choice)}", err=True)
    try:
        with busy(f"waiting for {job.id}"):
            waits = _patience(policy.PROBE_WAIT)
            while not (job := w.store.jobs.get(job.id)).state.ended and waits():
                pass
            if job.state == "queued":  # nobody waits for it any more, and it is free until it left
                job = cancel(w, job.id)
            wait = _patience(policy.PROBE_AFTERWARDS)
            seen = list(flow.follow_up(w, job, choice, wait))
    except KeyboardInterrupt:
        err.print(goes_on(job.id))
        sys.exit(FAILED)
    job = w.store.jobs.get(job.id)
    if not as_json:
        out.print(_table(seen))
        say(_spent_words(job))
    return seen, _spent(job)


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


def _spent(job: "Job") -> dict[str, Any]:
    """What was charged; `money` is None where that may be more than nothing and nobody says."""
    cost = job.attempt.cost
    view: dict[str, Any] = {"job": job.id, "state": job.state, "money": None, "currency": None}
    if cost and cost.money is not None:
        view |= {"money": cost.money, "currency": cost.currency}
    elif job.state.ended and job.attempt.ref is None and not job.at_risk:
        view["money"] = "0"  # it was not taken
    return view


def _spent_words(job: "Job") -> str:
    view = _spent(job)
    if view["money"] is None:
        return f"spent: not told; {job.id} may be charged, `runhook job {job.id}` says more"
    return f"spent: {view['money']} {view['currency'] or ''}".rstrip() + f", for {job.id}"


def _table(found: Sequence["Compared"]) -> Rows:
    """Each belief in a line: believed, answered, whether they agree, what a difference means."""
    columns = ("", "asked", "believed", "answered", "so", "means")
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
