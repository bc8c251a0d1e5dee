"""RunningHub's error codes as one table: whose matter each is, who pays, what to do. Pure.

From the reference's API Error Code Reference (doc-8287338), the model error codes (doc-8435517),
and, where no page has them (392, 414, 605, 1505, 1516 to 1520), from clients' recordings. Legacy
codes also come as V2 `errorCode`.
"""

from dataclasses import dataclass
from typing import Literal

Again = Literal["no", "later", "unknown"]
Kind = Literal["request", "access", "money", "capacity", "state", "provider", "content", "unknown"]


@dataclass(frozen=True)
class Code:
    """One error code.

    Attributes:
        kind: Whose matter it is: the request's, the key's access, the account's money, capacity,
            a task's state, the provider's own failure, the content check's.
        meaning: What happened, in plain words.
        again: For a submit, and with it who pays: `no` surely refused, nothing paid; `later` the
            same, for now; `unknown` it may have been accepted and charged.
        advice: What to do next.
    """

    kind: Kind
    meaning: str
    again: Again
    advice: str

    @property
    def own_machines(self) -> bool:
        """It speaks of one instance type or personal queue only."""
        return self in (CODES["415"], CODES["814"])


LOOK = "Look into the account before sending it again."
WAITED = "runhook waits and tries again."
NEW_TASK = "Only a new task can succeed."

UNKNOWN = Code(
    "unknown", "RunningHub answered with a code that nobody has explained", "unknown", LOOK
)
BUSY_HTTP = "429"
SLOW_DOWN = ("1003", "429")
OUTAGES = ("500", "1005", "1010", "1011", "1012")
UPLOAD_FAILED, TOO_LARGE = "808", "809"
NO_SUCH_TASK = ("423", "807", "1004")
TASK_RUNNING, TASK_FAILED, TASK_QUEUED = "804", "805", "813"
# A submit to the V2 path of apps so answered was surely not taken, and the older path may take it.
NOT_THIS_PATH = ("404", "412", "1001", "1014")
# Each may mean that the key is good for nothing, or be about one request only: the reference names
# both for 412, and an HTTP status has no words. A free question tells.
KEY_REFUSED = ("401", "403", "412", "801", "802", "806", "811", "1002")
# Seen in production: these succeed when run again as a new task.
INFRASTRUCTURE = ("stale file handle", "errno 116", "broken pipe")

CODES: dict[str, Code] = {
    "1": Code(
        "request",
        "refused without a reason of its own",
        "no",
        "Check the ids and fields that were sent.",
    ),
    "301": Code(
        "request",
        "bad parameters",
        "no",
        "Compare the input with `runhook model` or `runhook workflow`.",
    ),
    "380": Code(
        "request",
        "the workflow does not exist",
        "no",
        "Check the workflow's id, and that the key belongs to the same site.",
    ),
    "392": Code(
        "provider",
        "out of GPU memory",
        "no",
        "Ask for a bigger machine: options.instanceType plus or ultra.",
    ),
    "401": Code(
        "access",
        "the API key was not accepted",
        "no",
        "Check RUNNINGHUB_API_KEY and RUNNINGHUB_BASE_URL: the two sites share no keys.",
    ),
    "412": Code(
        "access",
        "the token is missing or invalid; often the path is wrong",
        "no",
        "Check RUNNINGHUB_API_KEY and RUNNINGHUB_BASE_URL.",
    ),
    "414": Code("money", "not enough RH coins", "no", "Top up the account, then send it again."),
    "415": Code("capacity", "all machines of the exclusive plan are busy", "later", WAITED),
    "416": Code("money", "the wallet is too low", "no", "Top up the account, then send it again."),
    "421": Code("capacity", "the key's concurrency limit is reached", "later", WAITED),
    "423": Code("state", "no such task, or purged", "unknown", "Check the task id."),
    "433": Code(
        "request",
        "the workflow graph is invalid",
        "no",
        "Run the workflow once on the site and mend the node it names.",
    ),
    "435": Code(
        "request",
        "the exclusive key has no such instance",
        "no",
        "Set options.instanceType to one that the plan has.",
    ),
    "436": Code(
        "access",
        "the exclusive plan is missing or expired",
        "no",
        "Renew the plan, or leave out options.usePersonalQueue.",
    ),
    "500": Code("provider", "unknown error on RunningHub's side", "unknown", LOOK),
    "605": Code("money", "the balance is too low", "no", "Top up the account, then send it again."),
    "801": Code(
        "access", "free accounts cannot use the API", "no", "Use a key of a paying account."
    ),
    "802": Code("access", "the API key is not authorised", "no", "Check RUNNINGHUB_API_KEY."),
    "803": Code(
        "request",
        "the node fields do not fit the workflow",
        "no",
        "See its fields with `runhook workflow ID` or `runhook app ID`.",
    ),
    "804": Code("state", "the task is running", "unknown", "Wait for its end."),
    "805": Code("state", "the task failed, was interrupted or cancelled", "unknown", NEW_TASK),
    "806": Code("access", "the key's user was not found", "no", "Check RUNNINGHUB_API_KEY."),
    "807": Code("state", "no such task", "unknown", "Check the task id."),
    "808": Code("provider", "the upload failed", "no", "Upload it again."),
    "809": Code("request", "the file is too large", "no", "Send a smaller file."),
    "810": Code(
        "request",
        "the workflow was never saved and run on the site",
        "no",
        "Save it and run it once on the site.",
    ),
    "811": Code("access", "the enterprise key is wrong", "no", "Check RUNNINGHUB_API_KEY."),
    "812": Code(
        "money",
        "the enterprise wallet is too low",
        "no",
        "Top up the enterprise wallet, then send it again.",
    ),
    "813": Code("state", "the task is queued", "unknown", "Wait for its end."),
    "814": Code("capacity", "the personal queue is full", "later", WAITED),
    "901": Code(
        "request",
        "the AI app does not exist",
        "no",
        "Check the app's id, and that the key belongs to the same site.",
    ),
    "1000": Code("provider", "unknown error on RunningHub's side", "unknown", LOOK),
    "1001": Code("request", "an invalid URL", "no", "Check the model's endpoint."),
    "1002": Code(
        "access",
        "the API key is invalid",
        "no",
        "Check RUNNINGHUB_API_KEY and RUNNINGHUB_BASE_URL.",
    ),
    "1003": Code("capacity", "too many requests", "later", WAITED),
    "1004": Code("state", "no such task, or expired", "unknown", "Check the task id."),
    "1005": Code("provider", "internal error on RunningHub's side", "unknown", LOOK),
    "1006": Code("provider", "the task timed out", "unknown", NEW_TASK),
    "1007": Code("request", "invalid parameters", "no", "Compare the input with `runhook model`."),
    "1008": Code("request", "a file is too large", "no", "Send a smaller file."),
    "1009": Code(
        "request",
        "the HTTP method is not supported",
        "no",
        "Report it: runhook asked in a wrong way.",
    ),
    "1010": Code("provider", "the service is unavailable", "unknown", LOOK),
    "1011": Code("provider", "the system is busy", "unknown", LOOK),
    "1012": Code("provider", "the service behind it answered wrongly", "unknown", LOOK),
    "1013": Code("provider", "a file could not be processed", "unknown", "Try another file."),
    "1014": Code(
        "access",
        "this key may not use it: enterprise-shared keys only",
        "no",
        "Use an enterprise-shared key.",
    ),
    "1015": Code("provider", "the generation failed", "unknown", NEW_TASK),
    "1101": Code(
        "request",
        "the node fields are wrong",
        "no",
        "See the fields with `runhook workflow ID` or `runhook app ID`.",
    ),
    "1501": Code(
        "content", "the content check refused it", "no", "Change the prompt or the picture."
    ),
    "1504": Code("provider", "the model timed out", "unknown", NEW_TASK),
    "1505": Code(
        "content",
        "photorealistic real people are prohibited",
        "no",
        "Change the prompt or the picture.",
    ),
    "1516": Code("unknown", "a code whose meaning no source tells", "unknown", LOOK),
    "1517": Code("unknown", "a code whose meaning no source tells", "unknown", LOOK),
    "1519": Code("unknown", "a code whose meaning no source tells", "unknown", LOOK),
    "1520": Code("capacity", "the user's concurrency limit is reached", "later", WAITED),
}


def explain(code: str) -> Code:
    """The code's row; one that says `unknown` for a code nobody has explained."""
    return CODES.get(code, UNKNOWN)


def heals_by_new_task(text: str) -> bool:
    """Whether a failure's text is one of RunningHub's own infrastructure."""
    return any(words in text.casefold() for words in INFRASTRUCTURE)
