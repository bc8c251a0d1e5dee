"""A model's input as JSON Schema, for forms, generators and agents. Pure.

It says what JSON Schema can say: rules that need the files themselves stand in `description`.
"""

from typing import Any

from runhook.config.catalogue import (
    AtLeastOne,
    AtLeastOneWhen,
    ExactlyOne,
    Model,
    Needs,
    Param,
    Scalar,
)
from runhook.worker.catalogue.sentences import rule_words
from runhook.worker.catalogue.values import describe

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPES = {"integer": "integer", "number": "number", "boolean": "boolean", "object": "object"}
NOT_BLANK = r"\S"  # what a required text has somewhere


def input_schema(model: Model) -> Schema:
    """What the `input` of a job of this model is."""
    needed = [one.name for one in model.params if one.required and one.default is None]
    found: Schema = {
        "$schema": DIALECT,
        "title": model.endpoint,
        "type": "object",
        "properties": {param.name: _param(param) for param in model.params},
        "required": needed,
        "additionalProperties": False,
    }
    if model.rules:
        found["description"] = "\n".join(rule_words(rule) for rule in model.rules)
    if ruled := [schema for rule in model.rules if (schema := _ruled(rule))]:
        found["allOf"] = ruled
    return found


def _param(param: Param) -> Schema:
    schema = _one(param)
    if param.list:
        schema = {"type": "array", "items": schema}
        if param.max_items is not None:
            schema["maxItems"] = param.max_items
        if param.required:
            schema["minItems"] = 1
    schema["description"] = describe(param)
    if param.default is not None:
        schema["default"] = _default(param.default)
    return schema


def _one(param: Param) -> Schema:
    if param.type in TYPES:
        return {"type": TYPES[param.type]} | _range(param)
    if param.type == "enum" and not param.ignore_case:
        return {"type": "string", "enum": list(param.values)}
    schema: Schema = {"type": "string"}
    if param.type == "enum":
        schema["examples"] = list(param.values)
    if param.type == "string" and param.max_length is not None:
        schema["maxLength"] = param.max_length
    if param.type == "string" and param.required:
        schema["pattern"] = NOT_BLANK
    return schema


def _range(param: Param) -> Schema:
    schema: Schema = {}
    if param.min is not None:
        schema["minimum"] = _plain(param.min)
    if param.max is not None:
        schema["maximum"] = _plain(param.max)
    # Steps count from the least, and JSON Schema's from nought.
    if param.step and not (param.min or 0) % param.step:
        schema["multipleOf"] = _plain(param.step)
    return schema


def _plain(number: float) -> float:
    if number == int(number):
        return int(number)
    return number


def _default(value: Scalar) -> Scalar:
    if isinstance(value, float):
        return _plain(value)
    return value


def _ruled(rule: object) -> Schema | None:
    """A rule that JSON Schema can say; None: it cannot."""
    match rule:
        case ExactlyOne(params=names):
            return {"oneOf": [_has(name) for name in names]}
        case AtLeastOne(params=names):
            return {"anyOf": [_has(name) for name in names]}
        case AtLeastOneWhen(params=names, when_present=name):
            return {"if": _has(name), "then": {"anyOf": [_has(one) for one in names]}}
        case Needs(param=name, requires=other):
            return {"if": _has(name), "then": _has(other)}
    return None


def _has(name: str) -> Schema:
    return {"required": [name]}
