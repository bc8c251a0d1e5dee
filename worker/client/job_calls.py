"""Calls about jobs: asking for them, following them, what they made, and changing their course."""

import math
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, Unpack

from runhook.worker.client.answers import Checked, Line, Model, read_checked
from runhook.worker.client.downloads import write_outputs
from runhook.worker.client.errors import Conflict, Unavailable, error_of
from runhook.worker.client.following import following
from runhook.worker.client.inputs import (
    Input,
    JobParts,
    body_of,
    key_of,
    name_of,
    said,
)
from runhook.worker.client.jobs import Job, JobPage, WaitTimeout, job_of
from runhook.worker.client.pages import Wanted, pages, query_of, wanted_query
from runhook.worker.client.spool import spooled
from runhook.worker.client.transport import Document, Transport
from runhook.worker.domain import policy
from runhook.worker.domain.pages import USUAL

ACCEPTED = 202  # the status of a line that made a job, which none had made before


class JobCalls:
    """What can be asked about jobs."""

    _transport: Transport

    def submit(
        self,
        model: str | Model,
        input: Input | None = None,
        *,
        key: str | None = None,
        **more: Unpack[JobParts],
    ) -> Job:
        """Queue a job. Nothing is paid yet; what is wrong with it is refused at once, free.

        Args:
            model: What to run: `vidu/…`, `workflow/<id>`, `app/<id>`, `quick/<id>/<code>`.
            input: Its parameters. A media value may be a URL, an `Asset`, or an `Output` of another
                job.
            key: The same key with the same job is one job, however often it is submitted. None: a
                key of this call, so that its own repetitions pay once.
            more: How it is to run, and for whom; see `JobParts`.

        Raises:
            InvalidRequest: With every fault.
            BudgetExceeded: A budget would be passed.
            Conflict: The key was used for another job.
            Unavailable: No answer came; its `key` says under which it may have been accepted.
        """
        body, key = body_of(model, input, more), key_of(key)
        try:
            return self._job(self._transport.submit(body, key))
        except Unavailable as away:
            away.key = key
            raise

    def price(
        self, model: str | Model, input: Input | None = None, **more: Unpack[JobParts]
    ) -> Checked:
        """Check a job as `submit` would, and say what it costs. Nothing is kept.

        Raises:
            InvalidRequest: With every fault.
        """
        return read_checked(self._transport.check(body_of(model, input, more)))

    def batch(
        self, jobs: Iterable[Input | bytes], *, key: str | None = None, dry_run: bool = False
    ) -> Iterator[Line]:
        """Queue many jobs, each judged by itself. Read it to its end: the answer is the work.

        Args:
            jobs: Each as `submit` names its parts: `{"model": …, "input": …, "key"?, "as"?}`, or as
                a line of JSON.
            key: The batch's: sent again, lines that made a job make none. None: a key of this call.
            dry_run: Only check each; nothing is kept.

        Yields:
            For each, in order, its job or its error.

        Raises:
            Unavailable: It broke off; send it again under the `key` that this names.
        """
        key = key_of(key)
        with spooled(jobs) as lines:
            answers = self._transport.batch(lines, key, dry_run=dry_run)
            while answered := _next(answers, key):
                yield self._line(answered, key)

    def get(self, job: str | Job) -> Job:
        """One job.

        Raises:
            NotFound: There is none of this id.
        """
        return self._job(self._transport.job(name_of(job)))

    def jobs(self, **wanted: Unpack[Wanted]) -> Iterator[Job]:
        """Jobs, newest first, read page by page as they are asked for; see `Wanted`."""
        for document in pages(self._transport.jobs, wanted_query(wanted)):
            yield self._job(document)

    def jobs_page(
        self, *, limit: int = USUAL, cursor: str | None = None, **wanted: Unpack[Wanted]
    ) -> JobPage:
        """A page of jobs, newest first.

        Args:
            limit: How many it has at most, from 1 to 100.
            cursor: The `next` of the page before; None: the first page.
            wanted: Which; see `Wanted`.
        """
        narrowed = wanted_query(wanted) | query_of(limit=str(limit), cursor=cursor)
        page = self._transport.jobs(narrowed)
        return JobPage(tuple(map(self._job, page["items"])), page["next"], page)

    def watch(self, job: str | Job, *, timeout: float | None = None) -> Iterator[Job]:
        """A job as it is, and again after each change, until it has ended.

        Args:
            job: Which.
            timeout: Seconds for which it is followed; None: as long as it takes.

        Raises:
            NotFound: There is no such job.
            WaitTimeout: It has not ended by then; it goes on.
        """
        seconds, seen = _seconds(timeout), None
        for document in following(self._transport, name_of(job), seconds):
            found = self._job(document)
            if seen is None or (found.state, found.updated_at) != (seen.state, seen.updated_at):
                yield found
            seen = found
        if seen is None:
            seen = self._job(self._transport.look(name_of(job), policy.LONGEST_LOOK))
            yield seen
        if not seen.ended:
            raise _not_ended(seen, seconds)

    def wait(self, job: str | Job, *, timeout: float | None = None) -> Job:
        """A job once it has ended, well or not. It is told of the end, and does not poll.

        Raises:
            NotFound: There is no such job.
            WaitTimeout: It has not ended by then; it goes on.
        """
        *_, last = self.watch(job, timeout=timeout)
        return last

    def tree(self, job: str | Job) -> Iterator[Job]:
        """A job and what grew from it, the oldest first, read page by page."""
        for document in pages(partial(self._transport.tree, name_of(job)), {}):
            yield self._job(document)

    def cancel(self, job: str | Job, *, tree: bool = False) -> Job:
        """Cancel a job: free until it is sent; after that RunningHub is asked to stop it.

        Args:
            job: Which.
            tree: Cancel with it what waits for its outputs; else that fails, free.

        Raises:
            Conflict: It has ended, or RunningHub refuses.
        """
        return self._job(self._transport.cancel(name_of(job), tree=tree))

    def forget(self, job: str | Job, *, tree: bool = False) -> int:
        """Remove a job that has ended, its files, deliveries and events; how many jobs that were.

        Args:
            job: Which.
            tree: All that grew from it too; it must be the first of its tree, its `root`.

        Raises:
            NotFound: There is no such job, or no tree that began with it.
            Conflict: It, or one that grew from it, has not ended; nothing is removed.
            Unavailable: No answer came. What is not found any more is gone.
        """
        return self._transport.forget(name_of(job), tree=tree)

    def retry(self, job: str | Job) -> Job:
        """Run a failed or cancelled job again, and pay for it again.

        Raises:
            Conflict: It has succeeded, or not ended.
            Unavailable: No answer came. Look at the job before you ask again.
        """
        return self._job(self._transport.act(name_of(job), "retry"))

    def reconcile(self, job: str | Job) -> Job:
        """Ask RunningHub about a job now. Free.

        Raises:
            Conflict: Nothing can be asked: it was not sent, or its task is not known.
        """
        return self._job(self._transport.act(name_of(job), "reconcile"))

    def resolve(
        self,
        job: str | Job,
        end: Literal["failed", "resubmit"] | None = None,
        *,
        ref: str | None = None,
        force: bool | None = None,
    ) -> Job:
        """Settle an unconfirmed job by your word, or by naming its task.

        Args:
            job: Which.
            end: `failed`, or `resubmit`, which risks paying twice.
            ref: RunningHub's id of the task that it became.
            force: Take that task although no record proves whose it is.
        """
        verdict = said(**{"as": end}, ref=ref, force=force)
        return self._job(self._transport.resolve(name_of(job), verdict))

    def timeline(self, job: str | Job) -> list[dict[str, Any]]:
        """Everything that happened to a job, oldest first: each with its `at` and `what`."""
        found: list[dict[str, Any]] = self._transport.timeline(name_of(job))["items"]
        return found

    def download(self, job: str | Job, folder: str | Path) -> list[Path]:
        """Write every output of a job into a folder, as `<job id>-<n>.<type>`.

        Raises:
            Conflict: It has none: it has not ended, or not well.
            DownloadFailed: One did not come whole; those before it are there.
        """
        # One that was asked for before its end knows of none.
        if not isinstance(job, Job) or not job.outputs:
            job = self.get(job)
        if not job.outputs:
            detail = f"{job.id} is {job.state} and has no outputs"
            raise Conflict({"title": "No outputs", "detail": detail})
        return write_outputs(self._transport, job, folder)

    def _job(self, document: Document) -> Job:
        return job_of(document, self)

    def _line(self, answered: Document, key: str) -> Line:
        line = partial(Line, line=answered["line"], name=answered.get("as"), document={**answered})
        if "error" in answered:
            error = error_of(answered["error"])
            if isinstance(error, Unavailable):
                error.key = key
            return line(error=error)
        if "dry_run" in answered:
            return line(checked=read_checked(answered["dry_run"]))
        return line(job=self._job(answered["job"]), new=answered.get("status") == ACCEPTED)


def _next(answers: Iterator[Document], key: str) -> Document | None:
    """The next answer of a batch; None: that was all."""
    try:
        return next(answers, None)
    except Unavailable as away:
        away.key = key
        raise


def _seconds(timeout: float | None) -> float:
    if timeout is None:
        return math.inf
    return timeout


def _not_ended(job: Job, seconds: float) -> WaitTimeout:
    detail = f"{job.id} is {job.state} after {seconds:g} s; it goes on"
    if job.state == "queued":
        detail += ", and is paid for once it is sent"
    error = WaitTimeout({"title": "Not ended", "detail": detail})
    error.job = job
    return error
