"""A house, and a `Runhook` on each way to it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from runhook import Runhook
from runhook.worker.client.in_process import InProcess
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.flows.pump import published
from tests.conftest import SHOP, Build, House, eventually

WAYS = ("in process", "over HTTP")
SECONDS = 5.0  # for one call


@dataclass
class Shop:
    """A house, whoever calls it, and what its only handler heard."""

    house: House
    runhook: Runhook
    heard: list[str]
    closed: bool = False

    def ended(self, job_id: str, state: str = "succeeded") -> None:
        """Work until a job is in a state."""
        self.house.until(self.house.w.store.jobs.get(job_id), state)

    def until(self, there: Callable[[], object]) -> None:
        """Work until something is true."""

        def worked() -> object:
            self.house.settle()
            return there()

        eventually(worked)


@pytest.fixture(params=WAYS)
def shop(request: pytest.FixtureRequest, build: Build, tmp_path: Path) -> Iterator[Shop]:
    """The same promises on each way."""
    heard: list[str] = []
    registry = Registry()
    house = build(
        registry,
        RUNHOOK_API_TOKENS=f"local:{SHOP}",
        RUNHOOK_RETRY_SCHEDULE="0",
        RUNHOOK_ALLOW_PRIVATE_URLS="true",  # outputs of the sandbox lie on this machine
        RUNHOOK_ARCHIVE="true",
        RUNHOOK_STORAGE_URL=tmp_path.as_uri(),
    )
    if request.param == "in process":
        runhook = Runhook(transport=InProcess(SECONDS, lambda: house.w))
    else:
        runhook = Runhook(house.web, SHOP, timeout=SECONDS)
    found = Shop(house, runhook, heard)

    def hear(event: object) -> None:
        if found.closed:
            raise ConnectionError("closed")
        heard.append(event.job.id)  # type: ignore[attr-defined]

    registry.add(Handler(name="book", types=("job.succeeded",), model=None, target=hear))
    house.w.store.processes.publish_handlers(published(house.w))
    with runhook:
        yield found


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """Threads in which somebody waits."""
    with ThreadPoolExecutor(16) as threads:
        yield threads
