"""X-Request-Id: what its sender calls a request, in the answer and in every log line."""

import re
import secrets
from contextvars import Token

from flask import Response, g

from runhook.webhook.edge.current import noted, this_request
from runhook.worker.secrets.signing import PATH
from runhook.worker.telemetry import in_request, request_over

HEADER, CALLBACKS = "X-Request-Id", f"{PATH}/"
# Whatever else it holds would be written into the log by a stranger.
NAME = re.compile(r"[A-Za-z0-9_.:/+=@-]{1,128}")


def request_id(given: str | None) -> str:
    """The name that a request brought, if it is one; else a new one."""
    if given is not None and NAME.fullmatch(given):
        return given
    return secrets.token_hex(16)


def begin() -> None:
    """Before a request: from now on log lines name it."""
    named, notes = request_id(this_request().headers.get(HEADER)), noted()
    notes.request_id, notes.request_token = named, in_request(named)


def told(response: Response) -> Response:
    """An answer that says which request it is to."""
    # RunningHub reads none, and small callbacks, which never come here, are answered without.
    if not this_request().path.startswith(CALLBACKS):
        response.headers[HEADER] = noted().request_id
    return response


def end(_: BaseException | None = None) -> None:
    """Behind a request: the thread's next lines are another's."""
    token: Token[str] | None = g.pop("request_token", None)
    if token is not None:
        request_over(token)
