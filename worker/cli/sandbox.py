"""`runhook sandbox`: RunningHub's API on this machine, for free."""

import json
import signal
import sys
from typing import Any

import click

from runhook.worker.runninghub.sandbox.faults import Faults, listing

SANDBOX_PORT = 8090  # beside 8080, where `web` listens


RULE = '{"rules": [{"fault": "refused", "value": 1014, "model": "vidu/*", "times": 3}]}'
RULES = f"Rules say more, as {RULE}: docs/cli.md has what a rule says."


@click.command(epilog=f"What --faults can name, each with a rate:\n\n\b\n{listing()}\n\n{RULES}")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=SANDBOX_PORT, show_default=True, type=click.IntRange(1, 65535))
@click.option("--socket", "held", type=int, hidden=True, help="One that listens there already.")
@click.option("--faults", default="{}", metavar="JSON", help='As {"callback_lost": 0.1}.')
@click.option("--limit", default=50, show_default=True, help="Tasks that may run at once.")
@click.option("--pace", default=1.0, show_default=True, help="Multiplies how long tasks take.")
@click.option("--retry-gap", default=60.0, show_default=True, help="Seconds between callbacks.")
def sandbox(
    host: str,
    port: int,
    held: int | None,
    faults: str,
    limit: int,
    pace: float,
    retry_gap: float,
) -> None:
    """Serve RunningHub's API for free; any key but 32 zeros is good."""
    from runhook.worker.cli.installed import check_installed
    from runhook.worker.wiring import check_port

    check_installed(server=False, sandbox=True)
    # Not at the top: the server needs pillow, which only runhook[local] brings.
    from runhook.worker.runninghub.sandbox.server import create_app, serve

    app = create_app(read_faults(faults), limit=limit, pace=pace, retry_gap=retry_gap)
    if held is None:
        check_port(host, port, setting="--port")
    server = serve(app, host, port, held)
    click.echo(f"sandbox at http://{host}:{server.port}, {limit} tasks at once")

    def stop(*_: Any) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


def read_faults(text: str) -> Faults:
    """What goes wrong, as --faults says it."""
    try:
        return Faults(json.loads(text))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--faults") from None
