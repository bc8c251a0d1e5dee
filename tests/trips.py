"""How often Redis is spoken to: pieces that leave a connection, each a round trip."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from redis.connection import AbstractConnection


def trips(look: Callable[[], object]) -> int:
    """The round trips of one look, which begins on connections that are awake.

    Of its own thread: callbacks of jobs may come to the same process meanwhile.
    """
    sent: list[int] = []
    own = threading.get_ident()
    send: Any = AbstractConnection.send_packed_command

    def counted(self: Any, *args: Any, **more: Any) -> Any:
        if threading.get_ident() == own:
            sent.append(1)
        return send(self, *args, **more)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(AbstractConnection, "send_packed_command", counted)
        look()
    return len(sent)
