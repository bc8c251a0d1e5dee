"""The AsyncAPI document: every type of event, what it carries, and the ways it is told."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from runhook.webhook.openapi.schemas import PLACE, Schema, Use, schemas
from runhook.worker.domain.events import CONTENT_TYPE, TYPES, CloudEventView
from runhook.worker.domain.told import DATA

ABOUT = (
    "What happens to jobs, as CloudEvents 1.0. Each is delivered at least once and has the same "
    "`id` each time."
)
# What signs a request to a subscriber, as Standard Webhooks has it.
SIGNED = {
    "type": "object",
    "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
    "properties": {
        "webhook-id": {"type": "string", "description": "The event's id."},
        "webhook-timestamp": {"type": "string", "description": "Seconds since 1970."},
        "webhook-signature": {"type": "string", "description": "`v1,…`, one for each secret."},
    },
}
WAYS: dict[str, Schema] = {
    "subscription": {
        "address": None,
        "title": "Posted to a subscriber",
        "description": "To the `url` of a subscription. 2xx acknowledges, 410 wants no more.",
        "bindings": {"http": {"bindingVersion": "0.3.0"}},
    },
    "stream": {
        "address": "/v1/events/stream",
        "title": "Server-sent events",
        "description": "As they happen; `Last-Event-ID` goes on behind a break.",
        "bindings": {"http": {"bindingVersion": "0.3.0"}},
    },
}


def events_document(base: str) -> Schema:
    """The document.

    Args:
        base: The URL under which this installation is reached; empty: it says none.
    """
    wanted: dict[Any, Use] = {CloudEventView: "serialization"}
    for kinds in DATA.values():
        wanted |= dict.fromkeys(kinds, "serialization")
    views, named = schemas(wanted)
    messages = {name: _message(name, [views[one] for one in DATA[name]]) for name in TYPES}
    found: Schema = {
        "asyncapi": "3.0.0",
        "info": {"title": "runhook", "version": version("runhook"), "description": ABOUT},
        "defaultContentType": CONTENT_TYPE,
        "channels": {
            name: {**way, "messages": {one: _ref("messages", one) for one in TYPES}}
            for name, way in WAYS.items()
        },
        "operations": {
            name: {"action": "send", "channel": {"$ref": f"#/channels/{name}"}} for name in WAYS
        },
        "components": {
            "schemas": named,
            "messages": messages,
        },
    }
    if base:
        scheme, _, host = base.partition("://")
        found["servers"] = {"web": {"host": host, "protocol": scheme}}
    return found


def _message(name: str, data: Sequence[Schema]) -> Schema:
    kind: Schema = {"type": {"const": name}, "data": {"anyOf": [*data]}}
    return {
        "name": name,
        "title": name,
        "contentType": CONTENT_TYPE,
        "headers": SIGNED,
        "payload": {"allOf": [{"$ref": f"{PLACE}CloudEvent"}, {"properties": kind}]},
    }


def _ref(where: str, name: str) -> Schema:
    return {"$ref": f"#/components/{where}/{name}"}
