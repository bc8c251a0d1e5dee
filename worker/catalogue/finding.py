"""Finding a model by any of its names, and proposing the nearest for a misspelt one."""

import re
from collections.abc import Mapping
from functools import cache

from runhook.config.catalogue import Model, models
from runhook.worker.domain.faults import nearest
from runhook.worker.errors import NotFound

# RunningHub's ids are whole numbers; those seen have 19 digits. Not \d, which takes all scripts'.
ID = re.compile(r"[1-9][0-9]{0,19}")
WORKFLOW = re.compile(f"workflow/({ID.pattern})")
APP = re.compile(f"app/({ID.pattern})")
QUICK = re.compile(rf"quick/({ID.pattern})/([\w.-]{{1,64}})")
COMFY_KINDS = ("workflow", "app", "quick")  # what COMFY's names begin with
# A quick create's code comes from the site's URLs; no page says how long it may be.
COMFY = re.compile(f"{WORKFLOW.pattern}|{APP.pattern}|{QUICK.pattern}")

GLOB = frozenset("*?[")  # no name of a model has one of these


# What the part of an endpoint ends with under which RunningHub sells the same model as its maker
# does, beside the cheaper channel: `rhart-image-v1-official/edit` and `rhart-image-v1/edit`.
OFFICIAL = "-official"


@cache
def _by_name() -> Mapping[str, Model]:
    """Endpoints and reference names; a shared name means the one listed and not deprecated."""
    # Endpoints last: they are unique, and must not be hidden by another model's reference name.
    names: dict[str, Model] = {}
    for model in sorted(models(), key=lambda m: (m.listed, not m.deprecated)):
        names[model.name.casefold()] = model
    for model in models():
        names[model.endpoint.casefold()] = model
    return names


def find(name: str) -> Model:
    """The model of that endpoint or reference name, in any case.

    Raises:
        NotFound: There is none; the nearest names are in it.
    """
    model = _by_name().get(name.strip("/").casefold())
    if model is None:
        raise NotFound(f"model {name[:200]!r}", _nearest_models(name))
    return model


def siblings(model: Model) -> list[Model]:
    """The same model as RunningHub sells it otherwise; none that is withdrawn."""
    ways = _sold_as().get(_stem(model), ())
    return [one for one in ways if one.endpoint != model.endpoint and not one.deprecated]


@cache
def _sold_as() -> Mapping[tuple[str, str], list[Model]]:
    found: dict[tuple[str, str], list[Model]] = {}
    for model in models():
        found.setdefault(_stem(model), []).append(model)
    return found


def _stem(model: Model) -> tuple[str, str]:
    """What both ways of selling a model have in common; what they make too, to be sure."""
    parts = (part.removesuffix(OFFICIAL) for part in model.endpoint.split("/"))
    return "/".join(parts), model.output


def canonical(name: str) -> str:
    """The name under which jobs of a model are kept: its endpoint, or `workflow/<id>` and so on.

    Raises:
        NotFound: There is no such model.
    """
    if COMFY.fullmatch(name):
        return name
    return find(name).endpoint


def is_glob(name: str) -> bool:
    """Whether a text means several models, as `vidu/*`, and not one."""
    return not GLOB.isdisjoint(name)


def listed_as(name: str | None) -> str | None:
    """A model or a glob over endpoints as jobs are listed by it: users may know other names.

    Raises:
        NotFound: There is no such model.
    """
    if name is None or is_glob(name):
        return name
    return canonical(name)


def search(query: str) -> list[Model]:
    """Models whose name, endpoint or group holds every word of the query."""
    words = query.casefold().split()
    return [
        m
        for m in models()
        if all(w in f"{m.name} {m.endpoint} {m.group}".casefold() for w in words)
    ]


def _nearest_models(name: str) -> list[str]:
    endpoints = {n: m.endpoint for m in models() if not m.deprecated for n in (m.endpoint, m.name)}
    # Six for three: an endpoint and its reference name are often near together and name one model.
    close = nearest(name, list(endpoints), most=6)
    return list(dict.fromkeys(endpoints[found] for found in close))[:3]
