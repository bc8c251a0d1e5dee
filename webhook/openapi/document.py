"""The OpenAPI document of a running web, and which of its routes it tells of."""

import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

from flask import Flask

from runhook.webhook.openapi.operations import Call, operation
from runhook.webhook.openapi.schemas import Schema, schemas
from runhook.worker.domain.problem_kinds import KINDS, Kind
from runhook.worker.domain.problems import ProblemView

# Calls of programs. The rest are pages for people, RunningHub's callbacks, and /mcp, which tells of
# itself.
TOLD = re.compile(r"/(v1/.*|healthz|readyz|metrics|openapi\.json|asyncapi\.json|docs.*)")
ABOUT = (
    "Jobs for RunningHub: asked for, paid once, told of. A request that is refused names all its "
    "faults at once and costs nothing."
)
PROBLEM = "application/problem+json"
WAITS = (429, 503)  # statuses whose answers say when to come again
TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "One of RUNHOOK_API_TOKENS. A call names the scopes of which one opens it; "
    "without any tokens only this machine may call.",
}
HEADERS = {
    "RequestId": {
        "schema": {"type": "string"},
        "description": "The request's name in the log: what it brought as X-Request-Id, or a new "
        "one.",
    },
    "RetryAfter": {"schema": {"type": "integer"}, "description": "Seconds to wait."},
}


def calls(app: Flask) -> list[Call]:
    """Every call that users may make, by path and method."""
    found = [
        Call(
            method=method,
            rule=rule,
            route=app.view_functions[rule.endpoint],
            tag=rule.endpoint.partition(".")[0],
        )
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]
    users = [call for call in found if TOLD.fullmatch(call.rule.rule)]
    return sorted(users, key=lambda call: (call.path, call.method))


def document(app: Flask, base: str, indexed: Sequence[str]) -> Schema:
    """The document.

    Args:
        app: The application whose routes it tells of.
        base: The URL under which it is reached; empty: where the document is.
        indexed: The keys of metadata that jobs are found by here.
    """
    told = calls(app)
    views, named = schemas(dict(_types(told)))
    paths: dict[str, Schema] = {}
    for call in told:
        paths.setdefault(call.path, {})[call.method.lower()] = operation(call, views, indexed)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "runhook",
            "version": version("runhook"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base or "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(call.tag for call in told)],
        "paths": paths,
        "components": {
            "schemas": named,
            "headers": HEADERS,
            "responses": dict(_responses(views[ProblemView])),
            "securitySchemes": {"token": TOKEN},
        },
    }


def _types(told: Iterable[Call]) -> Iterable[tuple[Any, Any]]:
    """What calls read and answer, and what each is for."""
    yield ProblemView, "serialization"
    for call in told:
        if call.reads:
            yield call.reads.model, "validation"
        for _, view in call.answers:
            if view is not None:
                yield view, "serialization"


def _responses(problem: Schema) -> Iterable[tuple[str, Schema]]:
    for status in sorted({kind.status for kind in KINDS}):
        each = [kind for kind in KINDS if kind.status == status]
        headers = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
        if status in WAITS:
            headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
        yield (
            f"Problem{status}",
            {
                "description": " ".join(kind.means for kind in each),
                "headers": headers,
                "content": {
                    PROBLEM: {"schema": problem, "examples": dict(map(_example, each))},
                },
            },
        )


def _example(kind: Kind) -> tuple[str, Schema]:
    value = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.means,
    }
    return kind.name, {"summary": kind.then, "value": value}
