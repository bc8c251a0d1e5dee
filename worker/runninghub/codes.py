"""RunningHub's error codes: what each means for a submit, and in plain words. Pure.

From the reference's API Error Code Reference (doc-8287338), the model error codes (doc-8435517),
and, where marked seen, from clients' recordings. Legacy codes also come as V2 `errorCode`.
"""

from dataclasses import dataclass
from typing import Literal

Again = Literal["no", "later", "unknown"]


@dataclass(frozen=True)
class Code:
    """One error code.

    Attributes:
        meaning: What happened, in plain words.
        again: For a submit: `no` surely refused; `later` surely refused, for now; `unknown` it may
            have been accepted.
        own_machines: It speaks of one instance type or personal queue only.
    """

    meaning: str
    again: Again
    own_machines: bool = False


UNKNOWN = Code("RunningHub answered with a code that nobody has explained", "unknown")
BUSY_HTTP = "429"
SLOW_DOWN = ("1003", "429")
OUTAGES = ("500", "1005", "1010", "1011", "1012")
NO_SUCH_TASK = ("423", "807", "1004")
TASK_RUNNING, TASK_FAILED, TASK_QUEUED = "804", "805", "813"

CODES: dict[str, Code] = {
    "1": Code("refused without a reason of its own", "no"),
    "301": Code("bad parameters", "no"),
    "380": Code("the workflow does not exist", "no"),
    "392": Code("out of GPU memory; a bigger instance may do", "no"),
    "401": Code("the API key was not accepted", "no"),
    "412": Code("the token is missing or invalid; often the path is wrong", "no"),
    "414": Code("not enough RH coins", "no"),
    "415": Code("all machines of the exclusive plan are busy", "later", own_machines=True),
    "416": Code("the wallet is too low", "no"),
    "421": Code("the key's concurrency limit is reached", "later"),
    "423": Code("no such task, or purged", "unknown"),
    "433": Code("the workflow graph is invalid", "no"),
    "435": Code("the exclusive key has no such instance; set instanceType", "no"),
    "436": Code("the exclusive plan is missing or expired", "no"),
    "500": Code("unknown error on RunningHub's side", "unknown"),
    "605": Code("the balance is too low", "no"),
    "801": Code("free accounts cannot use the API", "no"),
    "802": Code("the API key is not authorised", "no"),
    "803": Code("the node fields do not fit the workflow", "no"),
    "804": Code("the task is running", "unknown"),
    "805": Code("the task failed, was interrupted or cancelled", "unknown"),
    "806": Code("the key's user was not found", "no"),
    "807": Code("no such task", "unknown"),
    "808": Code("the upload failed", "no"),
    "809": Code("the file is too large", "no"),
    "810": Code("the workflow was never saved and run on the site", "no"),
    "811": Code("the enterprise key is wrong", "no"),
    "812": Code("the enterprise wallet is too low", "no"),
    "813": Code("the task is queued", "unknown"),
    "814": Code("the personal queue is full", "later", own_machines=True),
    "901": Code("the AI app does not exist", "no"),
    "1000": Code("unknown error on RunningHub's side", "unknown"),
    "1001": Code("an invalid URL", "no"),
    "1002": Code("the API key is invalid", "no"),
    "1003": Code("too many requests", "later"),
    "1004": Code("no such task, or expired", "unknown"),
    "1005": Code("internal error on RunningHub's side", "unknown"),
    "1006": Code("the task timed out", "unknown"),
    "1007": Code("invalid parameters", "no"),
    "1008": Code("a file is too large", "no"),
    "1009": Code("the HTTP method is not supported", "no"),
    "1010": Code("the service is unavailable", "unknown"),
    "1011": Code("the system is busy", "unknown"),
    "1012": Code("the service behind it answered wrongly", "unknown"),
    "1013": Code("a file could not be processed", "unknown"),
    "1014": Code("this key may not use it: enterprise-shared keys only", "no"),
    "1015": Code("the generation failed", "unknown"),
    "1101": Code("the node fields are wrong", "no"),
    "1501": Code("the content check refused it", "no"),
    "1504": Code("the model timed out", "unknown"),
    "1505": Code("photorealistic real people are prohibited", "no"),
    "1520": Code("the user's concurrency limit is reached", "later"),  # seen, also as legacy code
}


def explain(code: str) -> Code:
    """The code's row; one that says `unknown` for a code nobody has explained."""
    return CODES.get(code, UNKNOWN)
