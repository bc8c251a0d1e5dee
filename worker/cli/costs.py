"""`runhook costs`: what days cost, as a chart; and how today's budgets stand."""

import click

from runhook.worker.cli.busy import busy
from runhook.worker.cli.commands import pair, runhook, wrong_usage
from runhook.worker.cli.completion import of_model
from runhook.worker.cli.console import out, print_json, show


@click.command()
@click.option(
    "--by", default="day", show_default=True, help="day, model, tenant, metadata.KEY, or several."
)
@of_model
@click.option("--tenant", help="Only this tenant's.")
@click.option("--metadata", "metadata", multiple=True, metavar="KEY=VALUE", help="Only with this.")
@click.option("--since", help="From the UTC day of then on; a month, if left out.")
@click.option("--until", help="Up to the UTC day of then.")
@click.option("--json", "as_json", is_flag=True)
def costs(
    by: str,
    model: str | None,
    tenant: str | None,
    metadata: tuple[str, ...],
    since: str | None,
    until: str | None,
    as_json: bool,
) -> None:
    """Show what days cost, by day, model, tenant or metadata.

    An attempt counts on the UTC day of its submit, whenever its cost is told. What may have been
    charged without anybody's saying so stands beside it, as at risk.
    """
    from runhook.worker.cli.cost_chart import chart, table

    rh = runhook()
    with wrong_usage(), busy("adding up"):
        found = rh.costs(
            by,
            model=model,
            tenant=tenant,
            since=since,
            until=until,
            metadata=dict(map(pair, metadata)),
        )
    if as_json:
        print_json(found.document)
        return
    if out.is_terminal:
        out.print(chart(found, out.width))
    else:
        show(table(found), len(found.items), "nothing was charged")
