"""The command line: `runhook`. Reading and asking go straight to Redis, with the same settings."""

import os

import click

from runhook.config.private import OTHERS
from runhook.worker.cli.account import account, pause, resume
from runhook.worker.cli.comfyui import app, workflow
from runhook.worker.cli.commands import Commands
from runhook.worker.cli.deliveries import deliveries, recover, redeliver
from runhook.worker.cli.demo import demo
from runhook.worker.cli.doctor import doctor
from runhook.worker.cli.files import lora, upload
from runhook.worker.cli.handlers import handlers
from runhook.worker.cli.jobs import cancel, job, jobs, reconcile, resolve, retry
from runhook.worker.cli.listen import listen
from runhook.worker.cli.models import model, models
from runhook.worker.cli.sandbox import sandbox
from runhook.worker.cli.submit import submit
from runhook.worker.cli.up import up
from runhook.worker.cli.watch import watch
from runhook.worker.telemetry import configure


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="runhook")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Queue RunningHub generations, pay for each once, and learn how each ends."""
    ctx.obj = os.umask(OTHERS)  # kept for handlers: the files that they write are not ours
    configure()


# As a user meets them; --help sorts them by name.
for command in (
    up,
    demo,
    sandbox,
    doctor,
    models,
    model,
    workflow,
    app,
    submit,
    watch,
    jobs,
    job,
    cancel,
    retry,
    reconcile,
    resolve,
    upload,
    lora,
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
    """Run the console script."""
    cli()
