"""How schemathesis writes and reads JSON lines."""

import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_: Any, value: Any) -> bytes:
    """A batch of one line."""
    return json.dumps(value).encode() + b"\n"


@schemathesis.deserializer("application/x-ndjson")
def first(_: Any, response: Any) -> Any:
    """The answer to the first line; to no line there is none."""
    for line in response.text.splitlines():
        return json.loads(line)
    return {"line": 1, "status": 200}
