"""/jobs/<id>: one job: its outputs, its life, what belongs to it, and what can be done about it."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any

from flask import Response, g, request

from runhook.webhook.edge.queries import Query, query, read_query, takes
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import caller, only, open_to
from runhook.webhook.pages.job_outputs import LONGEST_TEXT, shown_outputs
from runhook.webhook.pages.job_timeline import rows_of
from runhook.webhook.pages.life_picture import picture_of
from runhook.webhook.pages.shell import blueprint as page_blueprint
from runhook.webhook.pages.shell import may, page
from runhook.worker.delivery.answers import DeliveryView
from runhook.worker.delivery.views import delivery_view
from runhook.worker.domain.answers import JobView, TreePage
from runhook.worker.domain.bodies import fits
from runhook.worker.domain.calling import as_curl, as_python, request_of
from runhook.worker.domain.jobs import Attempt, Job, State
from runhook.worker.domain.knowing import how_known
from runhook.worker.domain.life import life_of
from runhook.worker.domain.reports import Archived
from runhook.worker.domain.views import View
from runhook.worker.errors import NotFound, RunhookError
from runhook.worker.flows import lists
from runhook.worker.flows.lists import TreeQuery
from runhook.worker.flows.steps.viewing import whole_view
from runhook.worker.money.standing import Bill, bill_of, state_of
from runhook.worker.store.groups import GroupView
from runhook.worker.store.stories import Story

KIN = 20  # jobs of a tree that the page names; the list has all
LONGEST_TITLE = 240  # characters of a prompt above everything
LONGEST_INPUT = 6000  # characters of an input in the page; /v1 has all of it
OF_A_ROW = 40  # characters that a name and a value take besides
MOST_ROWS = 40  # attempts, and deliveries, that the page names, the newest; /v1 has all
LONGEST_CALL = 4000  # characters of a call that is shown; a longer one is nothing to paste
LONGEST_PLACE = 6  # digits of a line's place in the timeline
UNDER_WAY, SOON = 5, 2  # seconds until a page looks again, of a job and of a delivery under way

blueprint = page_blueprint("job_page", __name__)
blueprint.before_request(read_query)


def _is_place(text: str) -> bool:
    return text.isdecimal() and len(text) <= LONGEST_PLACE


class LinesQuery(Query):
    """Which part of the timeline.

    Attributes:
        until: How many of its lines come up to there.
    """

    until: Annotated[str, fits(_is_place, "must be a line's place")] | None = None


@dataclass(frozen=True, kw_only=True)
class Kin:
    """Who belongs to a job.

    Attributes:
        parent: What it grew from.
        needs: Those whose outputs it names.
        children: What grew from it, the oldest first.
        whole: Whether these are all.
    """

    parent: View | None
    needs: list[View]
    children: list[JobView]
    whole: bool


@blueprint.get("/jobs/<job_id>")
@open_to("read", "submit")
@takes(LinesQuery)
def show(job_id: str) -> Response:
    """One job."""
    w = wiring()
    story, now = w.store.stories.of(job_id), w.clock.now()
    job, lines = story.job, story.lines
    deliveries = [delivery_view(one) for one in story.deliveries]
    until = None
    if place := query(LinesQuery).until:
        until = int(place)
    job_view = whole_view(w, job, story.durations)
    g.below = "job_list.show"
    return page(
        "job.html",
        job=job_view,
        outputs=shown_outputs(job, job.attempt, now, _reader(job_id)),
        is_model=job.spec.kind == "3d" or any(one.type == "glb" for one in job.attempt.outputs),
        known=how_known(lines),
        picture=picture_of(life_of(lines, waits=bool(job.spec.upstream)), now),
        table=rows_of(lines, until),
        attempts=[_attempt(job, one) for one in job.history.attempts[-MOST_ROWS:]],
        deliveries=deliveries[-MOST_ROWS:],
        left_out=max(len(job.history.attempts), len(deliveries)) > MOST_ROWS,
        kin=_kin(job, alone=story.alone),
        group=_group(job),
        prompt=_prompt(job),
        given=_text(job.spec.input),
        options=_text(job_view["options"]),
        metadata=_text(job.spec.metadata),
        calls=_calls(job),
        can=_can(job),
        every=_every(job, deliveries),
        **_asked_next(story, now),
    )


def _asked_next(story: Story, now: datetime) -> dict[str, Any]:
    """When RunningHub is asked about it next: the moment, and in how many seconds; None: never."""
    at = story.look_at
    if at is None or story.job.state is not State.RUNNING:
        return {"asked_at": None, "asked_in": None}
    return {"asked_at": at, "asked_in": round((at - now).total_seconds())}


def _can(job: Job) -> dict[str, bool]:
    """What can be done about it now, by whoever looks."""
    ended, changes, all_things = (
        job.state.ended,
        may("job_actions.cancel"),
        may("job_actions.resolve"),
    )
    sent = job.attempt.ref is not None or job.attempt.unproved is not None
    return {
        "cancel": changes and not ended and not job.history.cancel_wished,
        "retry": changes and job.state in (State.FAILED, State.CANCELLED),
        "reconcile": changes and sent and job.state is not State.SUCCEEDED,
        "resolve": all_things and (job.state is State.UNCONFIRMED or job.given_up),
        "redeliver": may("job_actions.redeliver"),
        "forget": changes and ended,
        "again": may("new_job.show"),
    }


def _every(job: Job, deliveries: Sequence[DeliveryView]) -> int | None:
    """Seconds until it is looked at again though no event says so."""
    if any(one["state"] == "pending" for one in deliveries):
        return SOON
    if not job.state.ended:
        return UNDER_WAY
    return None


def _attempt(job: Job, attempt: Attempt) -> dict[str, Any]:
    """An attempt, with what is known of its bill."""
    bill = bill_of(job, attempt)
    return {
        "n": attempt.n,
        "model": job.model_of(attempt),
        "ref": attempt.ref,
        "state": state_of(job, attempt).value,
        "submitted_at": attempt.submitted_at,
        "ended_at": attempt.ended_at,
        "settled_by": attempt.settled_by,
        "error": attempt.error or attempt.doubt,
        "price": attempt.price,
        "priced_in": attempt.priced_in,
        "cost": attempt.cost and asdict(attempt.cost),
        "bill": bill.value,
        "at_risk": bill is Bill.UNPROVED,
        "current": attempt is job.attempt,
        "outputs": len(attempt.outputs),
    }


def _kin(job: Job, *, alone: bool) -> Kin:
    """Its parent, those it needs, and what grew from it, as far as whoever looks may see them.

    Args:
        job: Which.
        alone: Nothing grew from it, so nobody need look.
    """
    w = wiring()
    above = [*job.spec.upstream]
    if job.spec.parent:
        above.append(job.spec.parent)
    found: list[Job] = []
    if above:
        found = w.store.jobs.many(list(dict.fromkeys(above)))
    seen = [one for one in found if only() in (None, one.tenant)]
    named = {
        one.id: {"id": one.id, "model": one.spec.model, "state": one.state.value} for one in seen
    }
    tree: TreePage[JobView] = {"items": [], "next": None, "complete": True}
    if not alone:
        # It may be forgotten meanwhile.
        with suppress(NotFound):
            tree = lists.tree(w, job.id, TreeQuery(limit=KIN + 1), only=only())
    grown = [one for one in tree["items"] if one["id"] != job.id]
    return Kin(
        parent=named.get(job.spec.parent or ""),
        needs=[named[name] for name in job.spec.upstream if name in named],
        children=grown[:KIN],
        whole=tree["next"] is None and tree["complete"],
    )


def _group(job: Job) -> GroupView | None:
    """How the group that it belongs to stands."""
    if job.spec.group is None:
        return None
    state = wiring().store.groups.state(job.tenant, job.spec.group)
    if state is None:
        return None
    return state.view()


def _calls(job: Job) -> list[tuple[str, str]]:
    """The same call, in each language; none where it is too long to be pasted."""
    base = wiring().settings.public_url or request.url_root.rstrip("/")
    body = request_of(job, caller().name)
    calls = [("curl", as_curl(base, body)), ("Python", as_python(base, body))]
    return [(name, call) for name, call in calls if len(call) <= LONGEST_CALL]


def _prompt(job: Job) -> str | None:
    """The beginning of what tells jobs of one model apart."""
    texts = (job.spec.input.get(name) for name in ("prompt", "text"))
    text = next((one for one in texts if isinstance(one, str)), None)
    if text is not None and len(text) > LONGEST_TITLE:
        return f"{text[:LONGEST_TITLE]}…"
    return text


def _text(given: dict[str, Any]) -> list[tuple[str, str]]:
    """An input, a name and a value each."""
    room, found = LONGEST_INPUT, list[tuple[str, str]]()
    for name, value in given.items():
        if room <= 0:
            return [*found, ("…", "and more, which its JSON has")]
        text = value
        if not isinstance(value, str):
            text = json.dumps(value, ensure_ascii=False)
        if len(text) > room:
            text = f"{text[:room]}…"
        room -= len(name) + len(text) + OF_A_ROW
        found.append((name, text))
    return found


def _reader(job_id: str) -> Any:
    def read(kept: Archived) -> str | None:
        """The beginning of a text; a place of files that is away hides nothing else."""
        try:
            with wiring().outputs.open(job_id, kept) as file:
                return file.read(4 * LONGEST_TEXT).decode("utf-8", "replace")
        except (RunhookError, OSError):
            return None

    return read
