"""An agent's session as text: `python -m tests.agent_session` writes one into docs/agents.md.

The `mcp` package's own client starts `runhook mcp` and asks the real processes and the sandbox;
what is shown is what came, cut where it is long.
"""

import json
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from tests.agents import Agent, over_stdio, session
from tests.conftest import IMAGE
from tests.journeys.conftest import Town, a_town

PAGE = Path(__file__).parents[1] / "docs" / "agents.md"
BEGIN, END = "<!-- session: make agents -->\n", "<!-- end of session -->\n"
WIDE, LONGEST = 100, 6  # characters of a line, and lines of an answer that are shown
JOB = {"model": IMAGE, "input": {"prompt": "A harbour at dawn"}}
ORDER = {**JOB, "idempotency_key": "order-7-cover", "max_price": "0.50"}
# Of a job's answer, what a reader of the page wants to see.
SHOWN = ("id", "state", "outputs", "cost", "error")


class Script:
    """What is asked and answered, line by line."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self.lines: list[str] = []

    async def ask(self, tool: str, **arguments: Any) -> Any:
        """One call, written down."""
        well, found = await self._agent.try_out(tool, **arguments)
        self._write(f"> {tool} ", arguments)
        self._write("  " if well else "! ", _shown(found))
        self.lines.append("")
        return found

    async def wait(self, job: str) -> None:
        """A wait, with what is told meanwhile."""
        found, told = await self._agent.wait(job)
        self._write("> wait_for_job ", {"job": job})
        self.lines += [f"~ {said}" for said in told]
        self._write("  ", _shown(found))
        self.lines.append("")

    def _write(self, head: str, what: Any) -> None:
        text = json.dumps(what, ensure_ascii=False)
        found = textwrap.wrap(
            head + text, WIDE, subsequent_indent="  ", break_on_hyphens=False, drop_whitespace=True
        )
        self.lines += found[:LONGEST]
        if len(found) > LONGEST:
            self.lines[-1] += " …"


async def talk(town: Town, folder: Path) -> list[str]:
    """The session."""
    environ = {name: town.environ[name] for name in ("PATH", "HOME")}
    async with over_stdio(folder, environ | {"RUNHOOK_URL": town.web}) as agent:
        script = Script(agent)
        await script.ask("find_models", query="rhart-image-n-pro text", limit=2)
        await script.ask("price_job", **JOB)
        await script.ask("submit_job", **JOB)
        await script.ask("submit_job", **ORDER | {"max_price": "0.01"})
        made = await script.ask("submit_job", **ORDER)
        await script.ask("submit_job", **ORDER)
        await script.ask("submit_job", **ORDER | {"input": {"prompt": "A harbour at dusk"}})
        await script.wait(made["job"]["id"])
        await script.ask("read_costs", by="model")
        return script.lines


def _shown(found: Any) -> Any:
    if "job" not in found:
        return found
    return {**found, "job": {name: found["job"][name] for name in SHOWN if found["job"][name]}}


def main() -> None:
    """Have it, and put it into the page."""
    with tempfile.TemporaryDirectory() as folder, a_town(Path(folder)) as town:
        lines = session(lambda: talk(town, Path(folder)))
    before, _, rest = PAGE.read_text().partition(BEGIN)
    written = "\n".join(["```text", *lines[:-1], "```", ""])
    PAGE.write_text(f"{before}{BEGIN}{written}{END}{rest.partition(END)[2]}")
    sys.stdout.write(written)


if __name__ == "__main__":
    main()
