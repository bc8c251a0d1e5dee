"""How the command line speaks: its two consoles, JSON, errors as a line and an exit status."""

from typing import Any

import click
import orjson
from rich.console import Console

from config.settings import Settings, SettingsError
from worker.cli import screens
from worker.errors import InvalidRequest, ProviderRefused, ProviderSilent, RunhookError
from worker.errors import StoreUnavailable as Away
from worker.wiring import Wiring, assemble

FAILED, UNREACHABLE = 1, 3  # and 2 from click for wrong usage

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
        except Away as error:
            click.echo(f"runhook: {str(error).rstrip('.')}. Is `runhook up` running?", err=True)
            ctx.exit(UNREACHABLE)
        except ProviderSilent as error:
            click.echo(f"runhook: RunningHub: {error}", err=True)
            ctx.exit(FAILED if isinstance(error, ProviderRefused) else UNREACHABLE)
        except RunhookError as error:
            click.echo(f"runhook: {error}", err=True)
            ctx.exit(FAILED)


def wiring(*, asks: bool = False) -> Wiring:
    """The parts of a command.

    Args:
        asks: It asks RunningHub, so it needs a key.
    """
    return assemble(Settings.load("asker" if asks else "client"), patience="door")


def print_json(body: Any) -> None:
    """One JSON document on standard output."""
    click.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2, default=str).decode())
