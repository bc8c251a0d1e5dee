"""An AI agent as tests have it: the `mcp` package's own client, over HTTP or a process's pipes."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

# The two eras of the protocol: with and without its handshake.
ERAS = ("auto", "legacy")
SECONDS = 60.0  # for one answer


@dataclass
class Agent:
    """One session."""

    client: Client

    async def ask(self, tool: str, **arguments: Any) -> Any:
        """What a tool answers with; it must go well."""
        well, found = await self.try_out(tool, **arguments)
        assert well, found
        return found

    async def try_out(self, tool: str, **arguments: Any) -> tuple[bool, Any]:
        """Whether a tool goes well, and what it answers with."""
        result = await self.client.call_tool(tool, arguments)
        return not result.is_error, result.structured_content

    async def wait(self, job: str, seconds: float = SECONDS / 2) -> tuple[Any, list[str]]:
        """What wait_for_job answers with, and what was told meanwhile."""
        told: list[str] = []

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            assert total is None, f"nobody knows how long a job takes: {progress} of {total}"
            told.append(message or "")

        result = await self.client.call_tool(
            "wait_for_job", {"job": job, "seconds": seconds}, progress_callback=hear
        )
        return result.structured_content, told


@asynccontextmanager
async def over_http(url: str, token: str | None, era: str = "auto") -> AsyncIterator[Agent]:
    """An agent at /mcp."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(headers=headers, timeout=SECONDS, trust_env=False) as http:
        transport = streamable_http_client(f"{url}/mcp", http_client=http)
        async with Client(transport, mode=era) as client:
            yield Agent(client)


@asynccontextmanager
async def over_stdio(
    folder: Path, environ: Mapping[str, str], era: str = "auto"
) -> AsyncIterator[Agent]:
    """An agent that started `runhook mcp`."""
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "runhook.worker.cli", "mcp"],
        env=dict(environ),
        cwd=folder,
    )
    async with Client(command, mode=era) as client:
        yield Agent(client)


def session(talk: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Have one talked through."""
    return asyncio.run(talk())
