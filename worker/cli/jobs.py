"""`runhook jobs`, `job` and `tree`: jobs, shown."""

import click

from runhook.worker.cli.commands import TIMES, page_of, pair, runhook, wrong_usage
from runhook.worker.cli.completion import of_model
from runhook.worker.cli.console import err, out, print_json, show
from runhook.worker.cli.job_tables import COLOURS, job_page, jobs_table
from runhook.worker.cli.naming import whole_id


@click.command()
@click.option(
    "--state",
    "states",
    type=click.Choice(list(COLOURS)),
    multiple=True,
    help="More than once for jobs in any of several.",
)
@of_model
@click.option("--tenant", help="Only this tenant's.")
@click.option(
    "--metadata", multiple=True, metavar="KEY=VALUE", help="Only with this; an indexed key."
)
@click.option("--root", metavar="JOB", help="Only the tree that grew from this job.")
@click.option("--group", help="Only this group of the tenant's.")
@click.option("--since", help=f"Created then or later. {TIMES}")
@click.option("--until", help="Created before then.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--cursor", metavar="JOB", help="The page behind this job.")
@click.option("--json", "as_json", is_flag=True)
def jobs(
    states: tuple[str, ...],
    model: str | None,
    tenant: str | None,
    metadata: tuple[str, ...],
    root: str | None,
    group: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> None:
    """List jobs, newest first."""

    rh = runhook()
    if root:
        root = whole_id(rh, root)
    if cursor:
        cursor = whole_id(rh, cursor)
    with wrong_usage():
        page = rh.jobs_page(
            limit=limit,
            cursor=cursor,
            state=states,
            model=model,
            tenant=tenant,
            metadata=dict(map(pair, metadata)),
            root=root,
            group=group,
            since=since,
            until=until,
        )
    if as_json:
        print_json(page.document)
        return
    show(jobs_table(page.items), len(page.items), "no jobs")
    if page.next:
        err.print(f"there are more: --cursor {page.next}", style="bright_black")


@click.command()
@click.argument("job_id", metavar="JOB")
@click.option("--json", "as_json", is_flag=True)
def job(job_id: str, as_json: bool) -> None:
    """Show one job with its deliveries and its timeline."""
    rh = runhook()
    found = rh.get(whole_id(rh, job_id))
    timeline = rh.timeline(found)
    if as_json:
        print_json({**found.document, "timeline": timeline})
        return
    deliveries = list(rh.deliveries(job=found))
    out.print(job_page(found, page_of(found.id), deliveries[::-1], timeline))


@click.command()
@click.argument("job_id", metavar="JOB")
@click.option("--json", "as_json", is_flag=True)
def tree(job_id: str, as_json: bool) -> None:
    """Show a job and what grew from it.

    In a pipe a job is a line, the oldest first, as in a list of jobs.
    """
    from runhook.worker.cli.trees import tree_of

    rh = runhook()
    found = list(rh.tree(whole_id(rh, job_id)))
    if as_json:
        print_json({"items": [one.document for one in found], "next": None})
    elif out.is_terminal:
        out.print(tree_of(found))
    else:
        out.print(jobs_table(found))
