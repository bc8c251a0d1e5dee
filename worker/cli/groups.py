"""`runhook group`: how a set of jobs stands."""

import click

from runhook.worker.cli.commands import runhook
from runhook.worker.cli.console import out, print_json
from runhook.worker.cli.job_tables import state_text
from runhook.worker.cli.tables import particulars


@click.command()
@click.argument("name")
@click.option("--tenant", help="Whose group it is; left out: the token's.")
@click.option("--json", "as_json", is_flag=True)
def group(name: str, tenant: str | None, as_json: bool) -> None:
    """Show how many jobs of a group are in which state."""
    found = runhook().group(name, tenant=tenant)
    if as_json:
        print_json(found.document)
        return
    table = particulars()
    table.add_row("group", found.name)
    table.add_row("tenant", found.tenant)
    count = str(found.jobs)
    if found.size is not None:
        count = f"{found.jobs} of {found.size}"
    table.add_row("jobs", count)
    stands = "open: more may come"
    if found.closed:
        stands = "closed"
    if found.ended_at:
        stands = f"ended at {found.ended_at:%Y-%m-%d %H:%M:%S} UTC"
    table.add_row("is", stands)
    for state, many in found.states.items():
        if many:
            table.add_row(state_text(state).plain, str(many))
    out.print(table)
