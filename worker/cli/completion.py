"""`runhook completion`: what a shell needs to complete commands, options and models."""

from pathlib import Path

import click

SHELLS = ("bash", "zsh", "fish")
HOW = {
    "bash": "echo 'eval \"$(runhook completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(runhook completion zsh)\"' >> ~/.zshrc",
    "fish": "mkdir -p ~/.config/fish/completions; "
    "runhook completion fish > ~/.config/fish/completions/runhook.fish",
}
# What click's own lines need: a zsh that nobody has set up completes nothing.
BEFORE = {"zsh": "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }\n"}
ONCE = "\n\n".join(f"\b\n{shell}:\n  {line}" for shell, line in HOW.items())


@click.command(epilog=f"To have it in every new shell:\n\n{ONCE}")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print a shell's completion of commands and models."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:  # the choice has none that click does not know
        raise click.UsageError(f"nothing completes in {shell}")
    root = click.get_current_context().find_root()
    source = found(root.command, {}, "runhook", "_RUNHOOK_COMPLETE").source()
    click.echo(f"{BEFORE.get(shell, '')}{source}")


def models(_context: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """The endpoints that begin so, for the shell.

    Read without the catalogue, whose schema would take fifty times as long: somebody waits for it
    at every press of a key.
    """
    import json

    import runhook.config

    found = []
    for file in (Path(runhook.config.__path__[0]) / "models").glob("*.json"):
        records = json.loads(file.read_bytes())
        if isinstance(records, list):  # the schema is none of them
            found += [str(one["endpoint"]) for one in records]
    return sorted(name for name in found if name.startswith(typed))


# Of commands that list what is of one model, or of several.
of_model = click.option(
    "--model",
    shell_complete=models,
    help="An endpoint, the reference's name, or a pattern as vidu/*.",
)
