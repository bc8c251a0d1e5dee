"""A sample of an event, sent the way of every event: to handlers, subscribers and the log."""

from typing import Annotated, ClassVar

from typing_extensions import TypedDict

from runhook.worker import catalogue
from runhook.worker.delivery import fanout
from runhook.worker.domain.bodies import Body, one_of
from runhook.worker.domain.events import SAMPLE_MODEL, TYPES, sample
from runhook.worker.wiring import Wiring


class TriggerRequest(Body):
    """A sample that is to be sent.

    Attributes:
        type: Of which event.
        model: Of a job of which model: receivers may have chosen by it.
    """

    member: ClassVar[str] = "a field of this call"

    type: Annotated[str, one_of(TYPES)]
    model: str = SAMPLE_MODEL


class TriggeredView(TypedDict):
    """A sample that was sent.

    Attributes:
        type: Of which event.
        subject: The job that it is about, which is none.
        receivers: The handlers and subscribers that it is delivered to.
    """

    type: str
    subject: str
    receivers: list[str]


def trigger(w: Wiring, asked: TriggerRequest) -> TriggeredView:
    """Send it, and say whom it is delivered to.

    Nothing is submitted by it, also not where a handler would submit the next job.

    Raises:
        NotFound: There is no such model.
    """
    model = catalogue.find(asked.model).endpoint
    event = sample(asked.type, w.clock.now(), model)
    receivers = fanout.who_wants(fanout.audience(w), event)
    w.store.events.trigger(event.type, event.subject, model)
    return {
        "type": event.type,
        "subject": event.subject,
        "receivers": sorted(one.handler for one in receivers),
    }
