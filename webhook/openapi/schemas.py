"""JSON Schemas of the models and views that routes declare, named as users would name them.

What a member means is taken from its class's docstring, below `Attributes:`.
"""

import re
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

Schema = dict[str, Any]
Use = Literal["validation", "serialization"]  # what is sent, and what is answered

PLACE = "#/components/schemas/"
GENERIC = re.compile(r"(\w+)\[(\w+)\]|(\w+?)_(\w+)_")  # a page of jobs, as pydantic names it
HEADING = "Attributes:"
MEMBER = re.compile(r"^    (\w+): ", re.M)


def schemas(wanted: Mapping[Any, Use]) -> tuple[dict[Any, Schema], dict[str, Schema]]:
    """A schema for each of these types, and the named ones that they refer to.

    Args:
        wanted: Types, and what each is for.
    """
    inputs = [(number, use, TypeAdapter(kind)) for number, (kind, use) in enumerate(wanted.items())]
    found, rest = TypeAdapter.json_schemas(inputs, ref_template=f"{PLACE}{{model}}")
    named = {_name(name): _told(_named(one)) for name, one in rest.get("$defs", {}).items()}
    mine = {
        kind: _told(_named(found[(number, use)]))
        for number, (kind, use) in enumerate(wanted.items())
    }
    for kind in wanted:
        if isinstance(kind, type) and (name := _name(kind.__name__)) in named:
            _tell_inherited(named[name], kind)
    return mine, dict(sorted(named.items()))


def _tell_inherited(schema: Schema, kind: type) -> None:
    """What docstrings of the classes above say of members, under the names that JSON has."""
    fields = getattr(kind, "model_fields", {})
    # A TypedDict keeps those above it there alone.
    for above in (*kind.__mro__, *getattr(kind, "__orig_bases__", ())):
        for name, meaning in _sentences(cleandoc(above.__doc__ or "").partition(HEADING)[2]):
            alias = getattr(fields.get(name), "alias", None)
            member = schema.get("properties", {}).get(alias or name, {})
            member.setdefault("description", meaning.replace("None", "null"))


def parameters(query: type[BaseModel]) -> Iterator[tuple[str, Schema, bool]]:
    """Each parameter that a query model takes: its name, schema, and whether it must be given."""
    schema = _told(query.model_json_schema())
    _tell_inherited(schema, query)
    for name, one in schema.get("properties", {}).items():
        yield name, _without_null(one), name in schema.get("required", ())


def _without_null(schema: Schema) -> Schema:
    """A query has no null: what is not said is left out."""
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if rest.get("default") in (None, [], ""):
        rest.pop("default", None)
    for one in kinds:
        rest = {**one, **rest}
    return rest


def _name(raw: str) -> str:
    """`JobPage` for `Page_JobView_`."""
    found = GENERIC.fullmatch(raw)
    if found is None:
        return raw.removesuffix("View")
    outer, inner = (part for part in found.groups() if part)
    return inner.removesuffix("View") + outer


def _named(schema: Any) -> Any:
    """The same with users' names in its references and titles."""
    if isinstance(schema, list):
        return [_named(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _named(one) for name, one in schema.items()}
    if isinstance(ref := found.get("$ref"), str):
        found["$ref"] = PLACE + _name(ref.removeprefix(PLACE))
    if isinstance(title := found.get("title"), str):
        found["title"] = _name(title)
    return found


def _told(schema: Schema) -> Schema:
    """The same, what its docstring says of each member beside that."""
    text, _, members = schema.get("description", "").partition(HEADING)
    told = dict(_sentences(members))
    properties = {
        name: _member(one, told.get(name)) for name, one in schema.get("properties", {}).items()
    }
    found = schema | {"description": " ".join(text.split())}
    if properties:
        found["properties"] = properties
    return {name: value for name, value in found.items() if value != ""}


def _member(schema: Schema, meaning: str | None) -> Schema:
    found = {name: value for name, value in schema.items() if name != "title"}
    if meaning:
        found["description"] = meaning.replace("None", "null")
    return found


def _sentences(text: str) -> Iterator[tuple[str, str]]:
    """Each member that a docstring tells of, and what it says."""
    parts = MEMBER.split(text)[1:]
    for name, meaning in zip(parts[::2], parts[1::2], strict=True):
        yield name, " ".join(meaning.split())
