"""The group of all commands: which there are, where each is, and how an error ends one.

Exit statuses: 0 done, 1 the job or the call failed, 2 wrong usage (click's own), 3 cannot reach the
service, 130 broken off by Ctrl-C.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from runhook.worker.cli.interrupts import heard, unheard
from runhook.worker.cli.statuses import INTERRUPTED, WRONG
from runhook.worker.net.untrusted import one_line
from runhook.worker.telemetry import masked


class Deferred(click.Command):
    """A command whose module is imported when it is typed; to list it, its help is enough.

    What it takes and does, also its own --help and completion, is the command's of that module.
    """

    def __init__(self, name: str, module: str, help: str) -> None:
        super().__init__(name, help=help)
        self._module = module

    def load(self) -> click.Command:
        """The command itself."""
        with unheard():
            command: click.Command = getattr(import_module(self._module), str(self.name))
        return command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """A context of the command itself, which click asks for everything from then on."""
        return self.load().make_context(info_name, args, parent, **extra)


class Commands(click.Group):
    """The group of all commands; it turns an error into one line and an exit status."""

    def defer(self, commands: Mapping[str, Mapping[str, str]]) -> None:
        """Add commands.

        Args:
            commands: By the module that has them: the name of each, and its help's first sentence.
        """
        for module, named in commands.items():
            for name, help in named.items():
                self.add_command(Deferred(name, module, help))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            with heard():
                return super().invoke(ctx)
        except UnicodeEncodeError:
            click.echo("Error: what was typed holds bytes that are no text in UTF-8", err=True)
            ctx.exit(WRONG)
        except KeyboardInterrupt:
            # Those that wait for something say more, and what.
            click.echo("broken off here; what the service has begun goes on without you", err=True)
            ctx.exit(INTERRUPTED)
        except NoArgsIsHelpError as asked:
            asked.show()  # a page of help, of which click makes the message of an error
            ctx.exit(WRONG)
        except click.ClickException as error:
            # As click would, but what was typed may hold a secret or control characters.
            if isinstance(error, click.UsageError) and error.ctx:
                click.echo(error.ctx.get_usage(), err=True)
            click.echo(one_line(f"Error: {masked(error.format_message())}"), err=True)
            ctx.exit(error.exit_code)
        except (click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            # Not at the top: it brings the client, which --help does without.
            from runhook.worker.cli.refusals import told

            status = told(error)
            if status is None:
                raise
            ctx.exit(status)
