"""RunningHub's error codes as one table: whose matter each is, who pays, what to do. Pure.

From the reference's API Error Code Reference (doc-8287338), the model error codes (doc-8435517),
and, where no page has them (392, 414, 605, 1505, 1516 to 1520), from clients' recordings. Legacy
codes also come as V2 `errorCode`.
"""

from runhook.worker.domain.provider import Code

# Advice that many codes share. Money first: what to look at before anything is sent again.
LOOK = "Look into the account before sending it again."
WAITED = "runhook waits and tries again."  # nothing was taken, so it costs nothing
NEW_TASK = "Only a new task can succeed."  # a task that ended never begins again

# `unknown` is the safe side: what may have been accepted is never sent again by itself.
UNKNOWN = Code(
    matter="unknown",
    meaning="RunningHub answered with a code that nobody has explained",
    again="unknown",
    advice=LOOK,
)
BUSY_HTTP = "429"  # HTTP's own word for what 1003 says
SLOW_DOWN = ("1003", BUSY_HTTP)  # about the calls, not about the tasks: questions wait too
TOO_LARGE = "809"  # what an HTTP 413 of an upload means, which comes without a code
# The older generation's two, of which pages name both, and V2's.
NO_SUCH_TASK = ("423", "807", "1004")
# Check Task Output (api-276642708) answers with these in an error's place: 804 and 813 are states,
# and whoever takes them for failures loses results that are paid.
TASK_RUNNING, TASK_FAILED, TASK_QUEUED = "804", "805", "813"
# A submit to the V2 path of apps so answered was surely not taken, and the older path may take it:
# 1014 is for keys that are not enterprise-shared, 404 and 1001 a path that the site does not have.
NOT_THIS_PATH = ("404", "412", "1001", "1014")
# Seen in production: these succeed when run again as a new task.
INFRASTRUCTURE = ("stale file handle", "errno 116", "broken pipe")
# Where another model may do it, which is then paid for, so what is in doubt is in neither: tasks
# that failed for RunningHub's own sake, and models that are not sold any more, or not to this key.
OWN_FAILURES = ("500", "1000", "1005", "1006", "1010", "1011", "1012", "1015", "1504")
MODELS_REFUSALS = ("404", "1001", "1014")
# "Real people are not supported": the reference's own kit takes it for 1505, whatever the code.
CONTENT = ("不支持真人",)

# In the order of their numbers; 1000 and beyond are V2's.
CODES: dict[str, Code] = {
    "1": Code(
        matter="request",
        meaning="refused without a reason of its own",
        again="no",
        advice="Check the ids and fields that were sent.",
    ),
    "301": Code(
        matter="request",
        meaning="bad parameters",
        again="no",
        advice="Compare the input with `runhook model` or `runhook workflow`.",
    ),
    "380": Code(
        matter="request",
        meaning="the workflow does not exist",
        again="no",
        advice="Check the workflow's id, and that the key belongs to the same site.",
    ),
    # 392, 414, 605 and 1505 are on no page; clients recorded them with their texts.
    "392": Code(
        matter="provider",
        meaning="out of GPU memory",
        again="no",
        advice="Ask for a bigger machine: options.instanceType plus or ultra.",
    ),
    "401": Code(
        matter="access",
        meaning="the API key was not accepted",
        again="no",
        advice="Check RUNNINGHUB_API_KEY and RUNNINGHUB_BASE_URL: the two sites share no keys.",
        refuses_key=True,
    ),
    # A bare HTTP status that no page has as a code; the reference's own kit takes it as final.
    "403": Code(
        matter="access",
        meaning="access was refused, without a reason of its own",
        again="unknown",
        advice="Check RUNNINGHUB_API_KEY and RUNNINGHUB_BASE_URL: the two sites share no keys.",
        refuses_key=True,
    ),
    "412": Code(
        matter="access",
        meaning="the token is missing or invalid; often the path is wrong",
        again="no",
        advice="Check RUNNINGHUB_API_KEY and RUNNINGHUB_BASE_URL.",
        refuses_key=True,
    ),
    "414": Code(
        matter="money",
        meaning="not enough RH coins",
        again="no",
        advice="Top up the account, then send it again.",
    ),
    # The exclusive plan's own machines: other instance types may have room.
    "415": Code(
        matter="capacity",
        meaning="all machines of the exclusive plan are busy",
        again="later",
        advice=WAITED,
        own_machines=True,
    ),
    "416": Code(
        matter="money",
        meaning="the wallet is too low",
        again="no",
        advice="Top up the account, then send it again.",
    ),
    "421": Code(
        matter="capacity",
        meaning="the key's concurrency limit is reached",
        again="later",
        advice=WAITED,
    ),
    # For a submit these states make no sense, so they prove nothing of who pays.
    "423": Code(
        matter="state",
        meaning="no such task, or purged",
        again="unknown",
        advice="Check the task id.",
    ),
    "433": Code(
        matter="request",
        meaning="the workflow graph is invalid",
        again="no",
        advice="Run the workflow once on the site and mend the node it names.",
    ),
    "435": Code(
        matter="request",
        meaning="the exclusive key has no such instance",
        again="no",
        advice="Set options.instanceType to one that the plan has.",
    ),
    "436": Code(
        matter="access",
        meaning="the exclusive plan is missing or expired",
        again="no",
        advice="Renew the plan, or leave out options.usePersonalQueue.",
    ),
    # An HTTP 500 in a body: it may have come after the acceptance.
    "500": Code(
        matter="provider",
        meaning="unknown error on RunningHub's side",
        again="unknown",
        advice=LOOK,
        outage=True,
        passing=True,
    ),
    "605": Code(
        matter="money",
        meaning="the balance is too low",
        again="no",
        advice="Top up the account, then send it again.",
    ),
    "801": Code(
        matter="access",
        meaning="free accounts cannot use the API",
        again="no",
        advice="Use a key of a paying account.",
        refuses_key=True,
    ),
    "802": Code(
        matter="access",
        meaning="the API key is not authorised",
        again="no",
        advice="Check RUNNINGHUB_API_KEY.",
        refuses_key=True,
    ),
    "803": Code(
        matter="request",
        meaning="the node fields do not fit the workflow",
        again="no",
        advice="See its fields with `runhook workflow ID` or `runhook app ID`.",
    ),
    "804": Code(
        matter="state", meaning="the task is running", again="unknown", advice="Wait for its end."
    ),
    "805": Code(
        matter="state",
        meaning="the task failed, was interrupted or cancelled",
        again="unknown",
        advice=NEW_TASK,
    ),
    "806": Code(
        matter="access",
        meaning="the key's user was not found",
        again="no",
        advice="Check RUNNINGHUB_API_KEY.",
        refuses_key=True,
    ),
    "807": Code(
        matter="state", meaning="no such task", again="unknown", advice="Check the task id."
    ),
    "808": Code(
        matter="provider",
        meaning="the upload failed",
        again="no",
        advice="Upload it again.",
        passing=True,
    ),
    "809": Code(
        matter="request", meaning="the file is too large", again="no", advice="Send a smaller file."
    ),
    "810": Code(
        matter="request",
        meaning="the workflow was never saved and run on the site",
        again="no",
        advice="Save it and run it once on the site.",
    ),
    "811": Code(
        matter="access",
        meaning="the enterprise key is wrong",
        again="no",
        advice="Check RUNNINGHUB_API_KEY.",
        refuses_key=True,
    ),
    "812": Code(
        matter="money",
        meaning="the enterprise wallet is too low",
        again="no",
        advice="Top up the enterprise wallet, then send it again.",
    ),
    "813": Code(
        matter="state", meaning="the task is queued", again="unknown", advice="Wait for its end."
    ),
    "814": Code(
        matter="capacity",
        meaning="the personal queue is full",
        again="later",
        advice=WAITED,
        own_machines=True,
    ),
    "901": Code(
        matter="request",
        meaning="the AI app does not exist",
        again="no",
        advice="Check the app's id, and that the key belongs to the same site.",
    ),
    "1000": Code(
        matter="provider",
        meaning="unknown error on RunningHub's side",
        again="unknown",
        advice=LOOK,
    ),
    "1001": Code(
        matter="request", meaning="an invalid URL", again="no", advice="Check the model's endpoint."
    ),
    "1002": Code(
        matter="access",
        meaning="the API key is invalid",
        again="no",
        advice="Check RUNNINGHUB_API_KEY and RUNNINGHUB_BASE_URL.",
        refuses_key=True,
    ),
    # Refused for the pace of the calls, before what they ask is looked at.
    "1003": Code(matter="capacity", meaning="too many requests", again="later", advice=WAITED),
    "1004": Code(
        matter="state",
        meaning="no such task, or expired",
        again="unknown",
        advice="Check the task id.",
    ),
    "1005": Code(
        matter="provider",
        meaning="internal error on RunningHub's side",
        again="unknown",
        advice=LOOK,
        outage=True,
        passing=True,
    ),
    # It ran until its time was over, so it may be charged.
    "1006": Code(matter="provider", meaning="the task timed out", again="unknown", advice=NEW_TASK),
    "1007": Code(
        matter="request",
        meaning="invalid parameters",
        again="no",
        advice="Compare the input with `runhook model`.",
    ),
    "1008": Code(
        matter="request", meaning="a file is too large", again="no", advice="Send a smaller file."
    ),
    "1009": Code(
        matter="request",
        meaning="the HTTP method is not supported",
        again="no",
        advice="Report it: runhook asked in a wrong way.",
    ),
    "1010": Code(
        matter="provider",
        meaning="the service is unavailable",
        again="unknown",
        advice=LOOK,
        outage=True,
        passing=True,
    ),
    "1011": Code(
        matter="provider",
        meaning="the system is busy",
        again="unknown",
        advice=LOOK,
        outage=True,
        passing=True,
    ),
    "1012": Code(
        matter="provider",
        meaning="the service behind it answered wrongly",
        again="unknown",
        advice=LOOK,
        outage=True,
        passing=True,
    ),
    "1013": Code(
        matter="provider",
        meaning="a file could not be processed",
        again="unknown",
        advice="Try another file.",
    ),
    # Models and V2 apps are for enterprise-shared keys; older paths are not.
    "1014": Code(
        matter="access",
        meaning="this key may not use it: enterprise-shared keys only",
        again="no",
        advice="Use an enterprise-shared key.",
    ),
    "1015": Code(
        matter="provider", meaning="the generation failed", again="unknown", advice=NEW_TASK
    ),
    "1101": Code(
        matter="request",
        meaning="the node fields are wrong",
        again="no",
        advice="See the fields with `runhook workflow ID` or `runhook app ID`.",
    ),
    "1501": Code(
        matter="content",
        meaning="the content check refused it",
        again="no",
        advice="Change the prompt or the picture.",
    ),
    "1504": Code(
        matter="provider", meaning="the model timed out", again="unknown", advice=NEW_TASK
    ),
    "1505": Code(
        matter="content",
        meaning="photorealistic real people are prohibited",
        again="no",
        advice="Change the prompt or the picture.",
    ),
    # 1516 to 1519 were seen without words; 1520 came with the text of a concurrency limit.
    "1516": Code(
        matter="unknown",
        meaning="a code whose meaning no source tells",
        again="unknown",
        advice=LOOK,
    ),
    "1517": Code(
        matter="unknown",
        meaning="a code whose meaning no source tells",
        again="unknown",
        advice=LOOK,
    ),
    "1519": Code(
        matter="unknown",
        meaning="a code whose meaning no source tells",
        again="unknown",
        advice=LOOK,
    ),
    "1520": Code(
        matter="capacity",
        meaning="the user's concurrency limit is reached",
        again="later",
        advice=WAITED,
    ),
}


def explain(code: str) -> Code:
    """The code's row; one that says `unknown` for a code nobody has explained."""
    return CODES.get(code, UNKNOWN)


def heals_by_new_task(text: str) -> bool:
    """Whether a failure's text is one of RunningHub's own infrastructure."""
    return any(words in text.casefold() for words in INFRASTRUCTURE)


def other_model_may(code: str) -> bool:
    """Whether another model may do what ended with this code."""
    return code in OWN_FAILURES or code in MODELS_REFUSALS


def refuses_content(text: str) -> bool:
    """Whether a failure's text is of what was asked for, which every model would refuse."""
    return any(words in text for words in CONTENT)
