"""All commands: which there are, and in which file each is.

`--help` and completion import no command, and a command's own --help only its options: its file
imports at the top what these need, and each function what its work needs. Redis, Celery and
requests are half a second of waiting.
"""

import errno
import os
import sys
from pathlib import Path

import click

from runhook.config.private import OTHERS
from runhook.worker.cli.group import Commands
from runhook.worker.cli.interrupts import quieten
from runhook.worker.cli.statuses import FAILED
from runhook.worker.telemetry import configure

UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EIO}  # whoever reads no more ends us quietly: click
# By file, the commands in it with the first paragraph of their help; --help sorts them by name.
COMMANDS = {
    "up": {"up": "Run everything on this machine."},
    "demo": {"demo": "See everything that can happen, for free."},
    "sandbox": {"sandbox": "Serve RunningHub's API for free; any key but 32 zeros is good."},
    "backup": {"backup": "Write everything that Redis holds of this installation into FILE."},
    "restore": {"restore": "Put a backup into an installation that is still empty."},
    "doctor": {"doctor": "Find what is wrong here, and what to do."},
    "probe": {"probe": "Compare what RunningHub answers with what runhook believes."},
    "models": {
        "models": "List the models whose names hold every word of QUERY.",
        "model": "Show a model's parameters, rules and price.",
    },
    "comfyui": {
        "workflow": "Show the fields of a workflow.",
        "app": "Show the fields of an AI app, or its styles.",
    },
    "submit": {"submit": "Queue a job, or a job for each line of a file."},
    "watch": {"watch": "Watch a job until it ends, or the newest."},
    "jobs": {
        "jobs": "List jobs, newest first.",
        "job": "Show one job with its deliveries and its timeline.",
        "tree": "Show a job and what grew from it.",
    },
    "groups": {"group": "Show how many jobs of a group are in which state."},
    "changes": {
        "cancel": "Cancel a job; free until it is sent.",
        "retry": "Run a job again, and pay for it again.",
        "reconcile": "Ask RunningHub about a job now.",
        "resolve": "Settle an unconfirmed job yourself.",
        "forget": "Remove an ended job, its files, deliveries and events.",
        "download": "Write every output of a job into FOLDER, or here.",
    },
    "files": {
        "upload": "Keep a file for jobs.",
        "lora": "Upload a LoRA to RunningHub.",
    },
    "account": {
        "account": "Show the account's balance, limit and use.",
        "pause": "Pause the queue: nothing new is sent; what runs goes on.",
        "resume": "Let the queue go on.",
    },
    "costs": {"costs": "Show what days cost, by day, model, tenant or metadata."},
    "handlers": {"handlers": "List handlers, and what waits for each."},
    "subscriptions": {
        "subscriptions": "Have events posted to URLs of your own.",
    },
    "deliveries": {
        "deliveries": "List deliveries, or show one.",
        "redeliver": "Deliver again: one, or all that match.",
        "recover": "Make good what is missing since a time.",
    },
    "completion": {
        "completion": "Print a shell's completion of commands and models.",
    },
    "trigger": {"trigger": "Send a sample event to your handlers; nothing is paid."},
    "listen": {"listen": "Follow events as they happen, until Ctrl-C."},
    "mcp": {"mcp": "Serve AI agents over stdio, by the Model Context Protocol."},
}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="runhook")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Queue RunningHub generations, pay for each once, and learn how each ends."""
    ctx.obj = os.umask(OTHERS)  # kept for handlers: the files that they write are not ours
    configure()


cli.defer({f"{__package__}.{file}": commands for file, commands in COMMANDS.items()})


def run() -> None:
    """Run the command that was typed, and end the process."""
    if sys.stdout is None:  # closed by who called; the work is done all the same
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - as long as the process
    try:
        cli()
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        click.echo(f"runhook: this could not be written: {error.strerror}", err=True)
        # What is left to be written is given up, or Python would try once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    finally:
        quieten()  # whatever Python still does at its end
