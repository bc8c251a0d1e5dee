"""`runhook up`: everything on this machine, and `runhook sandbox`: RunningHub's API for free."""

import fcntl
import json
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from runhook.config import generated, private
from runhook.config.settings import Settings, SettingsError
from runhook.worker.cli.fleet import (
    COMMANDS,
    Fleet,
    Say,
    free_port,
    sandbox_command,
    wait_until_ready,
)
from runhook.worker.domain.jobs import LOCAL
from runhook.worker.errors import RunhookError, StoreUnavailable
from runhook.worker.net.untrusted import one_line
from runhook.worker.runninghub.sandbox.faults import listing
from runhook.worker.store.embedded import EmbeddedServer, binary
from runhook.worker.wiring import assemble, check_port, check_server

SANDBOX_PORT = 8090
SANDBOX_PATIENCE = 30.0  # seconds; it takes one or two
# What Celery says to its terminal when it ends; here Ctrl-C is not its own, and pressed again it
# does nothing.
CELERY_ADVICE = ("worker: Hitting Ctrl+C", "worker: Cold shutdown", "worker: Warm shutdown")
COLOURS = {"web": "cyan", "worker": "green", "handlers": "yellow", "sandbox": "magenta"}


def keep_off_proxies(environ: dict[str, str]) -> dict[str, str]:
    """The same environment, in which calls on this machine go through no proxy."""
    for name in ("NO_PROXY", "no_proxy"):
        environ[name] = ",".join(filter(None, (environ.get(name), "127.0.0.1,localhost")))
    os.environ.update({name: environ[name] for name in ("NO_PROXY", "no_proxy")})
    return environ


def check_parts(*, server: bool, sandbox: bool) -> None:
    """Look whether everything that is about to be started is installed.

    Args:
        server: A Redis server of our own will run.
        sandbox: A sandbox will.

    Raises:
        SettingsError: Something is missing; the line says what, and what to install.
    """
    missing = []
    if sandbox:
        try:
            from runhook.worker.runninghub.sandbox import outputs as _draws_pictures  # noqa: F401
        except ImportError as error:
            missing.append({"PIL": "pillow"}.get(error.name or "", str(error)))
    if server:
        try:
            binary()
        except StoreUnavailable:
            missing.append("a Redis server (or REDIS_URL, which names one of yours)")
    if missing:
        raise SettingsError(
            f"this needs {' and '.join(missing)}: pip install 'runhook[local]'. "
            "Nothing was started."
        )


class Ended(BaseException):
    """SIGTERM or SIGINT: end everything in order."""


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGINT into Ended, once."""

    def end(*_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        raise Ended

    before = {n: signal.signal(n, end) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@click.command()
@click.option("--sandbox", is_flag=True, help="Work against a sandbox instead of RunningHub.")
def up(sandbox: bool) -> None:
    """Run everything on this machine: server, web, worker, handlers."""
    base = Settings.load()
    check_parts(server=base.embedded, sandbox=sandbox)
    port = free_port(SANDBOX_PORT)
    environ = keep_off_proxies(dict(os.environ))
    environ |= _beside(base, port) if sandbox else {}
    base.own_data_dir()
    if base.embedded and not base.secret_setting:
        base.make_secret()
    os.environ.update(environ)
    settings = Settings.load("worker")
    web = _own_token(settings)
    Settings.load("web", **web)
    server = EmbeddedServer(settings.data_dir, settings.embedded_socket) if base.embedded else None
    usual = click.get_current_context().obj  # files that handlers write are their owner's matter
    fleet = Fleet(environ, say=_saying(), umasks={"handlers": usual}, own={"web": web})
    with _alone_in(settings.data_dir), ending_on_signals():
        try:
            _announce(settings, _beside(base, port) if sandbox else None)
            check_port("127.0.0.1", settings.port)
            if server:
                server.start()
            check_server(assemble(settings, patience="door"))
            _start(fleet, port if sandbox else None)
            _watch(fleet, settings, made=bool(web))
        except Ended:
            click.echo("ending")
        finally:
            fleet.stop()
            _announce(settings, None)
            if server:
                server.stop()


def _own_token(settings: Settings) -> dict[str, str]:
    """What only `web` is told: a token of this machine's own, unless others are set.

    With one nobody is let in for where he seems to come from, so no proxy has to be seen through.
    """
    if settings.callers:
        return {}
    return {"RUNHOOK_API_TOKENS": f"{LOCAL}:{generated.token(settings.token_file)}"}


def _saying() -> Say:
    """Shows what the processes print, a line at a time."""
    lock = threading.Lock()

    def say(name: str, line: str) -> None:
        if line.startswith(CELERY_ADVICE):
            return
        head = click.style(f"{name:<9}", fg=COLOURS.get(name))
        with lock:
            for part in _readable(line):
                click.echo(f"{head} {part}")

    return say


def _start(fleet: Fleet, sandbox: int | None) -> None:
    """Start the processes, behind the sandbox on its port, which they ask at once."""
    if sandbox:
        fleet.start("sandbox", sandbox_command(sandbox))
        address = f"http://127.0.0.1:{sandbox}/sandbox/books"
        if wrong := wait_until_ready(address, SANDBOX_PATIENCE, fleet.tend):
            raise RunhookError(f"{wrong}; its last lines are above")
    for name, command in COMMANDS.items():
        fleet.start(name, command)


def _beside(base: Settings, port: int) -> dict[str, str]:
    """The environment of processes that work against a sandbox."""
    told_private = "allow_private_urls" in base.model_fields_set
    return {
        "RUNNINGHUB_BASE_URL": f"http://127.0.0.1:{port}",
        "RUNNINGHUB_API_KEY": base.api_key or "sandbox",
        "RUNHOOK_PUBLIC_URL": base.public_url or f"http://127.0.0.1:{base.port}",
        "RUNHOOK_ALLOW_PRIVATE_URLS": str(base.allow_private_urls or not told_private),
    }


def _announce(settings: Settings, sandbox: dict[str, str] | None) -> None:
    """Say where the sandbox is, so that commands in another terminal find it. Any key is good."""
    if sandbox:
        told = sandbox | {"RUNNINGHUB_API_KEY": "sandbox"}
        private.replace(settings.sandbox_file, json.dumps(told))
    else:
        settings.sandbox_file.unlink(missing_ok=True)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the data folder, so that two never share one embedded server."""
    with ExitStack() as held:
        try:
            lock = private.opened(folder / "up.lock", "w", os.O_WRONLY | os.O_CREAT)
            file = held.enter_context(lock)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingsError(
                f"RUNHOOK_DATA_DIR: another runhook up works in {folder}; end it first"
            ) from None
        except ValueError as stranger:
            raise SettingsError(f"RUNHOOK_DATA_DIR: {stranger}") from None
        yield


def _readable(line: str) -> list[str]:
    """A log line of a process for people: its event and its fields, and a traceback below them."""
    try:
        entry = json.loads(line)
        event = one_line(str(entry.pop("event")))
    except (ValueError, TypeError, KeyError, AttributeError):
        return [one_line(line)]
    trace = str(entry.pop("exception", "")).splitlines()
    loud = entry.pop("level", "info") in ("warning", "error")
    entry.pop("timestamp", None)
    fields = "  ".join(f"{name}={value}" for name, value in entry.items() if value is not None)
    head = click.style(f"{event:<18}", fg="red" if loud else None, bold=loud)
    return [f"{head} {one_line(fields)}", *(f"  {one_line(row)}" for row in trace)]


def _watch(fleet: Fleet, settings: Settings, *, made: bool) -> None:
    address = f"http://127.0.0.1:{settings.port}"
    wrong = wait_until_ready(f"{address}/readyz", 60, fleet.tend)
    if wrong:
        raise RunhookError(f"{wrong}; its last lines are above")
    click.echo(welcome(settings, address, made=made, terminal=sys.stdout.isatty()))
    while True:
        time.sleep(0.5)
        if name := fleet.tend():
            raise RunhookError(f"{name} ends again and again; its last lines are above")


def welcome(settings: Settings, address: str, *, made: bool, terminal: bool) -> str:
    """What to do now; the token itself is shown on a terminal only, for other output is kept.

    Args:
        settings: Of this machine.
        address: Of `web`.
        made: Its token is one that `up` made.
        terminal: People look at it.
    """
    where = shlex.quote(str(settings.token_file))
    token = f"$(cat {where})" if made else "TOKEN"
    link = f"?token={generated.kept(settings.token_file)}" if made and terminal else ""
    return (
        f"ready at {address}/{link}\n"
        f'  curl -s {address}/v1/jobs -H "Authorization: Bearer {token}"\n'
        "or in another terminal:\n"
        "  runhook models                                # find one\n"
        "  runhook submit MODEL -i name=value --wait"
    )


@click.command(epilog=f"What --faults can name, each with a rate:\n\n\b\n{listing()}")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=SANDBOX_PORT, show_default=True, type=click.IntRange(1, 65535))
@click.option("--faults", default="{}", metavar="JSON", help='As {"callback_lost": 0.1}.')
@click.option("--limit", default=50, show_default=True, help="Most tasks at once.")
@click.option("--pace", default=1.0, show_default=True, help="Multiplies every task's seconds.")
@click.option("--retry-gap", default=60.0, show_default=True, help="Seconds between callbacks.")
def sandbox(host: str, port: int, faults: str, limit: int, pace: float, retry_gap: float) -> None:
    """Serve RunningHub's API for free; any key is good."""
    check_parts(server=False, sandbox=True)
    from runhook.worker.runninghub.sandbox.faults import Faults
    from runhook.worker.runninghub.sandbox.server import create_app, serve

    try:
        rules = Faults(json.loads(faults))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--faults") from None
    app = create_app(rules, limit=limit, pace=pace, retry_gap=retry_gap)
    check_port(host, port, setting="--port")
    server = serve(app, host, port)
    click.echo(f"sandbox at http://{host}:{server.server_port}, {limit} tasks at once")

    def stop(*_: Any) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)
