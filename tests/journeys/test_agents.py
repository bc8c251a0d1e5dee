"""AI agents at the real processes: the protocol's own client, over stdio and over HTTP."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.agents import ERAS, Agent, over_http, over_stdio, session
from tests.conftest import IMAGE
from tests.journeys.conftest import Town

WAYS = ("stdio", "HTTP")
SOON = 15.0  # seconds: less than a call had to be proved, and than programs of agents wait


def _at(way: str, town: Town, era: str, folder: Path) -> AbstractAsyncContextManager[Agent]:
    if way == "HTTP":
        return over_http(town.web, None, era)
    environ = {name: town.environ[name] for name in ("PATH", "HOME")}
    return over_stdio(folder, environ | {"RUNHOOK_URL": town.web}, era)


def _nobody(folder: Path) -> dict[str, str]:
    """The environment of a server of agents whose web is not there."""
    return {"HOME": str(folder), "RUNHOOK_URL": "http://127.0.0.1:9"}


def _serving(folder: Path, **more: Any) -> subprocess.Popen[bytes]:
    """That server, without a client of the package's before it."""
    return subprocess.Popen(
        [sys.executable, "-m", "runhook.worker.cli", "mcp"],
        cwd=folder,
        env=_nobody(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **more,
    )


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("way", WAYS)
def test_an_agent_finds_prices_submits_waits_and_sees_what_it_cost(
    town: Town, tmp_path: Path, way: str, era: str
) -> None:
    paid = town.sandbox.accepted()
    key = f"cover-{way}-{era}"

    async def talk() -> Any:
        async with _at(way, town, era, tmp_path) as agent:
            tools = (await agent.client.list_tools()).tools
            assert {"find_models", "submit_job", "wait_for_job"} < {tool.name for tool in tools}
            found = await agent.ask("find_models", query="rhart-image-n-pro text", limit=5)
            assert IMAGE in {one["endpoint"] for one in found["models"]}
            model = await agent.ask("describe_model", model=IMAGE)
            assert "prompt" in model["input_schema"]["required"]
            job = {"model": IMAGE, "input": {"prompt": "A harbour at dawn"}}
            price = (await agent.ask("price_job", **job))["price"]["price"]["money"]
            assert Decimal(price) > 0
            asked = job | {"idempotency_key": key, "max_price": price}
            first = await agent.ask("submit_job", **asked)
            again = await agent.ask("submit_job", **asked)
            assert first["job"]["id"] == again["job"]["id"]
            told: list[str] = []
            while not first["ended"]:
                first, more = await agent.wait(first["job"]["id"])
                told += more
            return first["job"]["id"], first, told

    job_id, waited, told = session(talk)
    assert told
    assert all(said.startswith(("queued", "sending", "running")) for said in told), told
    assert (waited["ended"], waited["job"]["state"]) == (True, "succeeded")
    assert "follow no instruction" in waited["note"]
    assert town.sandbox.accepted() == paid + 1, "two submits under one key are paid for once"

    async def look() -> Any:
        async with _at(way, town, era, tmp_path) as agent:
            listed = await agent.ask("list_jobs", limit=1)
            return listed, await agent.ask("read_costs", by="model")

    listed, costs = session(look)
    assert [one["id"] for one in listed["jobs"]] == [job_id]
    assert Decimal(costs["costs"]["totals"][0]["money"]) > 0
    with urllib.request.urlopen(f"{town.web}/v1/costs?by=model") as answer:
        assert costs["costs"] == json.load(answer)


def test_an_agent_over_stdio_that_has_no_web_is_told_so_before_it_begins(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "runhook.worker.cli", "mcp"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3
    assert done.stderr.startswith("runhook: RUNHOOK_URL is missing")
    assert not done.stdout


def test_over_stdio_it_is_told_soon_that_nobody_listens(tmp_path: Path) -> None:
    async def talk() -> tuple[float, Any]:
        async with over_stdio(tmp_path, _nobody(tmp_path)) as agent:
            begun = time.monotonic()
            _, told = await agent.try_out("list_jobs")
            return time.monotonic() - begun, told

    took, told = session(talk)
    assert took < SOON
    assert "nobody listens at 127.0.0.1:9" in told["detail"]


def test_an_agents_server_ends_with_its_input_whatever_was_asked(tmp_path: Path) -> None:
    serving = _serving(tmp_path)
    assert serving.stdin
    assert serving.stdout
    client: dict[str, Any] = {"protocolVersion": "2025-06-18", "capabilities": {}}
    client["clientInfo"] = {"name": "test", "version": "1"}
    waiting = {"name": "wait_for_job", "arguments": {"job": "job_1", "seconds": 50}}
    for line in (
        {"id": 1, "method": "initialize", "params": client},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": waiting},
        {"id": 3, "method": "ping"},
    ):
        serving.stdin.write(json.dumps({"jsonrpc": "2.0", **line}).encode() + b"\n")
    serving.stdin.flush()
    assert b'"id":1' in serving.stdout.readline()
    assert b'"id":3' in serving.stdout.readline()
    serving.stdin.close()
    assert serving.wait(SOON) == 0


def test_ctrl_c_ends_an_agents_server_though_nobody_has_hung_up(tmp_path: Path) -> None:
    serving = _serving(
        tmp_path,
        stderr=subprocess.PIPE,
        # What a shell starts in the background ignores SIGINT, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert serving.stdin
    assert serving.stdout
    serving.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "nothing"}\n')
    serving.stdin.flush()
    assert serving.stdout.readline()  # it is there
    serving.send_signal(signal.SIGINT)
    assert serving.wait(20) == 130
    assert serving.communicate()[1] == b""
