"""For every model of the catalogue a body that is good and one that is not."""

from typing import Any

from runhook.config.catalogue import AtLeastOne, ExactlyOne, Model, Param
from runhook.worker import catalogue

SAMPLES = {
    "string": "a cat",
    "boolean": True,
    "object": {"type": "image", "tag": "a", "url": "https://files.example.com/a.png"},
    "image": "https://files.example.com/a.png",
    "video": "https://files.example.com/a.mp4",
    "audio": "https://files.example.com/a.mp3",
}


def valid(model: Model) -> dict[str, Any]:
    """All that is required and has no default, and what the rules want besides."""
    body = {p.name: good(p) for p in model.params if p.required and p.default is None}
    for rule in model.rules:
        if isinstance(rule, ExactlyOne | AtLeastOne) and not any(n in body for n in rule.params):
            name = rule.params[0]
            body[name] = good(next(p for p in model.params if p.name == name))
    return body


def good(param: Param) -> Any:
    """A value that the parameter takes."""
    if param.type == "enum":
        value: Any = param.values[0]
    elif param.type in ("integer", "number"):
        value = param.default if param.default is not None else param.min or 1
        value = int(value) if param.type == "integer" else value
    else:
        value = SAMPLES[param.type]
    return [value] if param.list else value


def invalid(model: Model) -> tuple[dict[str, Any], str]:
    """A good body with one thing wrong, and where."""
    if not model.params:  # nobody knows what it takes; but this is ours
        return {"webhookUrl": "https://a.example/"}, "input.webhookUrl"
    param = min(model.params, key=lambda p: (p.type not in ("enum", "image"), not p.required))
    wrong = bad(param)
    return valid(model) | {param.name: [wrong] if param.list else wrong}, f"input.{param.name}"


def bad(param: Param) -> Any:
    """A value that the parameter does not take, of the right JSON type where there is one."""
    if param.type == "enum":
        return "no such value"
    if param.type in ("integer", "number"):
        return param.max + 1 if param.max is not None else "many"
    if param.type in ("image", "video", "audio"):
        return "ftp://files.example.com/a"
    return "" if param.type == "string" and param.required else 5


def asked(name: str, **given: Any) -> dict[str, Any]:
    """A model and a good input for it, with some values of the test's own."""
    return {"model": name, "input": valid(catalogue.find(name)) | given}
