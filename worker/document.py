"""A job and a model as users see them: the JSON of the contract. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson

from runhook.config.catalogue import Price
from runhook.worker.catalogue import (
    Asset,
    Checked,
    Model,
    Param,
    Quote,
    nearest,
    price_words,
    rule_words,
)
from runhook.worker.errors import MOST_FAULTS, Fault, InvalidRequest
from runhook.worker.jobs import Attempt, Job, State, iso
from runhook.worker.reports import Account, Capacity, Cost, Error, LivePrice, Output

Document = dict[str, Any]
# Levels of lists and objects in a member of a request. What is kept is wrapped in a few more, and
# everybody who reads or writes it must manage: pydantic reads 200 levels, orjson writes 254.
DEEPEST = 64
# Commas of a request: one for each value, and a file as base64 has one. Reading ten million values
# takes seconds in which the whole process stands still; a million take a tenth of one.
MOST_COMMAS = 1_000_000


def json_object(text: bytes, what: str = "the body") -> Document:
    """What a user sent, as an object.

    Raises:
        InvalidRequest: It is none, or has more values than are read.
    """
    if text.count(b",") > MOST_COMMAS:
        raise InvalidRequest([Fault("", f"{what} has more than {MOST_COMMAS} commas; send less")])
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest([Fault("", f"{what} is not JSON: {error}")]) from None
    if not isinstance(given, dict):
        raise InvalidRequest([Fault("", f"{what} must be a JSON object")])
    if faults := too_deep(given):
        raise InvalidRequest(faults)
    return given


def too_deep(given: Mapping[str, Any]) -> list[Fault]:
    """A fault for each member that nests deeper than can be kept."""
    text = f"nests deeper than {DEEPEST} levels; nothing that deep is taken"
    return [Fault(name, text) for name, value in given.items() if _deeper(value, DEEPEST)]


def _deeper(value: Any, most: int) -> bool:
    """Whether lists and objects stand in each other more often; level by level, so of any depth."""
    level = [value]
    for _ in range(most + 1):
        inner = [one.values() if isinstance(one, dict) else one for one in level if _nests(one)]
        if not inner:
            return False
        level = [value for values in inner for value in values]
    return True


def _nests(value: Any) -> bool:
    return isinstance(value, dict | list | tuple)


def unknown_members(given: Mapping[str, Any], known: tuple[str, ...]) -> list[Fault]:
    """A fault for each member that is not taken."""
    text = f"is unknown; there are {', '.join(known) or 'none'}"
    unknown = [name for name in given if name not in known]
    listed = [
        Fault(name, text, known, next(iter(nearest(name, known)), None))
        for name in unknown[:MOST_FAULTS]
    ]
    return [*listed, *(Fault(name, text, known) for name in unknown[MOST_FAULTS:])]


def job_document(job: Job, queue_position: int | None = None) -> Document:
    """The job; the top-level results are the current attempt's, `cost` is the sum over all."""
    ask, life, now = job.ask, job.life, job.attempt
    return {
        "id": job.id,
        "model": ask.model,
        "state": job.state.value,
        "ref": now.ref,
        "input": ask.input,
        "options": {
            name: "***" if name == "accessPassword" else value
            for name, value in ask.options.items()
        },
        "metadata": ask.metadata,
        "priority": ask.priority,
        "handlers": list(ask.handlers) if ask.handlers is not None else None,
        "created_at": iso(ask.created_at),
        "updated_at": iso(life.updated_at),
        "submitted_at": _moment(now.submitted_at),
        "ended_at": _moment(life.ended_at),
        "queue_position": queue_position,
        "tenant": job.tenant,
        "outputs": _outputs(now.outputs),
        "error": _error(_error_shown(job, now)),
        "cost": _cost(job.cost),
        "risk": life.risk,
        "settled_by": now.settled_by,
        "attempts": [_attempt(job, attempt) for attempt in life.attempts],
        "parent": None,
        "root": job.id,
    }


def model_document(model: Model) -> Document:
    """A model with what each of its parameters takes."""
    return {
        "name": model.name,
        "endpoint": model.endpoint,
        "output": model.output,
        "group": model.group,
        "listed": model.listed,
        "deprecated": model.deprecated,
        "params": [_param(param) for param in model.params],
        "rules": [
            rule.model_dump(mode="json", exclude_defaults=True) | {"text": rule_words(rule)}
            for rule in model.rules
        ],
        "price": _price(model.price) if model.price else None,
    }


def dry_run_document(checked: Checked, live: LivePrice | None) -> Document:
    """A checked request with its input completed, and what it would cost."""
    return {
        "model": checked.model,
        "input": checked.input,
        "price": _quote(checked.quote),
        "live_price": {"money": f"{live.money:f}", "currency": live.currency} if live else None,
    }


def _quote(quote: Quote | None) -> Document | None:
    """The price of one input; money is a decimal string, null where the facts do not tell."""
    if quote is None:
        return None
    money = f"{quote.money:f}" if quote.money is not None else None
    return {
        "money": money,
        "currency": quote.currency,
        "at_least": quote.at_least,
        "text": quote.text,
    }


def account_document(account: Account, capacity: Capacity, in_flight: int) -> Document:
    """What the account has, and what is in flight: by RunningHub's count, and by ours."""
    return {
        "type": capacity.type or account.type,
        "money": account.money,
        "currency": account.currency,
        "coins": account.coins,
        "limit": capacity.limit,
        "running": capacity.running,
        "queued": capacity.queued,
        "total": capacity.total,
        "in_flight": in_flight,
    }


def asset_document(asset: Asset) -> Document:
    """A kept file; `value` is what inputs name it by."""
    media = asset.media
    return {
        "id": asset.id,
        "value": f"asset:{asset.id}",
        "name": asset.name,
        "kind": media.kind,
        "type": media.ext,
        "size": media.size,
        "seconds": media.seconds,
        "width": media.width,
        "height": media.height,
        "created_at": iso(asset.created_at),
    }


def _price(price: Price) -> Document:
    said = price.model_dump(mode="json", exclude_defaults=True)
    return said | {"text": price_words(price)}


def _param(param: Param) -> Document:
    """What is always there comes first; the rest only where the reference says something."""
    always = ("name", "type", "required", "default", "values", "min", "max")
    facts = param.model_dump()
    said = {k: v for k, v in facts.items() if k not in always and v not in (None, False, (), {})}
    return {name: facts[name] for name in always} | {"values": param.values or None} | said


def _attempt(job: Job, attempt: Attempt) -> Document:
    current = attempt is job.attempt
    return {
        "n": attempt.n,
        "ref": attempt.ref,
        "state": (job.state if current else attempt.state or State.FAILED).value,
        "submitted_at": _moment(attempt.submitted_at),
        "ended_at": _moment(attempt.ended_at),
        "error": _error(_error_shown(job, attempt)),
        "cost": _cost(attempt.cost),
        "outputs": _outputs(attempt.outputs),
        "settled_by": attempt.settled_by,
    }


def _error_shown(job: Job, attempt: Attempt) -> Error | None:
    unproved = attempt is job.attempt and job.state is State.UNCONFIRMED
    return attempt.doubt if unproved else attempt.error


def _moment(value: Any) -> str | None:
    return iso(value) if value else None


def _error(error: Error | None) -> Document | None:
    return asdict(error) if error else None


def _cost(cost: Cost | None) -> Document | None:
    return asdict(cost) if cost else None


def _outputs(outputs: tuple[Output, ...]) -> list[Document]:
    return [asdict(out) | {"expires_at": _moment(out.expires_at)} for out in outputs]
