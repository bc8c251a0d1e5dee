"""The way to a runhook whose Redis this process reaches: the flows themselves, without HTTP.

Nothing is read or connected before the first call, and a process that is forked connects anew.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import IO, TypeVar

from runhook.config.private import is_own_socket
from runhook.config.roles import SettingsError as WrongSetting
from runhook.config.settings import Settings
from runhook.worker import catalogue
from runhook.worker.catalogue.views import asset_view, model_view
from runhook.worker.client.errors import RunhookError, SettingsError, error_of
from runhook.worker.client.jobs import Output
from runhook.worker.client.listening import Listener
from runhook.worker.client.retrying import insisting
from runhook.worker.client.spool import Spool
from runhook.worker.client.transport import Act, Document, Query
from runhook.worker.client.web import Web, fetched
from runhook.worker.delivery import deliveries
from runhook.worker.delivery.deliveries import DeliveriesQuery
from runhook.worker.delivery.roster import word_of_absence
from runhook.worker.delivery.views import delivery_view
from runhook.worker.domain import policy
from runhook.worker.domain.bodies import Model, read
from runhook.worker.domain.metadata import Label
from runhook.worker.domain.pages import Parameters, read_parameters
from runhook.worker.domain.problems import problem_view
from runhook.worker.domain.reports import Output as Made
from runhook.worker.domain.views import recovered_view
from runhook.worker.errors import RunhookError as OurError
from runhook.worker.errors import StoreRefuses
from runhook.worker.flows import batch, create, lists, recover, resolve
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.costs import CostsQuery, account, ledger_view
from runhook.worker.flows.forget import forget
from runhook.worker.flows.lists import GroupQuery, JobsQuery, TreeQuery
from runhook.worker.flows.recover import RecoverRequest
from runhook.worker.flows.resolve import Verdict
from runhook.worker.flows.steps.archiving import output_of
from runhook.worker.flows.steps.pricing import trial_view
from runhook.worker.flows.steps.viewing import shown, whole_view
from runhook.worker.net.streaming import PIECE, Streamed
from runhook.worker.queue.broker import make_app
from runhook.worker.telemetry import masked, use_logging
from runhook.worker.wiring import Wiring, assemble, check_secrets

Answer = TypeVar("Answer")
ACTS = {"retry": resolve.retry, "reconcile": resolve.ask_now}


@dataclass(frozen=True)
class Here:
    """The parts of one process."""

    wiring: Wiring
    listener: Listener


class InProcess:
    """Calls of the flows."""

    def __init__(self, seconds: float, build: Callable[[], Wiring] | None = None) -> None:
        """Args:
        seconds: For one call in all.
        build: Builds the parts of a process; None: from its settings.
        """
        self._seconds = seconds
        self._build = build or built
        # By process: a child that was forked finds none of its own, whatever its parent held.
        self._here: dict[int, tuple[Lock, list[Here]]] = {}

    def __str__(self) -> str:
        return "in process"

    def close(self) -> None:
        _, here = self._here.pop(os.getpid(), (None, ()))
        for one in here:
            one.wiring.store.client.close()

    def submit(self, body: Document, key: str) -> Document:
        def made(w: Wiring) -> Document:
            return whole_view(w, create.accept(w, body, key=key)[1])

        return self._ask(made)

    def check(self, body: Document) -> Document:
        def found(w: Wiring) -> Document:
            return trial_view(w, create.trial(w, body))

        return self._ask(found)

    def batch(self, lines: Spool, key: str, *, dry_run: bool) -> Iterator[Document]:
        w = self._ask(lambda w: w)
        with _told():
            for line in batch.accept(w, lines.lines(), key=key, dry_run=dry_run):
                yield batch.line_view(w, line)

    def job(self, job_id: str) -> Document:
        return self._ask(lambda w: whole_view(w, w.store.jobs.get(job_id)))

    def look(self, job_id: str, _seconds: float, /) -> Document:
        return self._once(lambda w: whole_view(w, w.store.jobs.get(job_id)))

    def jobs(self, query: Query) -> Document:
        return self._ask(lambda w: lists.page(w, *_parameters(w, JobsQuery, query)))

    def act(self, job_id: str, what: Act) -> Document:
        act = ACTS[what]
        # What is retried twice may be paid for twice.
        return self._ask(lambda w: whole_view(w, act(w, job_id)), may_repeat=what != "retry")

    def cancel(self, job_id: str, *, tree: bool) -> Document:
        return self._ask(lambda w: whole_view(w, cancel(w, job_id, tree=tree)))

    def forget(self, job_id: str) -> None:
        # Done twice, the second answer would be that there is none.
        self._ask(lambda w: forget(w, job_id), may_repeat=False)

    def tree(self, job_id: str, query: Query) -> Document:
        return self._ask(lambda w: lists.tree(w, job_id, _read(w, TreeQuery, query)))

    def group(self, name: str, query: Query) -> Document:
        return self._ask(lambda w: lists.group(w, name, _read(w, GroupQuery, query)))

    def resolve(self, job_id: str, verdict: Document) -> Document:
        def settled(w: Wiring) -> Document:
            return whole_view(w, resolve.settle(w, job_id, _read(w, Verdict, verdict)))

        return self._ask(settled, may_repeat=False)

    def timeline(self, job_id: str) -> Document:
        def found(w: Wiring) -> Document:
            w.store.jobs.get(job_id)  # a job that is not there would have an empty one
            return {"items": w.store.jobs.timeline(job_id)}

        return self._ask(found)

    def follow(self, job_id: str, seconds: float) -> Iterator[Document]:
        until = time.monotonic() + seconds
        with ExitStack() as stack:
            hearing = self._once(lambda _: self._parts().listener.hearing(job_id))
            ear = self._once(lambda _: stack.enter_context(hearing))
            while (left := until - time.monotonic()) > 0:
                ear.clear()  # before it is read: what happens from now on is read the next time
                yield self._once(lambda w: shown(w, w.store.jobs.get(job_id)))
                ear.wait(min(left, policy.UNHEARD_LOOK))

    def keep(self, name: str, file: IO[bytes], _size: int, /) -> Document:
        start = file.tell()

        def kept(w: Wiring) -> Document:
            file.seek(start)
            return asset_view(create.keep(w, name, file))

        return self._ask(kept)

    def models(self, query: str) -> Document:
        return self._ask(lambda _: {"items": [model_view(one) for one in catalogue.search(query)]})

    def model(self, name: str) -> Document:
        return self._ask(lambda _: model_view(catalogue.find(name)))

    def account(self) -> Document:
        def asked(w: Wiring) -> Document:
            if not w.settings.api_key:
                raise WrongSetting("RUNNINGHUB_API_KEY is missing, so the account cannot be seen")
            return account(w)

        return self._ask(asked)

    def costs(self, query: Query) -> Document:
        return self._ask(lambda w: ledger_view(w, *_parameters(w, CostsQuery, query)))

    def deliveries(self, query: Query) -> Document:
        def found(w: Wiring) -> Document:
            page = deliveries.page(w, _read(w, DeliveriesQuery, query))
            return {"items": [delivery_view(one) for one in page.items], "next": page.next}

        return self._ask(found)

    def redeliver(self, delivery_id: str) -> Document:
        def again(w: Wiring) -> Document:
            found = deliveries.redeliver(w, delivery_id)
            note = word_of_absence(w, found.lane, found.handler)
            return delivery_view(found) | {"note": note}

        return self._ask(again, may_repeat=False)

    def recover(self, body: Document) -> Document:
        def recovered(w: Wiring) -> Document:
            asked = _read(w, RecoverRequest, body)
            found = recover.recover(w, asked.range(w.clock.now()), dry_run=asked.dry_run)
            return recovered_view(found, dry_run=asked.dry_run)

        return self._ask(recovered, may_repeat=False)

    @contextmanager
    def output(self, output: Output) -> Iterator[Streamed]:
        def now(w: Wiring) -> Made:
            return output_of(w.store.jobs.get(output.job).attempt, output.n)

        found = self._ask(now)
        if (kept := found.archived) is None:
            with fetched(Web(found.url or "", ""), "", silence=self._seconds) as answer:
                yield answer
            return
        with self._ask(lambda w: w.outputs.open(output.job, kept)) as file:
            yield Streamed(status=200, headers={}, pieces=iter(partial(file.read, PIECE), b""))

    def _ask(self, work: Callable[[Wiring], Answer], *, may_repeat: bool = True) -> Answer:
        """What comes of it in the end."""
        once = partial(self._once, work)
        return insisting(lambda _: once(), self._seconds, may_repeat=may_repeat)

    def _once(self, work: Callable[[Wiring], Answer]) -> Answer:
        with _told():
            return work(self._parts().wiring)

    def _parts(self) -> Here:
        """This process's own, built by the first thread that needs them."""
        lock, here = self._here.setdefault(os.getpid(), (Lock(), []))
        with lock:
            if not here:
                wiring = self._build()
                here.append(Here(wiring, Listener(wiring.store.events)))
            return here[0]


def built() -> Wiring:
    """The parts of a process, by its settings.

    Raises:
        SettingsError: A setting is wrong, or there is no such Redis.
        StoreUnavailable: Redis does not answer.
    """
    use_logging()
    settings = Settings.load("client")
    if settings.embedded and not is_own_socket(settings.embedded_socket):
        raise WrongSetting(
            "REDIS_URL is missing, and no server of `runhook up` answers in "
            f"{settings.data_dir}: set REDIS_URL, run `runhook up`, or name a runhook elsewhere: "
            "Runhook(url=…, token=…)"
        )
    # "door": fails within seconds where Redis is away, and whoever waits is told.
    found = assemble(settings, patience="door", app=make_app(settings, current=False))
    check_secrets(found)
    return found


@contextmanager
def _told() -> Iterator[None]:
    """Raise what a flow raises as the call over HTTP would."""
    try:
        yield
    except OurError as error:
        raise told(error) from error
    except WrongSetting as wrong:
        raise _wrong(wrong) from None


def told(error: OurError) -> RunhookError:
    """An error of a flow as the call over HTTP would raise it; Redis's own words are kept."""
    if isinstance(error, StoreRefuses):
        return _wrong(f"REDIS_URL: {error}")
    problem = problem_view(error)
    if problem["title"] == "Store unavailable":
        problem["detail"] = masked(str(error))
    return error_of(problem)


def _wrong(why: object) -> SettingsError:
    return SettingsError({"title": "Wrong setting", "detail": str(why)})


def _parameters(
    w: Wiring, wanted: type[Parameters], given: Query
) -> tuple[Parameters, tuple[Label, ...]]:
    now, indexed = w.clock.now(), w.settings.indexed
    return read_parameters(wanted, given, now=now, indexed=indexed)


def _read(w: Wiring, model: type[Model], given: Query | Document) -> Model:
    return read(model, given, now=w.clock.now())
