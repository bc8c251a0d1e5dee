"""What a request for a job must keep to beside its model's rules: sizes, depth, names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from runhook.worker import catalogue
from runhook.worker.domain.bodies import too_deep
from runhook.worker.errors import Fault
from runhook.worker.wiring import Wiring

# Bytes of JSON: metadata goes with the job into every event and every list.
LARGEST_METADATA = 16 * 1024
# Bytes of input and options without files: a record is read and written whole at every move.
LARGEST_ASKED = 1024 * 1024
MOST_MEMBERS = 1000  # of input or options; the largest workflows have some hundred fields
MOST_HANDLERS = 100  # named by one job; each is looked up


def envelope_faults(
    w: Wiring,
    given: Mapping[str, Mapping[str, Any]],
    handlers: Sequence[object],
    *,
    listed: bool = True,
) -> list[Fault]:
    """What is wrong beside the model, its input and its options themselves.

    Args:
        w: The process's parts.
        given: `input`, `options` and `metadata` as they were asked for.
        handlers: The only ones that are to be told.
        listed: Who asks may be told which handlers there are.
    """
    options, metadata = given["options"], given["metadata"]
    faults = too_deep(given)
    faults += size_faults("options", len(orjson.dumps(options)))
    if len(orjson.dumps(metadata)) > LARGEST_METADATA:
        faults.append(Fault(path="metadata", message=f"is over {LARGEST_METADATA} bytes of JSON"))
    return [*faults, *_handler_faults(w, handlers, listed=listed)]


def _handler_faults(w: Wiring, names: Sequence[object], *, listed: bool) -> Iterator[Fault]:
    """Each name that no process has; what is no name has a fault already.

    Who may not list them is told the one that was probably meant.
    """
    if not names:
        return
    known = tuple(sorted(handler.name for handler in w.store.processes.handlers()))
    gone = {one.handler.name for one in w.store.processes.known()} - set(known)
    for index, name in enumerate(names):
        if not isinstance(name, str) or name in known:
            continue
        text = f"no handler is named {name!r}"
        if name in gone:
            text = f"no process has had the handler {name!r} for a day"
        near = next(iter(catalogue.nearest(name, known)), None)
        fault = Fault(path=f"handlers[{index}]", message=text, nearest=near)
        if listed:
            text = f"{text}; there are {', '.join(known) or 'none'}"
            fault = replace(fault, message=text, allowed=known)
        yield fault


def countless(given: Mapping[str, Any], members: int) -> list[Fault]:
    """More members than anybody means, found before each is looked at; a job has so many."""
    faults = []
    limits = {"input": MOST_MEMBERS, "options": MOST_MEMBERS, "handlers": MOST_HANDLERS}
    for name, limit in limits.items():
        value = given.get(name)
        if isinstance(value, dict | list | tuple) and len(value) > limit:
            faults.append(
                Fault(path=name, message=f"has {len(value)} members, at most {limit} are taken")
            )
    if len(given) > MOST_MEMBERS:
        faults.append(
            Fault(
                path="",
                message=f"has {len(given)} members; a job has {members}",
            )
        )
    return faults


def size_faults(name: str, size: int) -> list[Fault]:
    """The fault of a part that has more bytes of JSON than are taken."""
    if size <= LARGEST_ASKED:
        return []
    text = f"has {size} bytes of JSON without its files, at most {LARGEST_ASKED} are taken"
    return [
        Fault(path=name, message=f"{text}; a large text or picture goes as a file: POST /v1/assets")
    ]
