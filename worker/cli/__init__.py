"""The command line: `runhook`. Reading and asking go straight to Redis, with the same settings."""

import sys
import time
from typing import Any

import click
import orjson
from rich.console import Console
from rich.live import Live

from config.settings import Settings, SettingsError
from worker import ask, catalogue
from worker.ask import Asked
from worker.cli import screens
from worker.cli.demo import demo
from worker.cli.up import sandbox, up
from worker.document import job_document, model_document
from worker.errors import InvalidRequest, NotFound, RunhookError, StoreUnavailable
from worker.jobs import Job, State
from worker.telemetry import configure
from worker.wiring import Wiring, assemble

FAILED, UNREACHABLE = 1, 3  # and 2 from click for wrong usage
WATCH_EVERY = 0.5

out = Console()
err = Console(stderr=True)


class Commands(click.Group):
    """Turns what goes wrong into a line and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except InvalidRequest as error:
            screens.show_faults(err, error)
            ctx.exit(FAILED)
        except SettingsError as error:
            click.echo(f"runhook: {error}", err=True)
            ctx.exit(FAILED)
        except StoreUnavailable as error:
            click.echo(f"runhook: {error}. Is `runhook up` running?", err=True)
            ctx.exit(UNREACHABLE)
        except RunhookError as error:
            click.echo(f"runhook: {error}", err=True)
            ctx.exit(FAILED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="runhook")
def cli() -> None:
    """Queue RunningHub generations, pay each once, hear of its end."""
    configure()


def _wiring() -> Wiring:
    return assemble(Settings.load(), patience="door")


def _print_json(body: Any) -> None:
    click.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2).decode())


@cli.command(name="submit")
@click.argument("model")
@click.option("-i", "inputs", multiple=True, metavar="NAME=VALUE", help="One parameter.")
@click.option("--input", "file", type=click.File("rb"), help="All parameters, as JSON.")
@click.option("-o", "options", multiple=True, metavar="NAME=VALUE", help="One option.")
@click.option("--priority", type=click.IntRange(0, 9), default=5, show_default=True)
@click.option("--key", help="Idempotency key: the same key makes one job.")
@click.option("--wait", is_flag=True, help="Wait until it has ended.")
@click.option("--json", "as_json", is_flag=True)
def submit_command(
    model: str,
    inputs: tuple[str, ...],
    file: Any,
    options: tuple[str, ...],
    priority: int,
    key: str | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Put a job into the line."""
    given = _from_file(file) if file else {}
    given |= {name: _typed(model, name, value) for name, value in map(_pair, inputs)}
    chosen = {name: _guess(value) for name, value in map(_pair, options)}
    w = _wiring()
    new, job = ask.request(w, Asked(model, given, chosen, priority=priority), key=key)
    if not wait:
        _print_json(job_document(job)) if as_json else click.echo(job.id)
        return
    if not as_json:
        err.print(f"{job.id} {'is in the line' if new else 'was asked for before'}")
    job = _wait(w, job.id, quiet=as_json)
    _print_json(job_document(job)) if as_json else _say_end(job)
    if job.state is not State.SUCCEEDED:
        sys.exit(FAILED)


@cli.command()
@click.argument("job_id", required=False)
def watch(job_id: str | None) -> None:
    """See jobs move: one until it has ended, or the newest until Ctrl-C."""
    w = _wiring()
    try:
        if job_id:
            job = _wait(w, job_id, quiet=False)
            _say_end(job)
            sys.exit(0 if job.state is State.SUCCEEDED else FAILED)
        with Live(console=out, refresh_per_second=4) as live:
            while True:
                live.update(screens.jobs_table(w.store.jobs.page(None, None, None, 20).jobs))
                time.sleep(WATCH_EVERY)
    except KeyboardInterrupt:
        return


@cli.command()
@click.option("--state", type=click.Choice([state.value for state in State]))
@click.option("--model", help="An endpoint or reference name.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def jobs(state: str | None, model: str | None, limit: int, as_json: bool) -> None:
    """List jobs, newest first."""
    if model and not catalogue.WORKFLOW.fullmatch(model):
        model = catalogue.find(model).endpoint
    page = _wiring().store.jobs.page(state, model, None, limit)
    if as_json:
        _print_json({"items": [job_document(job) for job in page.jobs], "next": page.next})
    else:
        out.print(screens.jobs_table(page.jobs) if page.jobs else "no jobs")


@cli.command()
@click.argument("job_id")
@click.option("--json", "as_json", is_flag=True)
def job(job_id: str, as_json: bool) -> None:
    """Show one job with its deliveries and its timeline."""
    store = _wiring().store
    found = store.jobs.get(job_id)
    timeline = store.jobs.timeline(job_id)
    if as_json:
        place = store.line.position(found.line, job_id)
        _print_json({**job_document(found, place), "timeline": timeline})
    else:
        out.print(screens.job_screen(found, store.deliveries.of_job(job_id), timeline))


@cli.command()
@click.argument("query", nargs=-1)
@click.option("--json", "as_json", is_flag=True)
def models(query: tuple[str, ...], as_json: bool) -> None:
    """List models whose names hold every word."""
    found = catalogue.search(" ".join(query))
    if as_json:
        _print_json({"items": [model_document(model) for model in found], "next": None})
    else:
        out.print(screens.models_table(found) if found else "no model has all these words")


@cli.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True)
def model(name: str, as_json: bool) -> None:
    """Show what a model's parameters take."""
    found = catalogue.find(name)
    _print_json(model_document(found)) if as_json else out.print(screens.model_screen(found))


def _wait(w: Wiring, job_id: str, *, quiet: bool) -> Job:
    shown = None
    while True:
        found = w.store.jobs.get(job_id)
        if not quiet and found.state != shown:
            err.print(screens.state_text(found), screens.age(found))
            shown = found.state
        if found.state.ended:
            return found
        time.sleep(WATCH_EVERY)


def _say_end(found: Job) -> None:
    for output in found.attempt.outputs:
        click.echo(output.url or output.text)
    if found.attempt.error:
        click.echo(f"{found.attempt.error.code}: {found.attempt.error.message}", err=True)


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name:
        raise click.UsageError(f"{text!r} is not NAME=VALUE")
    return name, value


def _from_file(file: Any) -> dict[str, Any]:
    try:
        given = orjson.loads(file.read())
    except orjson.JSONDecodeError as error:
        raise click.UsageError(f"--input is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise click.UsageError("--input must hold a JSON object")
    return given


def _typed(model_name: str, name: str, value: str) -> Any:
    """What was typed, as the parameter's type; left as text where that fails, to be refused."""
    try:
        found = catalogue.find(model_name)
    except NotFound:
        return value
    param = next((p for p in found.params if p.name == name), None)
    if param is None:
        return value
    if param.list or param.type == "object":
        return _guess(value) if value[:1] in "[{" else [value]
    return _guess(value) if param.type in ("integer", "number", "boolean") else value


def _guess(value: str) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


cli.add_command(up)
cli.add_command(demo)
cli.add_command(sandbox)


def main() -> None:
    """The console script."""
    cli()
