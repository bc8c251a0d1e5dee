"""The call that asks for a job again, as curl and as Python, to be pasted as it stands. Pure.

Whatever a prompt says, a shell and Python take it for nothing but a text: curl's body has no quote
that ends it, no backslash that another shell reads, and no character that nobody sees. The token is
named and never written.
"""

import json
from collections.abc import Mapping
from pprint import pformat
from typing import Any

from runhook.worker.domain.jobs import LOCAL, Job

USUAL_PRIORITY = 5  # of a job that says none
WIDTH = 88  # characters of a line of Python, as far as its values let themselves be broken
HIDDEN = "…"  # for what is sealed here, and is to be written anew


def request_of(job: Job, asker: str = LOCAL) -> dict[str, Any]:
    """What to POST to have such a job again; what it belonged to is left out.

    Args:
        job: Which.
        asker: Who would ask; another tenant's job names its own.
    """
    spec = job.spec
    body: dict[str, Any] = {"model": spec.model, "input": spec.input}
    if spec.options:
        body["options"] = dict(spec.options)
        if "accessPassword" in spec.options:
            body["options"]["accessPassword"] = HIDDEN
    if spec.metadata:
        body["metadata"] = spec.metadata
    if spec.priority != USUAL_PRIORITY:
        body["priority"] = spec.priority
    if spec.handlers is not None:
        body["handlers"] = list(spec.handlers)
    if job.tenant != asker:
        body["tenant"] = job.tenant
    return body


def as_curl(base: str, body: Mapping[str, Any]) -> str:
    """The call as a line of curl, for any shell with single quotes.

    Args:
        base: The URL of this installation.
        body: What to POST.
    """
    return (
        f"curl -sS '{_plain(base)}/v1/jobs' \\\n"
        '  -H "Authorization: Bearer $RUNHOOK_TOKEN" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  --data-raw '{_plain(json.dumps(body, ensure_ascii=False, indent=1))}'"
    )


def as_python(base: str, body: Mapping[str, Any]) -> str:
    """The call as a Python program.

    Args:
        base: The URL of this installation.
        body: What to POST.
    """
    rest = {name: value for name, value in body.items() if name not in ("model", "input")}
    parts = [_python(body["model"]), _python(body["input"])]
    parts += [f"{name}={_python(value)}" for name, value in rest.items()]
    lines = "".join(f"    {part},\n" for part in parts)
    return (
        "import os\n\nfrom runhook import Runhook\n\n"
        f'runhook = Runhook(url={base!r}, token=os.environ["RUNHOOK_TOKEN"])\n'
        f"job = runhook.submit(\n{lines})\nprint(job.wait().outputs)"
    )


def _python(value: Any) -> str:
    """A value as Python has it, which shows what nobody sees as an escape."""
    return pformat(value, width=WIDTH, sort_dicts=False).replace("\n", "\n    ")


def _plain(text: str) -> str:
    """JSON, or a URL, that may stand between single quotes of any shell and says the same."""
    # Of JSON's own escapes only these begin with a backslash, and fish would read the first away.
    text = text.replace("\\\\", "\\u005c").replace("'", "\\u0027")
    return "".join(_seen(letter) for letter in text)


def _seen(letter: str) -> str:
    """A character, as an escape of JSON where it does not show or turns what stands around it."""
    if letter.isprintable() or letter == "\n":
        return letter
    return json.dumps(letter)[1:-1]
