"""`runhook costs`: what days cost, as a chart; and how today's budgets stand."""

from typing import TYPE_CHECKING

import click

from runhook.worker.cli.commands import wiring, wrong_usage
from runhook.worker.cli.console import out, print_json, show

if TYPE_CHECKING:
    from runhook.worker.money.rows import RowFilter
    from runhook.worker.wiring import Wiring


@click.command()
@click.option(
    "--by", default="day", show_default=True, help="day, model, tenant, metadata.KEY, or several."
)
@click.option("--model", help="An endpoint, the reference's name, or a pattern as vidu/*.")
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
    from runhook.worker.cli.period import period
    from runhook.worker.errors import InvalidRequest
    from runhook.worker.flows import costs as counting
    from runhook.worker.money.report import costs_view

    w = wiring()
    dimensions = tuple(dict.fromkeys(by.split(",")))
    with wrong_usage():
        if faults := counting.by_faults(dimensions, w.settings.indexed):
            raise InvalidRequest(faults)
        span = period(since, until, w.clock.now())
        wanted = _wanted(w, model, tenant, metadata)
    found = counting.costs(w, wanted, by=dimensions, since=span.since, until=span.until)
    if as_json:
        print_json(costs_view(found))
    elif out.is_terminal:
        out.print(chart(found, out.width))
    else:
        show(table(found), len(found.sums), "nothing was charged")


def _wanted(
    w: "Wiring", model: str | None, tenant: str | None, metadata: tuple[str, ...]
) -> "RowFilter":
    from runhook.worker import catalogue
    from runhook.worker.cli.inputs import labels
    from runhook.worker.money.rows import RowFilter

    return RowFilter(
        model=catalogue.listed_as(model or None), tenant=tenant, labels=labels(w, metadata)
    )
