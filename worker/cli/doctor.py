"""`runhook doctor`: what is wrong here, and what to do about it."""

import os
import sys
from dataclasses import asdict

import click

from runhook.worker.cli import screens
from runhook.worker.cli.talk import FAILED, out, print_json, wiring
from runhook.worker.flows.doctor import examine
from runhook.worker.secrets.signing import account_fingerprint


@click.command()
@click.option(
    "--fix", is_flag=True, help="First make every index right, and let parked duties try once more."
)
@click.option(
    "--take-over", is_flag=True, help="The jobs here are this key's: it is new, the account is not."
)
@click.option("--json", "as_json", is_flag=True)
def doctor(fix: bool, take_over: bool, as_json: bool) -> None:
    """Check settings, server, processes, callbacks, key, line and duties."""
    w = wiring()
    if take_over:
        account = account_fingerprint(w.settings.base_url, w.settings.api_key)
        w.store.processes.take_over_account(account)
    fixed = None
    if fix:  # without Redis this ends with status 3
        fixed = w.store.upkeep.repair() + w.store.duties.release(w.store.duties.parked())
    found = examine(w, os.environ)
    if as_json:
        print_json({"items": [asdict(finding) for finding in found], "fixed": fixed})
    else:
        out.print(screens.findings_table(found))
        if fixed is not None:
            said = f"{fixed} places were wrong and are right now" if fixed else "none was wrong"
            out.print(f"\nindexes: {said}")
    if any(finding.word == "bad" for finding in found):
        sys.exit(FAILED)
