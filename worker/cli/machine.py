"""What `runhook up` does: everything on this machine, started, watched and ended."""

import fcntl
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from runhook.config import generated, private
from runhook.config.settings import Settings, SettingsError
from runhook.config.web import WRITTEN
from runhook.worker.cli.installed import check_installed
from runhook.worker.cli.process_log import shower
from runhook.worker.cli.processes import (
    COMMANDS,
    Ended,
    Fleet,
    Listener,
    ending_on_signals,
    keep_off_proxies,
    listening,
    sandbox_command,
    wait_until_ready,
)
from runhook.worker.cli.reloading import Sources
from runhook.worker.cli.sandbox import SANDBOX_PORT
from runhook.worker.domain.jobs import LOCAL
from runhook.worker.errors import RunhookError
from runhook.worker.store.embedded import EmbeddedServer
from runhook.worker.wiring import assemble, check_port, check_server

# Seconds until `up` gives up a process: the sandbox takes one or two, and `web` is ready once a
# worker is there, which takes longer on a slow machine.
SANDBOX_PATIENCE, WEB_PATIENCE = 30.0, 60.0
TEND_EVERY = 0.5  # seconds between two looks whether a process has ended
MOST_NAMED = 3  # changed files that a line names; a checkout of another branch has hundreds


def run(*, sandbox: bool, faults: str = "{}", reload: bool = False) -> None:
    """Run Redis (unless REDIS_URL is set), web, worker and handlers, until Ctrl-C.

    Args:
        sandbox: And a sandbox in RunningHub's place.
        faults: What goes wrong there, as JSON.
        reload: Start handlers anew when a Python file of this folder changes.
    """
    base = Settings.load()
    check_installed(server=base.embedded, sandbox=sandbox)
    environ, beside, listener = keep_off_proxies(dict(os.environ)), {}, None
    if sandbox:
        listener = listening(SANDBOX_PORT)
        beside = _beside(base, listener.getsockname()[1])
    base.own_data_dir()
    if base.embedded and not base.secret_setting:
        base.make_secret()
    os.environ.update(environ | beside)  # this process reads its settings from it, too
    settings = Settings.load("worker")
    web = _own_token(settings)
    Settings.load("web", **web)  # refuses here what web would refuse, in one line
    server = EmbeddedServer(settings.data_dir, settings.embedded_socket)
    usual = click.get_current_context().obj  # files that handlers write are their owner's matter
    fleet = Fleet(environ | beside, say=shower(), umasks={"handlers": usual}, own={"web": web})
    with alone_in(settings.data_dir), _announced(settings, beside), ending_on_signals():
        try:
            check_port("127.0.0.1", settings.port, setting="PORT or --port")
            if base.embedded:
                fleet.keep("redis", server)
            check_server(assemble(settings, patience="door"))
            sources = _sources(reload=reload)
            wrong = _start(fleet, listener, faults)
            wrong = wrong or _watch(fleet, settings, own_token=bool(web), sources=sources)
            raise RunhookError(_with_its_lines(wrong, server))
        except Ended:
            click.echo("ending")
        finally:
            fleet.stop()
            if base.embedded:
                server.stop()


def _own_token(settings: Settings) -> dict[str, str]:
    """What only `web` gets: a token of this machine's own, unless others are set.

    With a token nobody is let in for where a request seems to come from, so `web` need not see
    through proxies.
    """
    if settings.callers:
        return {}
    return {"RUNHOOK_API_TOKENS": f"{LOCAL}:{generated.token(settings.token_file)}"}


def _with_its_lines(wrong: str, server: EmbeddedServer) -> str:
    """What is wrong with a process, and where to read more: the server alone writes into a file."""
    if wrong.startswith("redis "):
        return f"{wrong}; its last lines are in {server.log}"
    return f"{wrong}; its last lines are above"


def _start(fleet: Fleet, sandbox: Listener | None, faults: str) -> str | None:
    """Start the processes.

    Args:
        fleet: Where they belong.
        sandbox: Where a sandbox is to listen, which is started first, since the others ask it at
            once; None: there is none.
        faults: What goes wrong there.

    Returns:
        Why the sandbox is not ready; the others are waited for later.
    """
    if sandbox:
        port, held = sandbox.getsockname()[1], sandbox.fileno()
        command = sandbox_command(port, "--socket", str(held), "--faults", faults)
        fleet.start("sandbox", command, holds=(held,))
        address = f"http://127.0.0.1:{port}/sandbox/books"
        if wrong := wait_until_ready(address, SANDBOX_PATIENCE, fleet.tend):
            return wrong
    for name, command in COMMANDS.items():
        fleet.start(name, command)
    return None


def _beside(base: Settings, port: int) -> dict[str, str]:
    """The environment of processes that work against a sandbox on this port."""
    private_is_set = "allow_private_urls" in base.model_fields_set
    return {
        "RUNNINGHUB_BASE_URL": f"http://127.0.0.1:{port}",
        "RUNNINGHUB_API_KEY": base.api_key or "sandbox",
        "RUNHOOK_PUBLIC_URL": base.public_url or f"http://127.0.0.1:{base.port}",
        # The sandbox's own outputs lie on a private address.
        "RUNHOOK_ALLOW_PRIVATE_URLS": str(base.allow_private_urls or not private_is_set),
    }


@contextmanager
def _announced(settings: Settings, beside: dict[str, str]) -> Iterator[None]:
    """Say where the sandbox is, so that commands in another terminal find it, and take it back.

    Args:
        settings: Whose data folder it is written into.
        beside: What processes beside a sandbox are told; empty: there is none, and what a killed
            `up` left behind is removed.
    """
    if beside:
        told = beside | {"RUNNINGHUB_API_KEY": "sandbox"}  # the real key stays out of the file
        private.replace(settings.sandbox_file, json.dumps(told))
    else:
        settings.sandbox_file.unlink(missing_ok=True)
    try:
        yield
    finally:
        settings.sandbox_file.unlink(missing_ok=True)
        (settings.data_dir / WRITTEN).unlink(missing_ok=True)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the data folder, so that two never share one embedded server."""
    with ExitStack() as held:
        try:
            lock = private.opened(folder / "up.lock", "w", os.O_WRONLY | os.O_CREAT)
            file = held.enter_context(lock)
            # The lock goes with the process however it ends, so nobody has to remove a file after a
            # crash.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingsError(
                f"RUNHOOK_DATA_DIR: another `runhook up` is running in {folder}; end it first, "
                "or set another folder"
            ) from None
        except ValueError as stranger:
            raise SettingsError(f"RUNHOOK_DATA_DIR: {stranger}") from None
        yield


def _sources(*, reload: bool) -> Sources | None:
    """The files as they are before a handler reads them: what is saved meanwhile is a change."""
    if reload:
        return Sources(Path.cwd())
    return None


def _watch(fleet: Fleet, settings: Settings, *, own_token: bool, sources: Sources | None) -> str:
    """Say when all is ready, then restart what ends or has changed, until a signal comes.

    Returns:
        Which process cannot start.
    """
    address = f"http://127.0.0.1:{settings.port}"
    private.replace(settings.data_dir / WRITTEN, address)
    wrong = wait_until_ready(f"{address}/readyz", WEB_PATIENCE, fleet.tend)
    if wrong:
        return wrong
    click.echo(welcome(settings, address, made=own_token, terminal=sys.stdout.isatty()))
    while True:
        time.sleep(TEND_EVERY)
        if sources:
            _reload(fleet, sources)
        name = fleet.tend()
        if name and not (sources and name == "handlers"):
            return f"{name} keeps failing"


def _reload(fleet: Fleet, sources: Sources) -> None:
    """Start handlers anew if a file has changed; those that cannot start wait for the next one."""
    if changed := sources.changed():
        click.echo(f"{', '.join(changed[:MOST_NAMED])} changed: handlers start anew")
        fleet.restart("handlers")


def welcome(settings: Settings, address: str, *, made: bool, terminal: bool) -> str:
    """What to do now; the token itself is shown on a terminal only, for other output is kept.

    Args:
        settings: Of this machine.
        address: Of `web`.
        made: Its token is one that `up` made.
        terminal: People look at it.
    """
    # Given as a command that reads it: what is copied into a chat or a log holds no token.
    token, link, there = "TOKEN", "", ", where RUNHOOK_TOKEN or .env says one of RUNHOOK_API_TOKENS"
    if made:
        there = ""
        token = f"$(cat {shlex.quote(str(settings.token_file))})"
    if made and terminal:
        link = f"?token={generated.kept(settings.token_file)}"
    return (
        f"ready at {address}/{link}\n"
        f'  curl -s {address}/v1/jobs -H "Authorization: Bearer {token}"\n'
        f"or in another terminal{there}:\n"
        "  runhook models                                # find a model\n"
        "  runhook submit MODEL -i name=value --wait"
    )
