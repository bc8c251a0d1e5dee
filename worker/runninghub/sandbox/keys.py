"""Why the sandbox refuses a key: it was asked to, or the key is the one that is nobody's."""

from typing import Any

from flask import request

from runhook.worker.runninghub.sandbox.answers import Json, asked, legacy, v2_error
from runhook.worker.runninghub.sandbox.faults import OF_EVERY_CALL, Faults

NOBODY = "0" * 32  # `runhook probe` asks with it; any other key is good
# As the page of File upload (new), api-425749007, has it.
NO_KEY: Json = {"code": 401, "message": "ApiKey verification failed", "data": None}


def key_fault(faults: Faults) -> Any:
    """Why a key is not good for anything; None when it is."""
    path = request.path
    if path.startswith(("/sandbox", "/view")):
        return None
    # Chosen in any case: a rule counts the calls that it met.
    refused = "key_refused" in faults.choose(path, among=OF_EVERY_CALL)
    if not (refused or _is_nobody()):
        return None
    if path.startswith("/openapi/v2/media/"):
        return NO_KEY
    if path.startswith("/openapi/v2/"):
        return v2_error("1002", "Invalid API key") | {"code": 1002, "msg": "Invalid API key"}
    return legacy(802, "APIKEY_UNAUTHORIZED")


def _is_nobody() -> bool:
    sent = {request.headers.get("Authorization", "").partition(" ")[2], request.args.get("apiKey")}
    if request.is_json:  # a form or a file is read by whoever takes it, and only once
        sent |= {asked().get("apiKey"), asked().get("apikey")}
    return NOBODY in sent
