"""The tables in docs/: every entry of RunningHub's reference has its row, every row its test."""

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runhook.config.settings import Settings
from runhook.worker import catalogue
from runhook.worker.catalogue.nodes import BY_KIND, EVERY_JOB
from runhook.worker.delivery.subscriptions import new_secret, signed
from runhook.worker.domain.events import cloud_event, sample
from tests import every_setting

ROOT = Path(__file__).parents[1]
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
CELERY = (ROOT / "docs" / "celery.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in REFERENCE.split("## Calls")[0].splitlines()
    if line.startswith("| ") and not line.startswith("| entry")
]
# The reference's table of contents, chapter by chapter.
ENTRIES = """
Log of Update; Instructions for Use; About nodeInfoList; About Enterprise ComfyUI API;
Native ComfyUI API Integration Guide; API Error Code Reference; About Quick Create Invocation;
Obtain quick create - model library style parameter data; Initiate Quick Create Task;
Complete integration example; Complete Integration Example – Advanced Edition;
Task Progress Display Example; Full Workflow Integration Example; Standard Model API;
Check Task Status; Check Task Output; Get Webhook Event Details; Resend Specific Webhook Event;
Query generation result (V2); Start ComfyUI Task 1 - Basic; Start ComfyUI Task 2 - Advanced;
Get Workflow JSON; Cancel ComfyUI Task; Start AI App Task;
Get API call examples for AI application; File upload (new);
Upload Resource(image\\\\video\\\\audio\\\\Compressed Files); Upload Lora; Get Account Information;
Get Workflow JSON Request; TaskRunWebappByKeyRequest; Generate task submission results;
Get Workflow JSON Response; Start ComfyUI Task Request 1; Start ComfyUI Task Request 2;
Start ComfyUI Task Request -webhook; Start ComfyUI Task Response; TaskCreateResponse;
Check Task Status Request; Node Input Information; Get Account Information Request;
Upload Resource Request; Get Webhook Event Details Request; Resend Specific Webhook Request; R?;
RWorkflowDuplicateResponse; RAccountStatusResponse; WorkflowDuplicateResponse;
AccountStatusResponse; WorkflowDuplicateRequest; ApiUploadLoraRequest; RString;
RTaskUploadResponse; TaskUploadResponse
"""


def test_every_entry_of_the_reference_has_a_row_in_its_order() -> None:
    wanted = [re.sub(r"\s+", " ", entry).strip() for entry in ENTRIES.split(";")]
    assert [row[0] for row in ROWS] == wanted


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_row_names_a_test_that_there_is(row: list[str]) -> None:
    file, _, name = row[-1].strip("` |").partition("::")
    assert f"def {name}(" in (ROOT / file).read_text()


@pytest.mark.parametrize("named", re.findall(r"`(tests/[^`]+)`", CELERY))
def test_every_row_about_celery_names_a_test_that_there_is(named: str) -> None:
    file, _, name = named.partition("::")
    assert f"def {name}(" in (ROOT / file).read_text()


def test_every_model_has_a_row() -> None:
    page = (ROOT / "docs" / "models.md").read_text()
    for model in catalogue.models():
        assert f"| {model.name} | `{model.endpoint}` |" in page
    assert page.count("| accepted |") == len(catalogue.models())


def test_the_receiver_in_the_docs_verifies_what_subscribers_get() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "events.md").read_text(), re.S)
    (source,) = [block for block in blocks if "standardwebhooks" in block]
    secret = new_secret()
    room: dict[str, Any] = {"__name__": "shop"}
    exec(compile(source.replace("whsec_…", secret), "docs/events.md", "exec"), room)
    client = room["app"].test_client()
    event = cloud_event(sample("job.succeeded", datetime.now(UTC)), "")
    body = json.dumps(event).encode()
    headers = signed([secret], event["id"], body)
    assert client.post("/hook", data=body, headers=headers).status_code == 204
    assert client.post("/hook", data=body + b" ", headers=headers).status_code == 401


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PATH = re.compile(r"`((?:config|docs|tests|webhook|worker)/[\w./*-]+)")
LINK = re.compile(r"\]\((?!https?:)([\w./-]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text()
    named = {ROOT / path for path in PATH.findall(text)}
    linked = {page.parent / path for path in LINK.findall(text)}
    for path in named | linked:
        name = str(path.resolve().relative_to(ROOT))
        assert list(ROOT.glob(name)), f"there is no {name}"


def test_the_page_of_the_architecture_has_the_floors_of_the_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    (worker,) = [one for one in contracts if one.get("containers") == ["runhook.worker"]]
    page = (ROOT / "docs" / "architecture.md").read_text().partition("| floor |")[2]
    rows = [line.split(" | ")[0] for line in page.partition("\n\n")[0].splitlines()[2:]]
    floors = [" | ".join(re.findall(r"`(\w+)`", row)) for row in rows]
    assert floors == [layer.replace(" : ", " | ") for layer in worker["layers"]]


def test_the_page_of_settings_has_every_setting_with_its_own_default() -> None:
    assert every_setting.PAGE.read_text() == every_setting.page(), "it is stale: make settings"
    told = {name: (default, meaning) for name, default, meaning in every_setting.settings()}
    assert set(told) == {str(field.alias) for field in Settings.model_fields.values()}
    assert all(meaning for _, meaning in told.values())
    for field in Settings.model_fields.values():
        default, _ = told[str(field.alias)]
        if field.default not in ("", (), None) and default:
            given = Settings.model_validate({str(field.alias): default})
            assert getattr(given, _name_of(str(field.alias))) == field.default


def _name_of(alias: str) -> str:
    (name,) = [name for name, field in Settings.model_fields.items() if field.alias == alias]
    return name


def test_every_option_of_a_job_has_a_row() -> None:
    page = (ROOT / "docs" / "jobs.md").read_text().partition("## Options")[2].partition("## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|", page, re.M)
    options = [*EVERY_JOB, *(name for names in BY_KIND.values() for name in names)]
    assert rows == list(dict.fromkeys(options))


def test_the_readme_starts_with_code_and_stays_short() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 120
    assert next(n for n, line in enumerate(lines, 1) if line.startswith("```")) <= 25
    assert "from runhook import on, Retry, Stop" in lines[:40]
