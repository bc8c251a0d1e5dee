"""The way to a runhook whose Redis this process reaches: the flows themselves, without HTTP."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import IO

from runhook.worker import catalogue
from runhook.worker.catalogue.input_schema import input_schema
from runhook.worker.catalogue.views import asset_view, model_view
from runhook.worker.client.errors import NotFound
from runhook.worker.client.jobs import Output
from runhook.worker.client.process import as_over_http, parameters_of, request_of, with_key
from runhook.worker.client.receivers_here import ReceiversHere
from runhook.worker.client.spool import Spool
from runhook.worker.client.transport import Act, Document, Query
from runhook.worker.client.web import Web, fetched
from runhook.worker.domain import policy
from runhook.worker.domain.reports import Archived
from runhook.worker.domain.reports import Output as Made
from runhook.worker.flows import batch, comfyui, create, lists, resolve
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.comfyui import NewLora
from runhook.worker.flows.costs import CostsQuery, account, ledger_view
from runhook.worker.flows.forget import forget, forget_tree
from runhook.worker.flows.lists import GroupQuery, JobsQuery, TreeQuery
from runhook.worker.flows.resolve import Verdict
from runhook.worker.flows.steps.archiving import output_of
from runhook.worker.flows.steps.viewing import shown, whole_view
from runhook.worker.net.streaming import PIECE, Streamed
from runhook.worker.wiring import Wiring

ACTS = {"retry": resolve.retry, "reconcile": resolve.ask_now}


class InProcess(ReceiversHere):
    """Calls of the flows."""

    def submit(self, body: Document, key: str) -> Document:
        def made(w: Wiring) -> Document:
            return create.accept_shown(w, {**body}, key=key)[1]

        return self.ask(made)

    def check(self, body: Document) -> Document:
        return self.ask(lambda w: create.priced(w, {**body}))

    def batch(self, lines: Spool, key: str, *, dry_run: bool) -> Iterator[Document]:
        w = self.ask(lambda w: w)
        with as_over_http():
            for line in batch.accept(w, lines.lines(), key=key, dry_run=dry_run):
                yield batch.line_view(w, line)

    def job(self, job_id: str) -> Document:
        return self.ask(lambda w: whole_view(w, w.store.jobs.get(job_id)))

    def look(self, job_id: str, _seconds: float, /) -> Document:
        return self.once(lambda w: whole_view(w, w.store.jobs.get(job_id)))

    def jobs(self, query: Query) -> Document:
        return self.ask(lambda w: lists.page(w, *parameters_of(w, JobsQuery, query)))

    def act(self, job_id: str, what: Act) -> Document:
        act = ACTS[what]
        # What is retried twice may be paid for twice.
        return self.ask(lambda w: whole_view(w, act(w, job_id)), may_repeat=what != "retry")

    def cancel(self, job_id: str, *, tree: bool) -> Document:
        return self.ask(lambda w: whole_view(w, cancel(w, job_id, tree=tree)))

    def forget(self, job_id: str, *, tree: bool) -> int:
        def forgotten(w: Wiring) -> int:
            if tree:
                return forget_tree(w, job_id, None)
            forget(w, job_id)
            return 1

        # Done twice, the second answer would be that there is none.
        return self.ask(forgotten, may_repeat=False)

    def tree(self, job_id: str, query: Query) -> Document:
        return self.ask(lambda w: lists.tree(w, job_id, request_of(w, TreeQuery, query)))

    def group(self, name: str, query: Query) -> Document:
        return self.ask(lambda w: lists.group(w, name, request_of(w, GroupQuery, query)))

    def resolve(self, job_id: str, verdict: Document) -> Document:
        def settled(w: Wiring) -> Document:
            return whole_view(w, resolve.settle(w, job_id, request_of(w, Verdict, verdict)))

        return self.ask(settled, may_repeat=False)

    def timeline(self, job_id: str) -> Document:
        def found(w: Wiring) -> Document:
            w.store.jobs.get(job_id)  # a job that is not there would have an empty one
            return {"items": w.store.jobs.timeline(job_id)}

        return self.ask(found)

    def follow(self, job_id: str, seconds: float) -> Iterator[Document]:
        until = time.monotonic() + seconds
        with ExitStack() as stack:
            hearing = self.once(lambda _: self.parts().listener.hearing(job_id))
            ear = self.once(lambda _: stack.enter_context(hearing))
            while (left := until - time.monotonic()) > 0:
                ear.clear()  # before it is read: what happens from now on is read the next time
                yield self.once(lambda w: shown(w, w.store.jobs.get(job_id)))
                ear.wait(min(left, policy.UNHEARD_LOOK))

    def keep(self, name: str, file: IO[bytes], _size: int, /) -> Document:
        start = file.tell()

        def kept(w: Wiring) -> Document:
            file.seek(start)
            return asset_view(create.keep(w, name, file))

        return self.ask(kept)

    def models(self, query: str) -> Document:
        return self.ask(lambda _: {"items": [model_view(one) for one in catalogue.search(query)]})

    def model(self, name: str) -> Document:
        return self.ask(lambda _: model_view(catalogue.find(name)))

    def input_schema(self, name: str) -> Document:
        return self.ask(lambda _: input_schema(catalogue.find(name)))

    def account(self) -> Document:
        return self.ask(lambda w: account(with_key(w)))

    def costs(self, query: Query) -> Document:
        return self.ask(lambda w: ledger_view(w, *parameters_of(w, CostsQuery, query)))

    def queue(self) -> Document:
        return self.ask(lambda w: w.store.queue.view())

    def pause(self, *, paused: bool) -> Document:
        def done(w: Wiring) -> Document:
            w.store.queue.pause(paused=paused)
            return w.store.queue.view()

        return self.ask(done)

    def workflow(self, workflow_id: str) -> Document:
        return self.ask(lambda w: comfyui.workflow(with_key(w), workflow_id))

    def app(self, webapp_id: str) -> Document:
        return self.ask(lambda w: comfyui.app(with_key(w), webapp_id))

    def styles(self, webapp_id: str, kind: int) -> Document:
        return self.ask(lambda w: comfyui.styles(with_key(w), webapp_id, kind))

    def lora(self, body: Document) -> Document:
        return self.ask(lambda w: comfyui.lora(with_key(w), request_of(w, NewLora, body)))

    @contextmanager
    def output(self, output: Output) -> Iterator[Streamed]:
        def now(w: Wiring) -> Made:
            return output_of(w.store.jobs.get(output.job).attempt, output.n)

        found = self.ask(now)
        file = self._kept(output.job, found.archived)
        if file is None:
            with fetched(Web(found.url or "", ""), "", silence=self._seconds) as answer:
                yield answer
            return
        with file:
            yield Streamed(status=200, headers={}, pieces=iter(partial(file.read, PIECE), b""))

    def _kept(self, job_id: str, kept: Archived | None) -> IO[bytes] | None:
        """Our copy of an output; None: there is none any more, and RunningHub may have it."""
        if kept is None:
            return None
        try:
            return self.ask(lambda w: w.outputs.open(job_id, kept))
        except NotFound:
            return None
