"""Which events of the log somebody wants, and behind which they begin: one check for every way."""

from collections.abc import Sequence
from typing import Annotated

from runhook.worker.domain.bodies import Moment, fits, refused, shaped, some_words
from runhook.worker.domain.events import TYPES, unknown_types
from runhook.worker.domain.faults import nearest
from runhook.worker.domain.pages import Query
from runhook.worker.errors import Fault, InvalidRequest
from runhook.worker.store import event_at, is_event_id
from runhook.worker.store.events import EVENT_ID

AN_EVENT = "must be an event's id, as evt_1795000000000-0"


def _is_place(text: str) -> bool:
    return not text or is_event_id(text)


def _words(text: str) -> Sequence[str]:
    types = tuple(one for one in text.split(",") if one)
    if unknown := unknown_types(types):
        near = next(iter(nearest(unknown[0], TYPES)), None)
        names = ", ".join(map(repr, unknown))
        raise refused(f"has {names}; expected some of {', '.join(TYPES)}", TYPES, nearest=near)
    return types


class StreamQuery(Query):
    """Which events, and from where on.

    Attributes:
        after: The id behind which they begin; without it and `since` those from now on.
        since: The moment from which on they are told; `2h` is two hours ago.
        types: Their types; without it all.
    """

    after: Annotated[str, fits(_is_place, AN_EVENT, f"({EVENT_ID.pattern})?")] = ""
    since: Moment | None = None
    types: Annotated[tuple[str, ...], shaped(_words, some_words(TYPES))] = ()


def beginning(asked: StreamQuery) -> str | None:
    """Behind which event it begins; None where the query does not say.

    Raises:
        InvalidRequest: It says so twice.
    """
    if asked.since is None:
        return asked.after or None
    if asked.after:
        text = "has no effect beside `after`, which says where to begin; give one of them"
        raise InvalidRequest([Fault(path="since", message=text)])
    return event_at(asked.since)
