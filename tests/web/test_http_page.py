"""docs/http.md is what the routes say, and each of its examples does what it says."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from runhook.worker.delivery import subscriptions
from runhook.worker.delivery.subscriptions import NewSubscription
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.flows import create
from runhook.worker.flows.cancel import cancel
from runhook.worker.flows.pump import published
from tests import http_page
from tests.conftest import SHOP, Build, House

pytestmark = pytest.mark.programs
# Nothing here is what these need: a paid request whose answer was lost, a running job, and a
# handler that no process has.
MAY_BE = {
    "POST /v1/jobs/{job_id}/resolve": 409,
    "POST /v1/jobs/{job_id}/reconcile": 409,
    "DELETE /v1/handlers/{name}": 409,
}
SECTION = re.compile(r"^## (\S+ \S+)\n.*?```sh\n(.*?)\n```\n\n```python\n(.*?)\n```", re.M | re.S)


def test_the_pages_are_what_the_routes_say() -> None:
    assert http_page.PAGE.read_text() == http_page.page(), "it is stale: make http"
    assert http_page.PROBLEMS.read_text() == http_page.problems(), "it is stale: make http"


@pytest.mark.timeout(300)
def test_every_example_does_what_it_says(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 48), "red").save("photo.png")
    house = _furnished(build)
    monkeypatch.setenv("WEB", house.web)
    monkeypatch.setenv("AUTH", f"Authorization: Bearer {SHOP}")
    sections = SECTION.findall(http_page.PAGE.read_text())
    assert len(sections) > 45
    wrong = []
    for call, shell, script in sections:
        for way, example in (("sh", shell), ("python", script)):
            _prepare(house, call, monkeypatch)
            status = _run(way, example)
            if not (200 <= status < 400 or status == MAY_BE.get(call)):
                wrong.append((call, way, status))
    assert not wrong, wrong


def _run(way: str, example: str) -> int:
    if way == "python":
        head = http_page.HEAD.partition("```python\n")[2].partition("```")[0]
        said: dict[str, Any] = {}
        exec(head + example, said)
        answer: requests.Response = said["answer"]
        answer.close()
        return answer.status_code
    asked = example.replace("curl ", "curl -o answer -w %{http_code} ", 1)
    found = subprocess.run(["sh", "-c", asked], capture_output=True, text=True, env=os.environ)
    return int(found.stdout)


def _furnished(build: Build) -> House:
    """A house with a handler, whose jobs' outputs are kept."""
    registry = Registry()
    handler = Handler(name="publish", types=("job.succeeded",), model=None, target=lambda _: None)
    registry.add(handler)
    return build(registry, RUNHOOK_API_TOKENS=f"office:{SHOP}", RUNHOOK_ARCHIVE="true")


def _prepare(house: House, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the next example names, made anew: some forget or end it."""
    w, store = house.w, house.w.store
    store.processes.lives("worker", "of-the-test", 1)
    store.processes.publish_handlers(published(w))
    job = house.ask(tenant="office", group="spring", group_size=100_000)
    if not call.endswith(("/cancel", "/resolve", "/retry")):
        job = house.until(job, "succeeded")
        house.settle()
    if call.endswith("/retry"):
        cancel(w, job.id)
    made, _ = subscriptions.create(w, NewSubscription.model_construct(url="https://a.example/"))
    with Path("photo.png").open("rb") as file:
        asset = create.keep(w, "photo.png", file)
    delivery = next(iter(store.deliveries.of_job(job.id)), None)
    names = {"JOB": job.id, "SUBSCRIPTION": made.id, "ASSET": asset.id, "WORKFLOW": "1", "APP": "1"}
    if delivery:
        names["DELIVERY"] = delivery.id
    for name, value in names.items():
        monkeypatch.setenv(name, value)
