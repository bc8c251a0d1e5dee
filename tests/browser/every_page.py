"""Every page that is checked: a new one is a row here, and a scene if it needs one.

A path may name what `scenes` made, as `/jobs/{succeeded}`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runhook.worker.delivery import subscriptions
from runhook.worker.domain.jobs import Job
from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from tests.conftest import IMAGE, eventually
from tests.journeys.conftest import Town

HOSTILE = "</script><img src=x onerror=alert(1)> “{{ 7*7 }}” \u202e'\"&lt; " + "long" * 60


@dataclass(frozen=True, kw_only=True)
class Row:
    """One page.

    Attributes:
        name: Of its pictures.
        path: Where it is.
        current: The page of the navigation that it belongs to; None: none is marked.
        status: What it is answered with.
        who: Whose token is signed in; empty: nobody's.
    """

    name: str
    path: str
    current: str | None
    status: int = 200
    who: str = "ops"


PAGES = (
    Row(name="login", path="/login", current=None, who=""),
    Row(name="not-found", path="/nowhere", current=None, status=404),
    Row(name="overview", path="/", current="Overview"),
    Row(name="jobs", path="/jobs", current="Jobs"),
    Row(name="jobs-as-a-table", path="/jobs?view=table", current="Jobs"),
    Row(name="jobs-of-a-reader", path="/jobs?view=table", current="Jobs", who="office"),
    Row(name="jobs-of-no-filter", path="/jobs?state=faild&tenant=!", current="Jobs", status=422),
    Row(name="job", path="/jobs/{succeeded}", current="Jobs"),
    Row(name="job-of-a-reader", path="/jobs/{hostile}", current="Jobs", who="office"),
    Row(name="job-failed", path="/jobs/{failed}", current="Jobs"),
    Row(name="job-video", path="/jobs/{video}", current="Jobs"),
    Row(name="job-model", path="/jobs/{model}", current="Jobs"),
    Row(name="job-retry", path="/jobs/{failed}/retry", current="Jobs"),
    Row(name="job-forget", path="/jobs/{failed}/forget", current="Jobs"),
    Row(name="overview-of-a-tenant", path="/", current="Overview", who="shop"),
    Row(name="costs", path="/costs?by=day&by=model", current="Costs"),
    Row(name="costs-of-a-tenant", path="/costs?by=tenant", current="Costs", who="shop"),
    Row(name="costs-faults", path="/costs?since=banana&by=dya", current="Costs", status=422),
    Row(name="account", path="/account", current="Account"),
    Row(name="system", path="/system?examine=1", current="System"),
    Row(name="system-of-a-reader", path="/system", current="System", who="office"),
    Row(name="new", path="/new", current="New"),
    Row(name="new-video", path="/new/vidu/text-to-video-q3-turbo", current="New"),
    Row(name="new-files", path="/new/vidu/reference-to-video-q2", current="New", who="shop"),
    Row(name="new-workflow", path="/new/workflow/1904136902449209346", current="New"),
    Row(name="new-hostile", path="/new?from={hostile}", current="New"),
    Row(name="deliveries", path="/deliveries", current="Deliveries"),
    Row(name="deliveries-read", path="/deliveries?state=done", current="Deliveries", who="office"),
    Row(name="subscriptions", path="/subscriptions", current="Deliveries"),
    Row(name="subscription", path="/subscriptions/{subscription}", current="Deliveries"),
)


def scenes(town: Town) -> Mapping[str, str]:
    """What pages show, by name: ids of jobs and the like."""
    made = {"subscription": _subscription(town)}
    for name, make in SCENES.items():
        made[name] = make(town)
        _ended(town, made[name])
    return made


def _subscription(town: Town) -> str:
    """One that nobody answers for, at an address that is no markup."""
    given = {"url": "http://127.0.0.1:9/hook?of=<b>us</b>", "events": ["job.succeeded"]}
    return subscriptions.create(town.w, subscriptions.read_new(town.w, given))[0].id


def _image(town: Town) -> str:
    return _ask(town, IMAGE, prompt="a lighthouse in the rain, at night")


def _video(town: Town) -> str:
    return _ask(town, "vidu/text-to-video-q3-turbo", prompt="waves, slowly", duration="5")


def _sound(town: Town) -> str:
    return _ask(town, "rhart-audio/text-to-audio/music-2.5", prompt="a waltz", lyrics="la la la")


def _model(town: Town) -> str:
    return _ask(town, "meshy6/text-to-3d", prompt="a small lighthouse of stone")


def _failed(town: Town) -> str:
    town.sandbox.faults({"fault": "failed", "times": 1})
    return _ask(town, IMAGE, prompt="a lighthouse that fails")


def _hostile(town: Town) -> str:
    return _ask(town, IMAGE, prompt=HOSTILE)


def _ask(town: Town, model: str, **given: str) -> str:
    made: Job = create.request(town.w, JobRequest(model=model, input=given, tenant="shop"))[1]
    return made.id


def _ended(town: Town, job_id: str) -> None:
    eventually(lambda: town.w.store.jobs.get(job_id).state.ended, 40)


SCENES: dict[str, Callable[[Town], str]] = {
    "failed": _failed,
    "succeeded": _image,
    "hostile": _hostile,
    "video": _video,
    "sound": _sound,
    "model": _model,
}
