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
# What click's own lines take amiss, by shell, and what stands there in its place.
MENDED = {
    # Bash has the = of --model=vidu as a word of its own.
    "bash": {
        "    local response\n": "    local response word words=()\n"
        '    for word in "${COMP_WORDS[@]:0:COMP_CWORD}"; do\n'
        '        [[ $word == "=" ]] || words+=("$word")\n'
        "    done\n"
        '    words+=("${COMP_WORDS[COMP_CWORD]}")\n',
        'COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD': 'COMP_WORDS="${words[*]}" '
        "COMP_CWORD=$((${#words[@]} - 1))",
    },
    # Fish completes the whole of --model=vidu. And a description may have commas.
    "fish": {
        'string split ","': 'string split --max 1 ","',
        "echo $metadata[2]": 'echo (string match -r -- "^--[^=]+=|^" (commandline -t))$metadata[2]',
    },
}
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
    for wrong, right in MENDED.get(shell, {}).items():
        source = source.replace(wrong, right)
    click.echo(f"{BEFORE.get(shell, '')}{source}")


def models(_context: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """The endpoints and the reference's names that begin so, for the shell.

    Read without the catalogue, whose schema would take fifty times as long: somebody waits for it
    at every press of a key.
    """
    import json

    import runhook.config

    found = set[str]()
    for file in (Path(runhook.config.__path__[0]) / "models").glob("*.json"):
        records = json.loads(file.read_bytes())
        if isinstance(records, list):  # the schema is none of them
            found |= {str(one[name]) for one in records for name in ("endpoint", "name")}
    return sorted(name for name in found if name.startswith(typed))


# Of commands that list what is of one model, or of several.
of_model = click.option(
    "--model",
    shell_complete=models,
    help="An endpoint, the reference's name, or a pattern as vidu/*.",
)
