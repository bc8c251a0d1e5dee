"""/jobs/confirm and /jobs/act: one word on many jobs, whose count and sum are confirmed first."""

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Response, g, request
from werkzeug.datastructures import MultiDict

from runhook.webhook.edge.limits import CHANGING
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import caller, forbidden, only, open_to
from runhook.webhook.pages import agreeing, words
from runhook.webhook.pages.asking import read_form
from runhook.webhook.pages.shell import REFUSED, done, may, page
from runhook.worker.domain.jobs import is_job_id
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.flows import bulk, lists
from runhook.worker.flows.bulk import ACTIONS, Action, Named, Outcome, Plan
from runhook.worker.flows.lists import JobsQuery

LIST = "/jobs"
# What the whole filter is asked about; deliveries are found by their own page's filter.
OF_ALL: tuple[Action, ...] = ("cancel", "retry", "forget")
# What a list's address has besides the filter.
PLACE = ("view", "top", "cursor", "limit", "jump")
RISEN = "Nothing was done: it costs more by now than what was agreed to. Confirm it if you agree."
LONGEST_FILTER = 4000  # characters; a browser sends some thousands in an address
DONE = {
    "cancel": "cancelled, or wished where RunningHub has yet to say what it has",
    "retry": "put into the queue again",
    "forget": "forgotten",
    "redeliver": "handed to their handlers again",
}

blueprint = Blueprint("job_bulk", __name__, template_folder="templates")


def open_actions() -> tuple[Action, ...]:
    """What whoever looks may do to many jobs."""
    if not may("job_bulk.confirm"):
        return ()
    return tuple(action for action in ACTIONS if action != "redeliver" or caller().may(()))


@blueprint.post("/jobs/confirm")
@open_to("submit")
def confirm() -> Response:
    """What an action would mean: how many jobs, and what money. Nothing is done."""
    action, back = _action(), _filter()
    with CHANGING.take(caller().name):
        plan = _planned(action, back)
    if not plan.named:
        return done(_list(back), _none_of(plan), "bad")
    return _question(plan, back)


@blueprint.post("/jobs/act")
@open_to("submit")
def act() -> Response:
    """Do what was confirmed, to the very jobs that were counted, at the price that was said."""
    action, back = _action(), _filter()
    named = bulk.named_in(request.form.get("named", ""))
    with CHANGING.take(caller().name):
        if action == "retry" and (dearer := _dearer(named)):
            return _question(dearer, back, fault=RISEN)
        outcome = bulk.carry_out(wiring(), action, named, only=only())
    kind = "good"
    if outcome.refused or outcome.left:
        kind = "bad"
    return done(_list(back), _said(action, outcome), kind)


def _dearer(named: Sequence[Named]) -> Plan | None:
    """What a retry costs by now, where that is more than was agreed to."""
    plan = bulk.plan_named(wiring(), "retry", named, only=only())
    if agreeing.is_dearer(plan, agreeing.read(request.form.get("agreed", ""))):
        return plan
    return None


def _question(plan: Plan, back: str, fault: str | None = None) -> Response:
    g.below = "job_list.show"
    status = 200
    if fault:
        status = REFUSED
    return page(
        "confirm.html",
        status,
        plan=plan,
        agreed=agreeing.written(plan),
        back=back,
        where=_list(back),
        fault=fault,
    )


def _list(back: str) -> str:
    """The list that it was asked on."""
    if back:
        return f"{LIST}?{back}"
    return LIST


def _planned(action: Action, back: str) -> Plan:
    if request.form.get("of") == "all":
        if action not in OF_ALL:
            raise InvalidRequest([Fault(path="action", message="is for selected jobs only")])
        fields = MultiDict((name, value) for name, value in parse_qsl(back) if name not in PLACE)
        asked = read_form(JobsQuery, fields)
        if asked.query is None:
            raise InvalidRequest(
                [Fault(path=name, message=text) for name, text in asked.faults.items()]
            )
        of = lists.wanted(asked.query, asked.labels, only=only(), own=caller().name)
        return bulk.plan_all(wiring(), action, of)
    chosen = [name for name in request.form.getlist("job") if is_job_id(name)]
    return bulk.plan_selected(wiring(), action, list(dict.fromkeys(chosen)), only=only())


def _action() -> Action:
    """What is to be done.

    Raises:
        InvalidRequest: Nothing that there is.
        Forbidden: It needs another scope.
    """
    given = request.form.get("action", "")
    found = [action for action in ACTIONS if action == given]
    if not found:
        text = f"must be one of {', '.join(ACTIONS)}"
        raise InvalidRequest([Fault(path="action", message=text)])
    if found[0] not in open_actions():
        raise forbidden(caller(), "admin")
    return found[0]


def _filter() -> str:
    """The query of the list that it was asked on, as the list writes it.

    Written anew, for it becomes part of an address: what cannot stand in one must not fail after
    something was done.

    Raises:
        InvalidRequest: No list has one so long, or so written; what is cut short or left out of it
            would be about other jobs.
    """
    given = request.form.get("filter", "")
    if len(given) > LONGEST_FILTER:
        why = f"must have at most {LONGEST_FILTER} characters"
        raise InvalidRequest([Fault(path="filter", message=why)])
    try:
        fields = parse_qsl(given, strict_parsing=bool(given))
    except ValueError:
        why = "must be the query of a list, as state=failed&tenant=shop"
        raise InvalidRequest([Fault(path="filter", message=why)]) from None
    return urlencode(fields, safe=",:*/")


def _none_of(plan: Plan) -> str:
    """Why there is nothing to confirm."""
    if plan.more:
        return (
            "None was found in time that can have that done; ask about fewer. Nothing was changed."
        )
    return "None of these jobs can have that done; nothing was changed."


def _said(action: Action, outcome: Outcome) -> str:
    parts = [f"{words.counted(outcome.done, 'job')} {DONE[action]}."]
    if outcome.refused:
        parts.append(f"{outcome.refused:,} left as they are: {'; '.join(outcome.reasons)}.")
    if outcome.left:
        why = "; ".join(outcome.reasons) or "there was no time for them"
        parts.append(f"{outcome.left:,} not looked at ({why}); repeat it for them.")
    return " ".join(parts)
