"""A model as the command line shows it: what it takes, how that goes together, what it costs."""

import re
from collections.abc import Sequence
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.text import Text

from runhook.config.catalogue import Price
from runhook.worker.catalogue import Model, Param, describe, price_words, rule_words, siblings
from runhook.worker.catalogue.views import differences
from runhook.worker.cli.tables import Rows

MOST_PRICES = 40  # rows of a price list; more would fill the screen, and --json has them all
MATRIX = 2  # parameters a price depends on that fit a table: one down, one across
INDENT = 2  # spaces before a table of prices, as before the lines around it


def models_table(models: Sequence[Model]) -> Rows:
    """Models, a line each."""
    names = ("endpoint", "name", "makes", "price")
    # A name says little that the endpoint does not; a price without its unit misleads.
    table = Rows(*names, gives_way=("name", "price"), cut=("price",))
    for model in models:
        name = Text(model.name)
        if model.deprecated:
            name.stylize("bright_black")
        table.add_row(Text(model.endpoint), name, model.output, _short_price(model.price))
    return table


def _short_price(price: Price | None) -> str:
    """The amount alone; what it depends on is shown with the model."""
    if price is None:
        return ""
    return price_words(price).partition(", by")[0].removesuffix(" of output video")


def model_page(model: Model) -> RenderableType:
    """What each parameter takes, how they go together, what the model costs."""
    parts: list[RenderableType] = [_title(model)]
    if model.params:
        parts += [Text(""), _params_table(model.params)]
    else:
        parts.append(Text("its parameters are not documented; input is sent unchecked"))
    if model.rules:
        parts += [Text("\nrules", "bold"), *(Text(f"  {rule_words(r)}") for r in model.rules)]
    parts += [Text("\nprice", "bold"), *_price_lines(model.price)]
    if others := siblings(model):
        parts += [Text("\nalso sold as", "bold"), *(_sibling(model, one) for one in others)]
    return Group(*parts)


def _sibling(model: Model, other: Model) -> Text:
    """The same model as it is sold otherwise: good for options.fallback, if the input suits it."""
    lacks, needs = differences(model, other)
    words = [_short_price(other.price)]
    if lacks:
        words.append(f"has no {', '.join(lacks)}")
    if needs:
        words.append(f"needs {', '.join(needs)}")
    return Text(f"  {other.endpoint}  {'; '.join(filter(None, words))}")


def _title(model: Model) -> Text:
    title = Text.assemble((model.endpoint, "bold"))
    if model.name != model.endpoint:
        title.append(f"  {model.name}")
    title.append(f"  makes {model.output}")
    if model.deprecated:
        title.append("  deprecated", "yellow")
    return title


def _params_table(params: Sequence[Param]) -> Rows:
    table = Rows("parameter", "", "takes", "default", wraps=("takes", "default"))
    for param in params:
        needed = Text()
        if param.required and param.default is None:
            needed = Text("required", "yellow")
        takes = describe(param)
        if param.max_mb:
            takes += f", at most {param.max_mb:g} MB"
        table.add_row(param.name, needed, takes, _default(param))
    return table


def _default(param: Param) -> str:
    """As one would type it: `true` and not `True`."""
    if param.default is None:
        return ""
    if isinstance(param.default, bool):
        return str(param.default).lower()
    return str(param.default)


def _price_lines(price: Price | None) -> list[RenderableType]:
    if price is None:
        return [Text("  unknown; `runhook submit --dry-run` asks RunningHub")]
    lines: list[RenderableType] = [Text(f"  {price_words(price)}")]
    if price.table and len(price.by) == MATRIX:
        lines.append(_matrix(price))
    elif price.table:
        lines.append(_price_list(price))
    return lines


def _price_list(price: Price) -> Rows:
    table = Rows(*price.by, price.currency, cut=price.by, indent=INDENT)
    for chosen, amount in list(price.table.items())[:MOST_PRICES]:
        table.add_row(*chosen.split("|"), f"{amount:f}")
    return table


def _matrix(price: Price) -> Rows:
    """Prices by two parameters: one down, one across."""
    amounts = {tuple(chosen.split("|")): amount for chosen, amount in price.table.items()}
    down, across = (sorted({pair[i] for pair in amounts}, key=_by_number) for i in (0, 1))
    table = Rows(price.by[0], *across, indent=INDENT)
    for row in down:
        table.add_row(row, *(_amount(amounts.get((row, column))) for column in across))
    return table


def _amount(amount: Decimal | None) -> str:
    """Written out; nothing where RunningHub does not offer the pair."""
    if amount is None:
        return ""
    return f"{amount:f}"


def _by_number(value: str) -> tuple[float, str]:
    """Sorts 5s before 10s, and names that begin with no number first."""
    digits = re.match(r"\d+", value)
    if digits is None:
        return (0.0, value)
    return (float(digits[0]), value)
