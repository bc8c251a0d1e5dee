"""Jobs that grew from one another, drawn as a tree, and what became of all of them."""

from collections.abc import Sequence

from rich.text import Text
from rich.tree import Tree

from runhook.worker.cli.ages import age, took
from runhook.worker.cli.job_tables import amount, pairs, state_text
from runhook.worker.cli.tables import Rows
from runhook.worker.client.jobs import Job
from runhook.worker.net.untrusted import one_line


def tree_of(jobs: Sequence[Job]) -> Tree:
    """Jobs below those that they grew from; the first is what all grew from."""
    branches: dict[str, Tree] = {}
    top = Tree("")
    for job in jobs:
        above = branches.get(job.parent or "")
        for other in job.waits_for:
            above = above or branches.get(other)
        branches[job.id] = (above or top).add(_line(job))
    top.hide_root = True
    return top


def _line(job: Job) -> Text:
    # Made fit for a terminal here: what is drawn live goes past the console that does so.
    line = Text.assemble(state_text(one_line(job.state)), f"  {one_line(job.model)}")
    line.append(f"  {took(job.created_at, job.ended_at) or age(job.created_at)}")
    line.append(f"  {one_line(job.id)}", "bright_black")
    if job.metadata:
        line.append(f"  {one_line(pairs(job.metadata))}", "bright_black")
    return line


def endings(jobs: Sequence[Job]) -> Rows:
    """What became of each, with where its output is, or why there is none."""
    names = ("job", "model", "state", "took", "cost", "metadata", "output")
    table = Rows(
        *names,
        gives_way=("cost", "took", "metadata"),
        cut=("model", "metadata"),
        shortened="job",
        below="output",
    )
    for job in jobs:
        for n, output in enumerate(results(job)):
            facts: list[str | Text] = [
                job.id,
                job.model,
                state_text(job.state),
                took(job.created_at, job.ended_at),
                amount(job.cost),
                pairs(job.metadata),
            ]
            # Of a job with several outputs the cost stands in the first line alone: lines are
            # added up.
            if n:
                facts[4] = ""
            table.add_row(*facts, output)
    return table


def results(job: Job) -> list[str]:
    """Where the outputs are, our own copies first, or why there are none; one at least."""
    if job.error:
        return [f"{job.error.code}: {job.error.message}"]
    return [one.archived_url or one.url or one.text or "" for one in job.outputs] or [""]
