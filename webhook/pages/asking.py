"""The query of a page: a form's fields as one model, and a wrong one said at its field."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from runhook.webhook.edge.responses import wiring
from runhook.worker.domain.metadata import Label
from runhook.worker.domain.pages import Query, read_parameters
from runhook.worker.errors import Fault, InvalidRequest

Parameters = TypeVar("Parameters", bound=Query)


@dataclass(frozen=True, kw_only=True)
class Asked(Generic[Parameters]):
    """What a form asks for.

    Attributes:
        query: As the page's model; None where something is wrong.
        labels: The metadata that it names.
        given: Each field as it came, for the form that is shown again.
        faults: What is wrong, by field; the rest of a sentence that begins with its name.
    """

    query: Parameters | None
    labels: tuple[Label, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)

    def address(self, path: str, **changes: str | None) -> str:
        """The page with some fields changed; None takes one out."""
        fields = {**self.given, **changes}
        kept = {name: value for name, value in fields.items() if value}
        if not kept:
            return path
        return f"{path}?{urlencode(kept)}"


def read_form(model: type[Parameters], form: MultiDict[str, str]) -> Asked[Parameters]:
    """Read a page's query: empty fields say nothing, and repeated ones are joined by commas."""
    given = {name: ",".join(filter(None, values)) for name, values in form.lists()}
    given = {name: value.strip() for name, value in given.items() if value.strip()}
    settings = wiring().settings
    try:
        query, labels = read_parameters(
            model, given, now=wiring().clock.now(), indexed=settings.indexed
        )
    except InvalidRequest as invalid:
        return Asked(query=None, given=given, faults=told(invalid.listed))
    return Asked(query=query, labels=labels, given=given)


def told(faults: Iterable[Fault]) -> dict[str, str]:
    """What is wrong, by field."""
    found: dict[str, list[str]] = {}
    for fault in faults:
        found.setdefault(fault.path, []).append(fault.said)
    return {path: "; ".join(said) for path, said in found.items()}
