"""Every call as a page for people: `python -m tests.http_page` writes docs/http.md.

Calls, scopes and bodies are the routes' own; the test is the first that makes the call.
"""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from runhook.webhook.app import routed
from runhook.webhook.edge.bodies import FORM
from runhook.webhook.openapi.document import calls
from runhook.webhook.openapi.operations import Call
from runhook.worker.domain.problem_kinds import KINDS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "http.md"
PROBLEMS = ROOT / "docs" / "problems.md"
# What stands in paths, as examples name it.
NAMES = {
    "job_id": "JOB",
    "delivery_id": "DELIVERY",
    "asset_id": "ASSET",
    "subscription_id": "SUBSCRIPTION",
    "workflow_id": "WORKFLOW",
    "webapp_id": "APP",
}
# What the same word in two paths means, and what is the same everywhere.
WORDS = {
    "n": "0",
    "file": "start.js",
    "kind": "not-found",
    "/v1/groups/{name}": "spring",
    "/v1/handlers/{name}": "publish",
    "name": "rhart-image-n-pro/text-to-image",
}
QUERIES = {"delete_tree": "?root=$JOB"}
WIDTH = 90  # characters of an example's line
SHORT = 2  # seconds that an example of a stream listens for
HEAD = """# Every call of /v1

Written by `make http` from the routes themselves; a test runs every example. `/openapi.json` says
the same to programs, in every detail, and `/docs` lets you try it; `/asyncapi.json` tells of
events.

```sh
export WEB=http://127.0.0.1:8080 AUTH="Authorization: Bearer $(cat .runhook/token)"
```

```python
import os, requests

WEB = os.environ["WEB"]
HEADERS = {"Authorization": os.environ["AUTH"].partition(": ")[2]}
JOB, DELIVERY, ASSET, SUBSCRIPTION, WORKFLOW, APP = (
    os.environ.get(name)
    for name in ("JOB", "DELIVERY", "ASSET", "SUBSCRIPTION", "WORKFLOW", "APP")
)
```

`$JOB`, `$DELIVERY`, `$ASSET`, `$SUBSCRIPTION`, `$WORKFLOW` and `$APP` below are ids of your own:
export those that you try.

A client in your own language is generated from the document. Our tests do it with
`openapi-python-client generate --path openapi.json`, ask for a job with it and read it; generators
of other languages read the same document.

A request brings a name of its own, `X-Request-Id`, or gets one; the answer and each log line about
it have it. What is wrong is a [problem](problems.md) with a stable `type`; a 429 or 503 says in
`Retry-After` when to come again. An unknown parameter, member or cursor is refused with 422, all at
once, each with the nearest name. Times are UTC with milliseconds, amounts are exact decimal
strings.

"""
PROBLEMS_HEAD = """# Every kind of problem

Written by `make http` from `worker/domain/problem_kinds.py`. An error is a document of RFC 9457;
its `type` stays the same for ever, and leads on your own web to what stands here. `detail` says
what happened this time.

| `type` | status | what happened | what to do |
|---|---|---|---|
"""


def page() -> str:
    """The page as it should be."""
    told = calls(routed())
    rows = "".join(_row(call) for call in told)
    table = f"| call | scope | what | tested by |\n|---|---|---|---|\n{rows}"
    return HEAD + table + "".join(_example(call) for call in told)


def problems() -> str:
    """The page of problems as it should be."""
    rows = (f"| `{k.type}` | {k.status} | {k.means} | {k.then} |\n" for k in KINDS)
    return PROBLEMS_HEAD + "".join(rows)


def _row(call: Call) -> str:
    title = f"{call.method} {call.path}"
    scopes, what = call.scopes_told, _summary(call)
    return f"| [`{title}`](#{_anchor(title)}) | {scopes} | {what} | {_test(call)} |\n"


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")


def _summary(call: Call) -> str:
    text = (call.route.__doc__ or "").partition("\n\n")[0]
    return " ".join(text.split()).replace("|", "\\|")


def _example(call: Call) -> str:
    lines = [f"\n## {call.method} {call.path}\n", f"{_summary(call)}\n"]
    lines += ["```sh", curl(call), "```\n", "```python", python(call), "```"]
    return "\n".join(lines) + "\n"


def curl(call: Call) -> str:
    """The call for a shell."""
    parts = ["curl -s", *_method(call), f'"$WEB{_place(call)}"', '-H "$AUTH"']
    if _is_stream(call):
        parts[0] = f"curl -sN --max-time {SHORT}"
    reads = call.reads
    if reads and reads.media == FORM:
        parts.append("-F file=@photo.png")
    elif reads:
        body = json.dumps(reads.example)
        parts += [f"-H 'Content-Type: {reads.media}'", f"-d '{body}'"]
    return _folded(parts)


def python(call: Call) -> str:
    """The call in Python."""
    place = re.sub(r"\$([A-Z]+)", r"{\1}", _place(call))
    told, reads = [f'f"{{WEB}}{place}"', "headers=HEADERS"], call.reads
    if reads and reads.media == FORM:
        told.append('files={"file": open("photo.png", "rb")}')
    elif reads and reads.media.endswith("ndjson"):
        told[1] = f'headers=HEADERS | {{"Content-Type": "{reads.media}"}}'
        told.append(f"data={json.dumps(reads.example)!r}")
    elif reads:
        told.append(f"json={json.dumps(reads.example).replace('true', 'True')}")
    if _is_stream(call):
        told.append("stream=True")
    asked = f"answer = requests.{call.method.lower()}({', '.join(told)})"
    if len(asked) > WIDTH:
        lines = ",\n    ".join(told)
        asked = f"answer = requests.{call.method.lower()}(\n    {lines},\n)"
    return asked.replace("false", "False")


def _method(call: Call) -> Iterator[str]:
    if call.method != "GET" and not (call.reads and call.method == "POST"):
        yield f"-X {call.method}"


def _is_stream(call: Call) -> bool:
    return call.path.endswith("/stream")


def _place(call: Call) -> str:
    path = call.path
    if path in WORDS:
        return path.replace("{name}", WORDS[path])

    def meant(found: re.Match[str]) -> str:
        name = found[1]
        return f"${NAMES[name]}" if name in NAMES else WORDS[name]

    return re.sub(r"\{(\w+)\}", meant, path) + QUERIES.get(call.route.__name__, "")


def _folded(parts: list[str]) -> str:
    if sum(map(len, parts)) < WIDTH:
        return " ".join(parts)
    return " \\\n  ".join([" ".join(parts[:-2]), *parts[-2:]])


def _test(call: Call) -> str:
    """The first test in tests/web that makes this call."""
    path = re.sub(r"\\{\w+\\}", r"[^\"?]+", re.escape(call.path))
    made = re.compile(rf'\.{call.method.lower()}\(\s*f?"[^"]*?{path}["?]')
    for file, name, text in _tests():
        if made.search(text):
            return f"`{file}::{name}`"
    return "`tests/web/test_http_page.py::test_every_example_does_what_it_says`"


@cache
def _tests() -> list[tuple[str, str, str]]:
    found = []
    for file in sorted((ROOT / "tests" / "web").glob("test_*.py")):
        text = file.read_text()
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                source = ast.get_source_segment(text, node) or ""
                found.append((f"tests/web/{file.name}", node.name, source))
    return found


if __name__ == "__main__":
    PAGE.write_text(page())
    PROBLEMS.write_text(problems())
    print(f"{PAGE.name}, {PROBLEMS.name}")
