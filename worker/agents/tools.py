"""The tools: what each is called, what it takes, and what it does by the Python client.

One set for both ways in, `runhook mcp` and `/mcp`. None does what its caller's token may not do.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from itertools import islice
from typing import Any

from runhook.worker.agents import arguments as take
from runhook.worker.agents.wording import DATA, error_answer, job_answer, shortened, summary
from runhook.worker.catalogue import COMFY_KINDS
from runhook.worker.client.errors import InvalidRequest as Invalid
from runhook.worker.client.errors import RunhookError, error_of
from runhook.worker.client.inputs import key_of, moment
from runhook.worker.client.jobs import Job, WaitTimeout
from runhook.worker.client.runhook import Runhook
from runhook.worker.domain.bodies import read
from runhook.worker.domain.faults import head_of
from runhook.worker.domain.problems import problem_view
from runhook.worker.domain.views import View
from runhook.worker.errors import Fault, InvalidRequest

WAIT = "wait_for_job"  # as other tools name it
NEXT_MOMENT = timedelta(milliseconds=1)  # what times of jobs are told apart by
# By where /v1 has what submit_job takes by a name of its own.
ARGUMENTS = {
    "options.max_price": "max_price",
    "Idempotency-Key": "idempotency_key",
    "key": "idempotency_key",
}
# In place of arguments that cannot be read, for those that can be judged without them.
UNSAID: dict[str, Any] = {"model": "", "input": {}, "idempotency_key": "", "max_price": None}
PRICELESS = (
    'must be an amount, as "0.50": null is for workflow/, app/ and quick/ only, whose price '
    "nobody knows before. price_job says what this one costs"
)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where one caller's tools are carried out.

    Attributes:
        runhook: The client, with the caller's own token.
        paying: The same for what leads to a payment, which asks until it knows what became of it.
        longest_wait: Seconds that a call may take here; 0: it only looks.
    """

    runhook: Runhook
    paying: Runhook
    longest_wait: float


@dataclass(frozen=True, kw_only=True)
class Tool:
    """Something that an agent may ask for.

    Attributes:
        name: As it calls it.
        about: What it does, and what that costs.
        takes: Its arguments.
        does: Carries it out.
        changes: Something is different afterwards.
        pays: It leads to a payment.
        waits: It takes as long as a job, and not only as a call.
        faults: What /v1 would refuse of its arguments; nothing comes of asking.
    """

    name: str
    about: str
    takes: type[take.Arguments]
    does: Callable[[Desk, Any], View]
    changes: bool = False
    pays: bool = False
    waits: bool = False
    faults: Callable[[Desk, Any], list[Fault]] = lambda *_: []

    @cached_property
    def schema(self) -> dict[str, Any]:
        """Its arguments as JSON Schema."""
        return self.takes.model_json_schema()


def call(desk: Desk, tool: Tool, given: dict[str, Any]) -> tuple[bool, View]:
    """Carry a tool out.

    Returns:
        Whether that went well, and what the agent is told.
    """
    return answered(tool, lambda: tool.does(desk, _arguments(desk, tool, given)))


def answered(tool: Tool, does: Callable[[], View]) -> tuple[bool, View]:
    """What comes of doing something for a tool, or what the agent is told of its failure."""
    try:
        try:
            return True, does()
        except InvalidRequest as invalid:
            raise error_of(problem_view(invalid)) from None
        # What JSON cannot carry on: half of a character, a number that no machine holds.
        except (ValueError, TypeError) as wrong:
            raise _refused("", f"cannot be sent as JSON: {wrong}") from None
    except RunhookError as error:
        return False, error_answer(error, pays=tool.pays)


def _arguments(desk: Desk, tool: Tool, given: dict[str, Any]) -> take.Arguments:
    """What a tool is called with.

    Raises:
        InvalidRequest: With every fault, also what /v1 would refuse of those that can be read.
    """
    try:
        return read(tool.takes, given)
    except InvalidRequest as invalid:
        unread = {head_of(fault.path) for fault in invalid.faults}
        fields = tool.takes.model_fields.keys()
        parts = {name: given[name] for name in given.keys() & (fields - unread)}
        asked = tool.takes.model_construct(**UNSAID | parts)
        others = [one for one in tool.faults(desk, asked) if head_of(one.path) not in unread]
        raise InvalidRequest([*invalid.faults, *others]) from None


def _found(ask: Callable[[], object]) -> list[Fault]:
    """What a call finds wrong with itself, at the arguments that the agent gave."""
    try:
        ask()
    except Invalid as refused:
        return [replace(one, path=ARGUMENTS.get(one.path, one.path)) for one in refused.errors]
    except RunhookError:
        pass  # it cannot be looked at now
    return []


def _find(desk: Desk, asked: take.FindModels) -> View:
    found = desk.runhook.models(asked.query)
    models = [
        {
            "endpoint": one.endpoint,
            "name": one.name,
            "makes": one.output,
            "price": (one.price or {}).get("text"),
        }
        for one in found
        if not one.deprecated
    ]
    return {"models": models[: asked.limit], "found": len(models)}


def _describe(desk: Desk, asked: take.DescribeModel) -> View:
    model, schema = desk.runhook.model(asked.model), desk.runhook.input_schema(asked.model)
    shown = {name: value for name, value in model.document.items() if name != "params"}
    return {"model": shown, "input_schema": dict(schema)}


def _price(desk: Desk, asked: take.PriceJob) -> View:
    checked = desk.runhook.price(asked.model, asked.input, options=asked.options)
    return {"note": "Nothing was kept and nothing was paid.", "price": dict(checked.document)}


def _submit(desk: Desk, asked: take.SubmitJob) -> View:
    if _own_faults(asked):
        raise InvalidRequest(_submit_faults(desk, asked))
    try:
        job = desk.paying.submit(
            asked.model, asked.input, key=asked.idempotency_key, **_parts(asked)
        )
    except RunhookError as error:
        raise _as_argued(error) from None
    return standing(job)


def _submit_faults(desk: Desk, asked: take.SubmitJob) -> list[Fault]:
    return [
        *_own_faults(asked),
        *_found(lambda: desk.runhook.price(asked.model, asked.input, **_parts(asked))),
    ]


def _own_faults(asked: take.SubmitJob) -> list[Fault]:
    """What an agent may not say though /v1 would take it, and a key that goes nowhere."""
    found = _found(lambda: key_of(asked.idempotency_key))
    if "max_price" in asked.options:
        text = "is an argument of its own here: max_price"
        found.append(Fault(path="options.max_price", message=text))
    if asked.max_price is None and asked.model.partition("/")[0] not in COMFY_KINDS:
        found.append(Fault(path="max_price", message=PRICELESS))
    return found


def _parts(asked: take.SubmitJob) -> dict[str, Any]:
    """What a job has besides its model and input, as the Python client names it."""
    options = dict(asked.options)
    if asked.max_price is not None:
        options["max_price"] = asked.max_price
    more = {"options": options, "metadata": asked.metadata, "priority": asked.priority}
    if asked.group is not None:
        more["group"] = asked.group
    return more


def _wait(desk: Desk, asked: take.WaitForJob) -> View:
    seconds = min(asked.seconds, desk.longest_wait)
    if not seconds:
        return standing(desk.runhook.get(asked.job))
    try:
        return standing(desk.runhook.wait(asked.job, timeout=seconds))
    except WaitTimeout as not_yet:
        return standing(not_yet.job)


def _read(desk: Desk, asked: take.OneJob) -> View:
    return standing(desk.runhook.get(asked.job))


def _cancel(desk: Desk, asked: take.OneJob) -> View:
    return standing(desk.runhook.cancel(asked.job))


def _list(desk: Desk, asked: take.ListJobs) -> View:
    narrowed = asked.model_dump(exclude={"limit"}, exclude_none=True)
    found = list(islice(desk.runhook.jobs(**narrowed), asked.limit + 1))
    view: View = {"note": DATA, "jobs": [summary(one.document) for one in found[: asked.limit]]}
    for first_left_out in found[asked.limit :]:
        # Rather one of the same moment twice than one never.
        view["older"] = moment(first_left_out.created_at + NEXT_MOMENT)
    return view


def _costs(desk: Desk, asked: take.ReadCosts) -> View:
    by = asked.by.split(",")
    found = desk.runhook.costs(by, model=asked.model, since=asked.since)
    return {"note": DATA, "costs": shortened(found.document)}


def standing(job: Job) -> View:
    """A job, and what to do next where it has not ended."""
    if job.ended:
        return job_answer(job.document, ended=True)
    return job_answer(
        job.document, ended=False, next=f"it goes on by itself: call {WAIT}, not submit_job again"
    )


def _as_argued(error: RunhookError) -> RunhookError:
    """The same error, whose faults are told at the arguments that the agent gave."""
    for fault in error.problem.get("errors", ()):
        fault["path"] = ARGUMENTS.get(fault["path"], fault["path"])
    return error


def _refused(path: str, message: str) -> RunhookError:
    return error_of(problem_view(InvalidRequest([Fault(path=path, message=message)])))


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            name="find_models",
            about="Find models that make images, video, audio or 3D: their names, what they make, "
            "prices. Free.",
            takes=take.FindModels,
            does=_find,
        ),
        Tool(
            name="describe_model",
            about="What a model's input may be, as JSON Schema, the rules between its parameters, "
            "and its price. Read it before you submit. Free.",
            takes=take.DescribeModel,
            does=_describe,
        ),
        Tool(
            name="price_job",
            about="Check a job without submitting it, and what it would cost: every fault at once, "
            "defaults filled in. Free; nothing is kept.",
            takes=take.PriceJob,
            does=_price,
            faults=lambda desk, asked: _found(lambda: _price(desk, asked)),
        ),
        Tool(
            name="submit_job",
            about="Submit a job, which COSTS MONEY once it is sent. Ask price_job first. The "
            "idempotency_key makes it safe to call again: one key is one job, paid for once. "
            "max_price is the most that an attempt may cost. Needs a token with the scope submit; "
            "a budget that has no room refuses it, free.",
            takes=take.SubmitJob,
            does=_submit,
            faults=_submit_faults,
            changes=True,
            pays=True,
        ),
        Tool(
            name=WAIT,
            about="Wait until a job has ended, or for so many seconds; a film takes minutes, so "
            "call it again while `ended` is false. Free. Never submit again because it takes long.",
            takes=take.WaitForJob,
            does=_wait,
            waits=True,
        ),
        Tool(
            name="read_job",
            about="A job as it is now: state, outputs with their URLs, error, cost. Free.",
            takes=take.OneJob,
            does=_read,
        ),
        Tool(
            name="cancel_job",
            about="Cancel a job: free until it is sent. A running one RunningHub is asked to stop, "
            "which may be refused and may have cost money already.",
            takes=take.OneJob,
            does=_cancel,
            changes=True,
        ),
        Tool(
            name="list_jobs",
            about="Jobs in short, newest first. Look here before you submit work that may have "
            "been submitted already. Free.",
            takes=take.ListJobs,
            does=_list,
            faults=lambda desk, asked: _found(lambda: _list(desk, asked)),
        ),
        Tool(
            name="read_costs",
            about="What jobs cost by day, model or tenant, and what today's budgets have left. "
            "Free.",
            takes=take.ReadCosts,
            does=_costs,
            faults=lambda desk, asked: _found(lambda: _costs(desk, asked)),
        ),
    )
}
