"""Sending a file to a URL that was signed for it."""

from runhook.worker.net.form import Body
from runhook.worker.net.http import Http


def put(url: str, body: Body, seconds: float) -> int:
    """Put bytes to a URL that RunningHub signed; the HTTP status.

    Raises:
        FAILURES: No answer came.
    """
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(len(body))}
    answer = Http(url).request("PUT", "", headers=headers, data=body, seconds=seconds)
    return answer.status
