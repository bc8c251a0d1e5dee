"""What the `data` of each type of event is, member by member. Pure."""

from typing import NotRequired

from typing_extensions import TypedDict

from runhook.worker.domain.answers import JobView, StateName
from runhook.worker.domain.events import TYPES


class JobEvent(JobView):
    """The job as it was when it happened.

    Attributes:
        previous_state: The state that it left.
        alert: What needs a person, as a sentence.
    """

    previous_state: NotRequired[StateName]
    alert: NotRequired[str]


class GroupEvent(TypedDict):
    """A group all of whose jobs have ended.

    Attributes:
        group: Its name.
        tenant: Whose it is.
        states: How many of its jobs are in each state.
        succeeded: The first of those that succeeded, by id.
    """

    group: str
    tenant: str
    states: dict[str, int]
    succeeded: list[str]


class AlertEvent(TypedDict):
    """What needs a person and is about no job.

    Attributes:
        alert: It, as a sentence.
    """

    alert: str


DATA: dict[str, tuple[type, ...]] = dict.fromkeys(TYPES, (JobEvent,)) | {
    "group.ended": (GroupEvent,),
    "runhook.alert": (JobEvent, AlertEvent),
}
