"""`runhook models` and `runhook model`: what can be run, what it takes and what it costs."""

import click

from runhook.worker.cli.completion import models as endpoints
from runhook.worker.cli.console import out, print_json, show


@click.command()
@click.argument("query", nargs=-1)
@click.option("--json", "as_json", is_flag=True)
def models(query: tuple[str, ...], as_json: bool) -> None:
    """List the models whose names hold every word of QUERY."""
    from runhook.worker import catalogue
    from runhook.worker.catalogue.views import model_view
    from runhook.worker.cli.model_tables import models_table

    found = catalogue.search(" ".join(query))
    if as_json:
        print_json({"items": [model_view(model) for model in found], "next": None})
    else:
        show(models_table(found), len(found), "no model has all these words in its name")


@click.command()
@click.argument("name", shell_complete=endpoints)
@click.option("--json", "as_json", is_flag=True)
def model(name: str, as_json: bool) -> None:
    """Show a model's parameters, rules and price."""
    from runhook.worker import catalogue
    from runhook.worker.catalogue.views import model_view
    from runhook.worker.cli.model_tables import model_page

    found = catalogue.find(name)
    if as_json:
        print_json(model_view(found))
    else:
        out.print(model_page(found))
