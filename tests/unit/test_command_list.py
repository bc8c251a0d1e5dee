"""The list of commands: it is there at once, and tells the same as the commands themselves."""

import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from runhook.worker import cli as commands
from runhook.worker.cli.completion import models
from runhook.worker.cli.delivery_tables import COLOURS
from runhook.worker.cli.group import Deferred
from runhook.worker.cli.root import cli
from runhook.worker.store.delivered import STATES

# What a command needs and a list of commands does not: each takes longer than the list itself.
HEAVY = {"celery", "flask", "kombu", "orjson", "pydantic", "redis", "requests", "rich"}
IMPORTED = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
"""
RUNHOOK = f"{IMPORTED}from runhook.worker.cli.root import cli\ncli(prog_name='runhook')"


def _imported(program: str, *words: str, **environ: str) -> tuple[str, set[str]]:
    """What a program printed, and all that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout, set(done.stderr.split())


def test_help_is_written_without_the_libraries_that_commands_need() -> None:
    shown, imported = _imported(RUNHOOK, "--help")
    assert "List jobs, newest first." in shown
    assert imported.isdisjoint(HEAVY)


def test_the_help_of_no_command_needs_what_only_its_work_does() -> None:
    program = f"""{IMPORTED}
from runhook.worker.cli.root import cli
for name in cli.commands:
    cli([name, "--help"], standalone_mode=False)
"""
    shown, imported = _imported(program)
    assert shown.count("Usage: ") == len(cli.commands)
    # Tables are drawn by rich, and what a job is, pydantic must know.
    assert imported.isdisjoint(HEAVY - {"orjson", "pydantic", "rich"})


def test_a_command_is_completed_without_the_libraries_that_commands_need() -> None:
    typed = {"COMP_WORDS": "runhook rec", "COMP_CWORD": "1", "_RUNHOOK_COMPLETE": "bash_complete"}
    shown, imported = _imported(RUNHOOK, **typed)
    assert shown.split() == ["plain,reconcile", "plain,recover"]
    assert imported.isdisjoint(HEAVY)


def test_the_options_of_a_command_are_completed() -> None:
    typed = {"COMP_WORDS": "runhook jobs --st", "COMP_CWORD": "2"}
    shown, _ = _imported(RUNHOOK, _RUNHOOK_COMPLETE="bash_complete", **typed)
    assert shown.split() == ["plain,--state"]


@pytest.mark.parametrize(
    "words", ["submit", "model", "trigger job.failed --model", "jobs --model", "costs --model"]
)
def test_models_are_completed_without_the_catalogue(words: str) -> None:
    typed = {"COMP_WORDS": f"runhook {words} vidu/text-to-video-q3-t"}
    typed["COMP_CWORD"] = str(len(words.split()) + 1)
    shown, imported = _imported(RUNHOOK, _RUNHOOK_COMPLETE="bash_complete", **typed)
    assert shown.split() == ["plain,vidu/text-to-video-q3-turbo"]
    assert imported.isdisjoint(HEAVY - {"orjson", "pydantic", "rich"})


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_what_completes_there(shell: str) -> None:
    shown, _ = _imported(RUNHOOK, "completion", shell)
    assert f"_RUNHOOK_COMPLETE={shell}_complete" in shown


def test_a_part_of_runhook_imports_nothing_that_it_does_not_name() -> None:
    _, imported = _imported(f"{IMPORTED}import runhook.worker.errors")
    assert imported.isdisjoint(HEAVY)


def test_the_names_for_users_code_are_all_there_and_no_others() -> None:
    program = "from runhook import *; print(Event, Retry, Stop, on)\nimport runhook\nrunhook.off"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "HandlerEvent" in done.stdout
    assert done.stderr.endswith("AttributeError: module 'runhook' has no attribute 'off'\n")


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_the_list_says_of_a_command_what_its_own_help_says_first(name: str) -> None:
    listed = cli.commands[name]
    assert isinstance(listed, Deferred)
    command = listed.load()
    assert command.name == name
    first = str(command.help).partition("\n\n")[0]
    assert listed.help == " ".join(first.split())


def test_deliveries_can_be_listed_by_every_state() -> None:
    assert set(COLOURS) == set(STATES)


def test_every_command_is_listed() -> None:
    parts = [part.name for part in pkgutil.iter_modules(commands.__path__)]
    found = {
        value
        for part in set(parts) - {"__main__", "root"}
        for value in vars(import_module(f"{commands.__name__}.{part}")).values()
        if isinstance(value, click.Command)
    }
    nested = {one for group in found if isinstance(group, click.Group) for one in _nested(group)}
    assert {one.name for one in found - nested} == set(cli.commands)


def _nested(group: click.Group) -> list[click.Command]:
    return list(group.commands.values())


def test_a_group_of_commands_without_one_shows_its_help_as_it_is() -> None:
    found = CliRunner().invoke(cli, ["subscriptions"])
    assert found.exit_code == 2
    assert "\nCommands:\n  create " in found.output
    assert "Error" not in found.output


def _completed_in(*shell: str) -> str:
    folder = Path(sys.executable).parent
    done = subprocess.run(
        shell,
        env=os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


@pytest.mark.parametrize("words", ["submit vidu/text-to-v", "jobs --model = vidu/text-to-v"])
def test_bash_completes_a_model_by_what_completion_prints(words: str) -> None:
    program = f"""
eval "$(runhook completion bash)"
COMP_WORDS=(runhook {words}ideo-q3-t) COMP_CWORD={len(words.split())}
_runhook_completion runhook && echo "${{COMPREPLY[@]}}"
"""
    shown = _completed_in("bash", "--norc", "--noprofile", "-c", program)
    assert shown.split() == ["vidu/text-to-video-q3-turbo"]


@pytest.mark.programs  # which installs it
def test_fish_completes_a_model_behind_an_equals_sign_and_describes_all_of_an_option() -> None:
    load = "runhook completion fish | source; complete -C"
    words = "runhook jobs --model=vidu/text-to-video-q3-t"
    shown = _completed_in("fish", "--no-config", "-c", f'{load} "{words}"')
    assert shown.split() == ["--model=vidu/text-to-video-q3-turbo"]
    shown = _completed_in("fish", "--no-config", "-c", f'{load} "runhook jobs --mode"')
    assert shown.strip().endswith("or a pattern as vidu/*.")


def test_a_model_is_completed_by_the_references_name_too() -> None:
    assert "kling-elements" in models(click.Context(cli), click.Argument(["model"]), "kling-el")


def test_a_zsh_that_nobody_set_up_is_set_up_before_it_completes() -> None:
    said = CliRunner().invoke(cli, ["completion", "zsh"]).output
    assert said.index("compinit") < said.index("compdef _runhook_completion")
