"""What RunningHub does for which kind of job: the facts that the flows decide by, each with its
source. Pure.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from runhook.worker.domain.provider import Capabilities, Kind

# The reference names no durations; clients saw images take 5 to 90 s, videos 1 to 10 min. Once a
# model has enough of its own here, they count instead.
QUICK_SECONDS = 60.0
LONG_SECONDS = 300.0  # also for graphs, of which nobody knows what they make
LONGEST_SECONDS = 600.0  # 3D

# By a job's kind: a model's output as config/models has it, or one of catalogue.COMFY_KINDS.
KINDS = {
    "image": Kind(usual_seconds=QUICK_SECONDS),
    "audio": Kind(usual_seconds=QUICK_SECONDS),
    "string": Kind(usual_seconds=QUICK_SECONDS),
    "video": Kind(usual_seconds=LONG_SECONDS),
    "3d": Kind(usual_seconds=LONGEST_SECONDS),
    # Check Task Status (api-425749003) and Check Task Output (api-276642708) are what their own
    # pages name. Query V2 (api-425767306) is said to serve them too, which no recording shows.
    "workflow": Kind(usual_seconds=LONG_SECONDS, older_calls=True),
    # No page of the V2 run path (run/ai-app) has a member for a locked app's password; Start AI App
    # Task (api-425761096) has, and takes keys that are not enterprise-shared.
    "app": Kind(usual_seconds=LONG_SECONDS, older_path=("accessPassword",)),
    # About Quick Create Invocation (doc-7314488): its schema has no webhookUrl, its nodes carry the
    # names and types of the app's fields, and its example a file by the old upload's name.
    "quick": Kind(
        usual_seconds=LONG_SECONDS,
        calls_back=False,
        older_calls=True,
        names_fields=True,
        old_uploads=True,
    ),
}

CAPABILITIES = Capabilities(
    kinds=KINDS,
    unknown_kind=Kind(usual_seconds=LONGEST_SECONDS),
    outputs_live=timedelta(hours=24),  # model and app pages: dead for good after it
    largest_old_upload=30 * 1024 * 1024,  # Upload Resource (api-276642711)
)

# A task id that nobody has: query V2 answers that it knows none, which proves that it is there.
NO_TASK = "1"


def line_of(options: Mapping[str, Any]) -> str:
    """Which line a job stands in: codes 415 and 814 close one instance type or queue only.

    Args:
        options: Those of the job, `usePersonalQueue` and `instanceType` among them (Start ComfyUI
            Task 2 - Advanced, api-425761093).
    """
    if options.get("usePersonalQueue"):
        return "personal"
    if instance := options.get("instanceType"):
        return f"instance-{instance}"
    return "main"
