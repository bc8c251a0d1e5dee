"""`runhook mcp`: the tools of AI agents over standard input and output."""

import importlib.util
import os

import click

from runhook.worker.cli.interrupts import unheard


@click.command()
def mcp() -> None:
    """Serve AI agents over stdio, by the Model Context Protocol.

    What starts agents starts this: their programs take a command and the environment to run it in.
    It asks RUNHOOK_URL with RUNHOOK_TOKEN, or what `runhook up` runs in this folder; the token's
    scopes say what an agent may do. Needs the extra: pip install 'runhook[mcp]'.
    """
    if importlib.util.find_spec("mcp") is None:
        raise click.UsageError("the package mcp is missing: pip install 'runhook[mcp]'")
    # Not at the top: half a second, which no --help needs.
    from runhook.worker.agents.server import serve_stdio
    from runhook.worker.client.runhook import Runhook
    from runhook.worker.domain import policy

    # A thread waits for what an agent says, and would be waited for.
    # An agent's program gives up a call that takes long; what pays has the time to be proved.
    prompt = Runhook.over_http(repeats=policy.PROMPT_PATIENCE)
    with unheard():
        serve_stdio(prompt, Runhook.over_http())
    os._exit(0)  # the agent is gone: nothing that it only wanted to know is waited for
