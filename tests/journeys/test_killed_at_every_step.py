"""A worker killed with SIGKILL at every step of every flow: nothing is paid twice, nothing is lost,
everybody is told. A step is a request to Redis or to RunningHub.
"""

import io
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from runhook.config.settings import Settings
from runhook.worker.delivery import subscriptions
from runhook.worker.domain.jobs import Job, State
from runhook.worker.flows import create
from runhook.worker.flows.pump import published
from runhook.worker.runninghub.sandbox.outputs import make
from tests.conftest import IMAGE, Build, House
from tests.journeys import victim
from tests.journeys.proxies import Executioner, proxy
from tests.receiver import Receiver, a_receiver

pytestmark = pytest.mark.kills
forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["tests.journeys.victim"])
OFFICIAL = "rhart-image-n-pro-official/text-to-image"
LONGEST_LIFE = 20.0
RESCUES = 60


@dataclass(frozen=True)
class Scene:
    """One kind of life.

    Attributes:
        faults: What goes wrong at RunningHub.
        waits: Seconds the clock is set on before each further turn of the victim, which is killed
            in its last one.
        end: How the job ends if nobody is killed.
        archive: What it makes is kept.
    """

    name: str
    faults: tuple[dict[str, Any], ...] = ()
    waits: tuple[float, ...] = ()
    end: State = State.SUCCEEDED
    model: str = IMAGE
    file: bool = False
    options: tuple[tuple[str, Any], ...] = ()
    fails_first: bool = False
    subscriber: bool = False
    reconcile: str = "detail"
    archive: bool = False


LOST, UNRECORDED = {"fault": "callback_lost"}, {"fault": "callback_unrecorded"}
SCENES = (
    Scene("a callback"),
    Scene("the record", (LOST,), (61,)),
    Scene("a resend", (LOST,), (61,), reconcile="resend"),
    Scene("a query", (UNRECORDED,), (61,)),
    Scene("a workflow's outputs", (UNRECORDED,), (301,), model="workflow/12"),
    Scene("a file", file=True, model="vidu/image-to-video-q2-pro"),
    Scene("a busy answer", ({"fault": "busy", "times": 1},), (5.1,)),
    Scene("an id with an error", ({"fault": "answer_both"}, UNRECORDED), (2.1,)),
    Scene("a paid retry", ({"fault": "infrastructure", "times": 1},), options=(("retries", 1),)),
    Scene(
        "another model",
        ({"fault": "failed", "model": IMAGE},),
        options=(("fallback", (OFFICIAL,)),),
    ),
    Scene("an app on the older path", ({"fault": "not_shared"},), model="app/1877265245566922800"),
    Scene("outputs that are kept", ({"fault": "many_outputs", "value": 2},), archive=True),
    Scene("a handler that fails first", waits=(2,), fails_first=True),
    Scene("a subscriber that fails first", waits=(2,), subscriber=True),
)


@dataclass
class Stage:
    """Where lives are lived: a house, and a victim behind two proxies."""

    house: House
    executioner: Executioner
    settings: dict[str, Any]
    book: Path
    receiver: Receiver

    def live(self, scene: Scene, at: int | None) -> Job:
        """One job's life with a victim that is killed at that step of its last turn; then others
        go on."""
        self.house.begin_anew()
        self.book.unlink(missing_ok=True)
        self.house.w.store.processes.publish_handlers(published(self.house.w))
        self.house.sandbox.faults(*scene.faults)
        if scene.subscriber:
            self._subscribe()
        self.executioner.reset(at)
        job = self._ask(scene)
        turns = (0.0, *scene.waits)
        for turn, wait in enumerate(turns, start=1):
            self.house.clock.advance(wait)
            self._victim(armed=turn == len(turns))
        return self._rescue(job)

    def told(self, job: Job) -> Counter[str]:
        """How often the handler heard each event of a job."""
        lines = self.book.read_text().splitlines() if self.book.exists() else []
        return Counter(line.split()[0] for line in lines if line.endswith(job.id))

    def _subscribe(self) -> None:
        self.receiver.requests.clear()
        self.receiver.answers(500, 200)
        given = {"url": self.receiver.url, "events": ["job.succeeded"]}
        subscriptions.create(self.house.w, subscriptions.read_new(self.house.w, given))

    def _ask(self, scene: Scene) -> Job:
        given: dict[str, Any] = {"prompt": scene.name}
        if scene.model.startswith(("workflow", "app")):
            given = {"6.text": scene.name}
        if scene.file:
            picture = io.BytesIO(make("image", scene.name, "1")[1])
            asset = create.keep(self.house.w, "x.png", picture)
            given["imageUrl"] = f"asset:{asset.id}"
        meta = {"fails_first": scene.fails_first}
        return self.house.ask(scene.model, input=given, options=dict(scene.options), metadata=meta)

    def _victim(self, *, armed: bool) -> None:
        ready = forks.Event()
        now = self.house.clock.now().timestamp()
        child = forks.Process(
            target=victim.work, args=(self.settings, now, str(self.book), ready), daemon=True
        )
        child.start()
        self.executioner.victim = child.pid if armed else None
        ready.set()
        child.join(LONGEST_LIFE)
        assert child.exitcode is not None, "the victim does not end"
        assert child.exitcode in (0, -9), f"the victim ended with {child.exitcode}"
        self.executioner.victim = None

    def _rescue(self, job: Job) -> Job:
        """Another worker goes on, as time passes."""
        for _ in range(RESCUES):
            self.house.settle()
            found = self.house.job(job)
            if found.state.ended and not self._owed():
                return found
            time.sleep(0.01)  # the sandbox's callbacks come in real time
            self.house.clock.advance(61)
        raise AssertionError(f"{self.house.job(job)} {self._owed()} {self.house.notes(job)}")

    def _owed(self) -> dict[str, int]:
        lanes = ("send", "intake", "fanout", "archive", "handlers", "subscribers")
        due = {lane: int(self.house.raw.zcard(f"runhook:due:{lane}")) for lane in lanes}
        return {lane: count for lane, count in due.items() if count}


@pytest.fixture(scope="module", autouse=True)
def fork_server() -> Iterator[None]:
    """A server that has everything imported, so that a victim is there in milliseconds."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(victim.__file__).parents[2])
    forks.Process(target=time.time).start()
    yield
    os.environ.pop("PYTHONPATH")
    if before is not None:
        os.environ["PYTHONPATH"] = before


@pytest.fixture
def stage(
    build: Build, request: pytest.FixtureRequest, tmp_path: Path, server: Any
) -> Iterator[Stage]:
    """A house whose victim speaks through proxies."""
    scene: Scene = request.param
    book = tmp_path / "book"
    storage = f"file://{tmp_path}/kept"
    house = build(
        victim.handlers(str(book)),
        RUNHOOK_STORAGE_URL=storage,
        RUNHOOK_ARCHIVE=scene.archive,
        RUNHOOK_RECONCILE=scene.reconcile,
        RUNHOOK_UNCONFIRMED_AFTER=300,
        RUNHOOK_RETRY_SCHEDULE="0,1,5,30,60",
        RUNHOOK_ALLOW_PRIVATE_URLS="true",
    )
    executioner = Executioner()
    provider = urlsplit(house.sandbox.url)
    target = ("127.0.0.1", int(provider.port or 0))
    with (
        proxy(executioner, str(server.socket), tmp_path) as redis_path,
        proxy(executioner, target, tmp_path) as port,
        a_receiver() as receiver,
    ):
        # Beside the embedded server, as `up` has it: a departure is read back and flushed.
        beside = Settings(RUNHOOK_DATA_DIR=server.folder).embedded_socket
        beside.unlink(missing_ok=True)
        os.link(str(redis_path), beside)
        settings = {
            "REDIS_URL": "",
            "RUNHOOK_DATA_DIR": str(server.folder),
            "RUNNINGHUB_BASE_URL": f"http://127.0.0.1:{port}",
            "RUNNINGHUB_API_KEY": "key",
            "RUNHOOK_SECRET": house.w.settings.secrets[0],
            "RUNHOOK_PUBLIC_URL": house.w.settings.public_url,
            "RUNHOOK_STORAGE_URL": storage,
            "RUNHOOK_ARCHIVE": scene.archive,
            "RUNHOOK_RECONCILE": scene.reconcile,
            "RUNHOOK_CONCURRENCY": 10,
            "RUNHOOK_UNCONFIRMED_AFTER": 300,
            "RUNHOOK_RETRY_SCHEDULE": "0,1,5,30,60",
            "RUNHOOK_ALLOW_PRIVATE_URLS": "true",
        }
        yield Stage(house, executioner, settings, book, receiver)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("stage", "scene"), [(s, s) for s in SCENES], indirect=["stage"], ids=lambda s: s.name
)
def test_a_worker_killed_at_any_step_loses_nothing_and_pays_nothing_twice(
    stage: Stage, scene: Scene
) -> None:
    whole = stage.live(scene, None)
    steps = stage.executioner.steps
    assert whole.state is scene.end
    assert sum(stage.told(whole).values()) == 1
    assert steps > 4, "the proxies see nothing"
    for at in range(1, steps + 2):
        _check(stage, stage.live(scene, at), scene)


def _check(stage: Stage, job: Job, scene: Scene) -> None:
    where = f"killed at step {stage.executioner.at}: {job}"
    mine = [t for t in stage.house.sandbox.books()["tasks"] if job.id in str(t["webhookUrl"])]
    per_attempt = Counter(task["webhookUrl"] for task in mine)
    assert all(count == 1 for count in per_attempt.values()), f"paid twice, {where}"
    options = dict(scene.options)
    allowed = 1 + options.get("retries", 0) + len(options.get("fallback", ()))
    assert len(job.history.attempts) <= allowed, where
    unproved = job.attempt.error is not None and job.attempt.error.code == "unconfirmed"
    if unproved:
        # Only where a request left whose answer the dead worker alone had, and no callback came.
        assert job.attempt.left_at, where
        assert not mine or scene.faults, where
    else:
        assert job.state is scene.end, where
        assert len(mine) == len(job.history.attempts), where
    assert stage.told(job), f"nobody was told, {where}"
    told = stage.house.w.store.deliveries.of_job(job.id)
    assert all(delivery.state == "done" for delivery in told), where
    assert not stage.house.raw.keys("runhook:held:*"), where
    if scene.archive and job.state is State.SUCCEEDED:
        assert all(output.archived for output in job.attempt.outputs), where
        assert stage.house.events().count("job.archived") == 1, where
    if scene.subscriber:
        ids = {request.headers["webhook-id"] for request in stage.receiver.requests}
        assert len(ids) == 1, where
        assert len(stage.receiver.requests) >= 2, where
        assert len(told) == 2, where
