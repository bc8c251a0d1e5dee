"""A line of a timeline as it lies in Redis: JSON, and deflated where that is worth it.

What RunningHub says is nearly the same each time, so a line that quotes it is a fifth of its JSON.
The words that it is shortened by are part of what was written: a line begins with which they are.
"""

import zlib
from collections.abc import Mapping
from typing import Any

import orjson

UNREADABLE = {"what": "unreadable", "why": "this line cannot be read here"}
MARK = b"z"  # before a line that is shortened by WORDS; JSON begins with another letter
# Bytes from which on a line is deflated: below, the 15 bytes that it saves are not worth the time.
WORTH_IT = 80
# Never changed: lines written before could not be read any more. Better words need another mark.
# The commonest stand last, which is what deflate has the shortest names for.
WORDS = (
    rb'"failedReason":{},"node_errors": {}}\",\"outputs_to_execute\": [\"9\"],'
    rb'"what":"asked RunningHub","call":"POST /task/openapi/create",'
    rb'"call":"POST /openapi/v2/query",'
    rb'"seconds":0.0,"status":null,"status":200,"answer":"{\"code\":0,\"msg\":\"success\",'
    rb"\"data\":{\"netWssUrl\":null,\"taskStatus\":\"RUNNING\","
    rb"\"clientId\":\"\",\"errorCode\":\"\","
    rb"\"errorMessage\":\"\",\"promptTips\":\"{\"result\": true, \"error\": null, "
    rb"\"results\":null,\"status\":\"RUNNING\",\"taskId\":\""
    rb'{"what":"callback came","attempt":1,"via":"callback","bytes":450,"body":"{'
    rb"\"event\": \"TASK_END\", \"taskId\": \"\", \"eventData\": {\"taskId\": \"\", "
    rb"\"status\": \"SUCCESS\", \"errorCode\": \"\", \"errorMessage\": \"\", "
    rb"\"results\": [{\"url\": \"https://\", \"nodeId\": \"\", \"outputType\": \"png\", "
    rb"\"text\": null}], \"clientId\": \"\", \"promptTips\": \"\", \"failedReason\": {}, "
    rb"\"usage\": {\"consumeMoney\": null, \"consumeCoins\": null, \"taskCostTime\": \"0\", "
    rb"\"thirdPartyConsumeMoney\": \"0."
)
# Raw, for a header and a checksum would be 10 bytes more. 4 KiB are as far as it looks back, which
# is a body as it is quoted; with the usual 32 it takes eight times as long.
WINDOW, MEMORY = -12, 4


def packed(line: Mapping[str, Any]) -> bytes:
    """A line as it is written."""
    text = orjson.dumps(line, default=str)
    if len(text) < WORTH_IT:
        return text
    deflate = zlib.compressobj(
        zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, WINDOW, MEMORY, zdict=WORDS
    )
    return min(MARK + deflate.compress(text) + deflate.flush(), text, key=len)


def opened(note: bytes) -> dict[str, Any]:
    """A line as it is shown; one that cannot be read hides no other."""
    try:
        if note.startswith(MARK):
            note = zlib.decompressobj(WINDOW, zdict=WORDS).decompress(note[len(MARK) :])
        return dict(orjson.loads(note))
    except (zlib.error, ValueError, TypeError):
        return dict(UNREADABLE)
