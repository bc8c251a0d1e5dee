"""One call as OpenAPI describes it: made of what stands beside its route."""

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from flask import Response
from werkzeug.routing import Rule

from runhook.config.callers import SCOPES
from runhook.webhook.edge.bodies import FORM, READS, Reads
from runhook.webhook.edge.declared import GIVES, HEARS, Gives
from runhook.webhook.edge.queries import QUERIES, LabelledQuery, Query
from runhook.webhook.edge.responses import Answer, Done, Events, File, Lines
from runhook.webhook.edge.scopes import OPEN_TO, SUBMIT_WITH
from runhook.webhook.openapi.schemas import Schema, parameters
from runhook.worker import catalogue
from runhook.worker.domain import problem_kinds as kinds
from runhook.worker.domain.metadata import PREFIX
from runhook.worker.domain.problem_kinds import Kind

MEDIA = {
    Answer: "application/json",
    Lines: "application/x-ndjson",
    Events: "text/event-stream",
    File: "*/*",
}
NAMED = re.compile(r"<(\w+:)?(\w+)>")  # what a path holds, as Flask has it
BARE = (204, 304)  # statuses without a body
REDIRECT = 302
SAYS = {
    200: "Done.",
    201: "Made.",
    202: "Accepted; it is under way.",
    204: "Done; there is nothing to say.",
    206: "The part that was asked for.",
    302: "Where else it is, in `Location`.",
    304: "What is known already.",
    503: "Not now.",
}
# What stands in paths, by its name there.
IN_PATHS = {
    "job_id": "A job's id, `job_…`.",
    "delivery_id": "A delivery's id, `dlv_…`.",
    "asset_id": "An asset's id.",
    "workflow_id": "A ComfyUI workflow's id at RunningHub.",
    "webapp_id": "An AI app's id at RunningHub.",
    "subscription_id": "A subscription's id, `sub_…`.",
    "n": "Which of its outputs, from 0.",
    "file": "A file's name.",
    "kind": "The end of a problem's `type`.",
    "name": "Its name; a model's endpoint, slashes and all.",
}

OF_RUNNINGHUB = ("workflow_id", "webapp_id")  # its ids; all others are our own


@dataclass(frozen=True, kw_only=True)
class Call:
    """A route, and all that is declared of it.

    Attributes:
        method: GET, POST, PATCH or DELETE.
        rule: Its path, as Flask has it.
        route: The function.
        tag: Its noun.
    """

    method: str
    rule: Rule
    route: Callable[..., Any]
    tag: str

    @property
    def path(self) -> str:
        """As OpenAPI spells it."""
        return NAMED.sub(r"{\2}", self.rule.rule)

    @property
    def scopes(self) -> tuple[str, ...]:
        """What opens it; `anybody`: no token at all."""
        declared: tuple[str, ...] = OPEN_TO.get(self.route, ())
        if "anybody" in declared:
            return declared
        return tuple(scope for scope in SCOPES if scope in (*declared, "admin"))

    @property
    def scopes_told(self) -> str:
        """The same in words, with what a token must name besides."""
        told = list(self.scopes)
        if needs := SUBMIT_WITH.get(self.route):
            told[told.index("submit")] = f"submit with {needs}"
        return ", ".join(told)

    @property
    def query(self) -> type[Query]:
        """The parameters that it takes."""
        return QUERIES.get(self.route, Query)

    @property
    def reads(self) -> Reads | None:
        """Its body; None: it takes none."""
        return READS.get(self.route)

    @property
    def gives(self) -> Gives:
        """How it answers."""
        return GIVES.get(self.route, Gives())

    @property
    def answers(self) -> list[tuple[type[Response], Any]]:
        """How an answer comes, and the view in it; None: it has none."""
        found = get_type_hints(self.route)["return"]
        each: Sequence[Any] = (found,)
        if get_origin(found) in (Union, UnionType):
            each = get_args(found)
        return [(get_origin(one) or one, next(iter(get_args(one)), None)) for one in each]

    @property
    def problems(self) -> list[Kind]:
        """What it may be refused with."""
        found = [kinds.INTERNAL, kinds.BUSY, *self.gives.problems]
        if "anybody" not in self.scopes:
            found += [kinds.UNAUTHORIZED, kinds.FORBIDDEN, kinds.TOO_MANY, kinds.INVALID]
        if self.rule.arguments:
            found.append(kinds.NOT_FOUND)
        if self.method != "GET":
            found += [kinds.TIMEOUT, kinds.TOO_LARGE, kinds.MEDIA]
        return found


def operation(call: Call, views: dict[Any, Schema], indexed: Sequence[str]) -> Schema:
    """One operation.

    Args:
        call: Which.
        views: The schema of each type that calls declare.
        indexed: The keys of metadata that jobs are found by here.
    """
    summary, _, more = inspect.cleandoc(call.route.__doc__ or "").partition("\n\n")
    found: Schema = {
        "operationId": call.route.__name__,
        "tags": [call.tag],
        "summary": " ".join(summary.split()),
        "description": _described(call, more),
        "parameters": [*_in_path(call), *_in_query(call, indexed), *_headers(call)],
        "security": [{"token": [scope]} for scope in call.scopes],
        "responses": {**dict(_done(call, views)), **dict(_refused(call))},
    }
    if call.scopes == ("anybody",):
        found["security"] = []
    if call.reads:
        found["requestBody"] = _body(call.reads, views)
    return {name: value for name, value in found.items() if value != "" and value != []} | {
        "security": found["security"]
    }


def _described(call: Call, more: str) -> str:
    text = " ".join(more.split())
    if call.route in SUBMIT_WITH:
        # No security requirement of OpenAPI can say so.
        text = f"{text} Opened by: {call.scopes_told}.".strip()
    return text


def _in_path(call: Call) -> Iterator[Schema]:
    for kind, name in NAMED.findall(call.rule.rule):
        schema: Schema = {"type": "string", "minLength": 1}
        if kind == "int:":
            schema = {"type": "integer", "minimum": 0}
        elif name in OF_RUNNINGHUB:
            schema = {"type": "string", "pattern": f"^{catalogue.ID.pattern}$"}
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": IN_PATHS[name],
            "schema": schema,
        }


def _in_query(call: Call, indexed: Sequence[str]) -> Iterator[Schema]:
    for name, schema, required in parameters(call.query):
        found: Schema = {"name": name, "in": "query", "required": required}
        found["description"] = schema.pop("description", "")
        if schema.get("type") == "array":
            found |= {"style": "form", "explode": False}  # with commas between them
        yield found | {"schema": schema}
    if issubclass(call.query, LabelledQuery):
        for key in indexed:
            meaning = f"Jobs whose metadata has this as `{key}`."
            schema = {"type": "string"}
            yield {"name": f"{PREFIX}{key}", "in": "query", "description": meaning} | {
                "schema": schema
            }


def _headers(call: Call) -> Iterator[Schema]:
    for header in HEARS.get(call.route, ()):
        yield {
            "name": header.name,
            "in": "header",
            "description": header.means,
            "schema": header.schema,
        }


def _body(reads: Reads, views: dict[Any, Schema]) -> Schema:
    content: Schema = {"schema": views[reads.model]}
    if reads.example is not None:
        content["example"] = reads.example
    if reads.media == FORM:
        content["encoding"] = {"file": {"contentType": "application/octet-stream"}}
    return {"required": not reads.empty, "content": {reads.media: content}}


def _done(call: Call, views: dict[Any, Schema]) -> Iterator[tuple[str, Schema]]:
    content = _content(call, views)
    for status in call.gives.statuses:
        found: Schema = {"description": SAYS[status], "headers": {"X-Request-Id": REQUEST_ID}}
        if status == REDIRECT:
            found["headers"] = found["headers"] | {"Location": LOCATION}
        elif status not in BARE and content:
            found["content"] = content
        yield str(status), found


REQUEST_ID = {"$ref": "#/components/headers/RequestId"}
LOCATION = {"schema": {"type": "string"}, "description": "A URL."}


def _content(call: Call, views: dict[Any, Schema]) -> Schema:
    """What answers carry; of two views either."""
    found: dict[str, list[Schema]] = {}
    for kind, view in call.answers:
        if kind is not Done:
            found.setdefault(MEDIA[kind], []).append(views.get(view, {}))
    return {media: {"schema": _either(each)} for media, each in found.items()}


def _either(each: list[Schema]) -> Schema:
    if len(each) == 1:
        return each[0]
    return {"anyOf": each}


def _refused(call: Call) -> Iterator[tuple[str, Schema]]:
    done = call.gives.statuses
    for status in sorted({kind.status for kind in call.problems} - {*done}):
        yield str(status), {"$ref": f"#/components/responses/Problem{status}"}
