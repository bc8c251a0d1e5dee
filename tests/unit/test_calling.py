"""The same call as curl and as Python: whatever a prompt says, it stays a text."""

import ast
import json
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest

from runhook.worker.domain.calling import as_curl, as_python, request_of
from runhook.worker.domain.jobs import Job, JobHistory, JobSpec, State

BASE = "https://hooks.example"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
HOSTILE = [
    "it's '; touch /tmp/owned; '",
    "$(id) `id` $HOME \\$(id) !! \\",
    'a "quote" and \\" and \\\\\' and \'"\'"\'',
    "line\nJSON\nEOF\r\n\ttab\x00nul\x1b[31m",
    "'''\n\"\"\" + __import__('os').system('id')",
    "\u202eturned\u2066 \u200bunseen \u2028 \ufeff",
    "海边的黎明 🌅 \U000e0041",
    "lone \ud800 surrogate",
    "</pre><script>alert(1)</script>",
    "",
]


def body(prompt: str) -> dict[str, Any]:
    """A request with this prompt, in a value and in a name."""
    given = {"prompt": prompt, "n": 3, "on": True, "none": None, prompt: [1.5, {"x": prompt}]}
    return {"model": "vidu/x", "input": given, "metadata": {"order": prompt}}


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("prompt", HOSTILE)
def test_a_shell_hands_curl_the_very_body(shell: str, prompt: str) -> None:
    # curl as a function that says what it was given: nothing else of the line may run.
    script = 'curl() { for a in "$@"; do printf \'%s\\0\' "$a"; done; }\n' + as_curl(
        BASE, body(prompt)
    )
    env = {"RUNHOOK_TOKEN": "the-token", "PATH": "/nowhere"}
    done = subprocess.run([f"/bin/{shell}", "-c", script], capture_output=True, env=env)
    assert done.stderr == b""
    given = done.stdout.decode().split("\0")
    assert given[:3] == ["-sS", f"{BASE}/v1/jobs", "-H"]
    assert "Authorization: Bearer the-token" in given
    assert json.loads(given[-2]) == body(prompt)


@pytest.mark.parametrize("prompt", HOSTILE)
def test_python_reads_the_very_values_and_nothing_else(prompt: str) -> None:
    tree = ast.parse(as_python(BASE, body(prompt)))
    assert [type(node).__name__ for node in tree.body] == [
        *("Import", "ImportFrom", "Assign", "Assign", "Expr")
    ]
    call = next(node for node in ast.walk(tree.body[3]) if isinstance(node, ast.Call))
    assert [ast.literal_eval(one) for one in call.args] == ["vidu/x", body(prompt)["input"]]
    [more] = call.keywords
    assert (more.arg, ast.literal_eval(more.value)) == ("metadata", {"order": prompt})


@pytest.mark.parametrize("prompt", HOSTILE)
def test_nothing_in_a_call_is_unseen_and_it_can_be_written_down(prompt: str) -> None:
    for call in (as_curl(BASE, body(prompt)), as_python(BASE, body(prompt))):
        call.encode()
        assert all(letter.isprintable() or letter == "\n" for letter in call)


def test_a_call_has_what_was_asked_for_without_its_secrets() -> None:
    spec = JobSpec(
        model="workflow/1",
        kind="comfy",
        input={"6.text": "a cat"},
        created_at=NOW,
        options={"accessPassword": "sealed:abc", "retries": 1},
        metadata={"order": 7},
        priority=9,
        handlers=("publish",),
        parent="job_1",
        group="set",
    )
    job = Job(
        id="job_2",
        spec=spec,
        state=State.FAILED,
        history=JobHistory(updated_at=NOW),
        tenant="shop-7",
    )
    assert request_of(job) == {
        "model": "workflow/1",
        "input": {"6.text": "a cat"},
        "options": {"accessPassword": "…", "retries": 1},
        "metadata": {"order": 7},
        "priority": 9,
        "handlers": ["publish"],
        "tenant": "shop-7",
    }
    assert "tenant" not in request_of(job, "shop-7")
