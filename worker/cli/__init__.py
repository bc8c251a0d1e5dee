"""The command line: `runhook`. Reading and asking go straight to Redis, with the same settings."""

import os
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

import click
from rich.live import Live

from runhook.config.private import OTHERS
from runhook.worker import catalogue
from runhook.worker.catalogue.views import model_view
from runhook.worker.cli import screens
from runhook.worker.cli.account import account, pause, resume
from runhook.worker.cli.comfy import app, workflow
from runhook.worker.cli.deliveries import deliveries, recover, redeliver
from runhook.worker.cli.demo import demo
from runhook.worker.cli.doctor import doctor
from runhook.worker.cli.files import lora, upload
from runhook.worker.cli.handlers import handlers
from runhook.worker.cli.listen import listen
from runhook.worker.cli.settle import cancel, reconcile, resolve, retry
from runhook.worker.cli.submit import submit
from runhook.worker.cli.talk import FAILED, Commands, err, out, print_json, show, wiring
from runhook.worker.cli.up import sandbox, up
from runhook.worker.cli.waiting import EVERY, going_on, say_end, wait
from runhook.worker.domain.jobs import Job, State
from runhook.worker.domain.views import job_view
from runhook.worker.telemetry import configure
from runhook.worker.wiring import Wiring


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="runhook")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Queue RunningHub generations, pay each once, hear of its end."""
    ctx.obj = os.umask(OTHERS)  # kept for handlers, whose files are not ours
    configure()


@cli.command()
@click.argument("job_id", required=False)
def watch(job_id: str | None) -> None:
    """See jobs move: one until it has ended, or the newest until Ctrl-C."""
    w = wiring()
    try:
        if job_id:
            job = wait(w, job_id, quiet=False)
            say_end(job)
            sys.exit(0 if job.state is State.SUCCEEDED else FAILED)
        _watch_newest(w)
    except KeyboardInterrupt:
        if job_id:
            err.print(going_on(job_id))
        return


def _watch_newest(w: Wiring) -> None:
    """A table that moves; in a pipe a line for each job whenever its state is another."""
    if not out.is_terminal:
        _say_moves(w)
    with Live(console=out, refresh_per_second=4) as live:
        while True:
            live.update(screens.jobs_table(_newest(w)))
            time.sleep(EVERY)


def _say_moves(w: Wiring) -> NoReturn:
    said: dict[str, State] = {}
    while True:
        moved = [job for job in reversed(_newest(w)) if said.get(job.id) is not job.state]
        out.print(screens.jobs_table(moved))
        said |= {job.id: job.state for job in moved}
        time.sleep(EVERY)


def _newest(w: Wiring) -> Sequence[Job]:
    return w.store.jobs.page(None, None, None, 20).jobs


@cli.command()
@click.option("--state", type=click.Choice([state.value for state in State]))
@click.option("--model", help="An endpoint or reference name.")
@click.option("--tenant", help="Whose they are.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def jobs(
    state: str | None, model: str | None, tenant: str | None, limit: int, as_json: bool
) -> None:
    """List jobs, newest first."""
    wanted = catalogue.canonical(model) if model else None
    page = wiring().store.jobs.page(state, wanted, None, limit, tenant=tenant)
    if as_json:
        print_json({"items": [job_view(job) for job in page.jobs], "next": page.next})
    else:
        show(screens.jobs_table(page.jobs), len(page.jobs), "no jobs")


@cli.command()
@click.argument("job_id")
@click.option("--json", "as_json", is_flag=True)
def job(job_id: str, as_json: bool) -> None:
    """Show one job with its deliveries and its timeline."""
    w = wiring()
    store = w.store
    found = store.jobs.get(job_id)
    timeline = store.jobs.timeline(job_id)
    if as_json:
        place = store.line.position(w.client.line_of(found.spec.options), job_id)
        print_json({**job_view(found, place), "timeline": timeline})
    else:
        out.print(screens.job_screen(found, store.deliveries.of_job(job_id), timeline))


@cli.command()
@click.argument("query", nargs=-1)
@click.option("--json", "as_json", is_flag=True)
def models(query: tuple[str, ...], as_json: bool) -> None:
    """List models whose names hold every word."""
    found = catalogue.search(" ".join(query))
    if as_json:
        print_json({"items": [model_view(model) for model in found], "next": None})
    else:
        show(screens.models_table(found), len(found), "no model has all these words")


@cli.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True)
def model(name: str, as_json: bool) -> None:
    """Show a model's parameters, rules and price."""
    found = catalogue.find(name)
    print_json(model_view(found)) if as_json else out.print(screens.model_screen(found))


for command in (
    up,
    demo,
    sandbox,
    doctor,
    submit,
    cancel,
    retry,
    reconcile,
    resolve,
    upload,
    lora,
    workflow,
    app,
    account,
    pause,
    resume,
    handlers,
    deliveries,
    redeliver,
    recover,
    listen,
):
    cli.add_command(command)


def main() -> None:
    """The console script."""
    cli()
