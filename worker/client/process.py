"""The parts of this process, built when they are first asked for, and what its flows raise.

Nothing is read or connected before the first call, and a process that is forked connects anew.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TypeVar

from runhook.config.private import is_own_socket
from runhook.config.roles import SettingsError as WrongSetting
from runhook.config.settings import Settings
from runhook.worker.client.errors import RunhookError, SettingsError, error_of
from runhook.worker.client.listening import Listener
from runhook.worker.client.retrying import insisting
from runhook.worker.client.transport import Document, Query
from runhook.worker.domain.bodies import Model, read
from runhook.worker.domain.metadata import Label
from runhook.worker.domain.pages import Parameters, read_parameters
from runhook.worker.domain.problems import problem_view
from runhook.worker.errors import RunhookError as OurError
from runhook.worker.errors import StoreRefuses, StoreUnavailable
from runhook.worker.queue.broker import make_app
from runhook.worker.telemetry import masked, use_logging
from runhook.worker.wiring import Wiring, assemble, check_secrets

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Here:
    """The parts of one process."""

    wiring: Wiring
    listener: Listener


class Process:
    """Who calls flows here."""

    def __init__(self, seconds: float, build: Callable[[], Wiring] | None = None) -> None:
        """Args:
        seconds: For one call in all.
        build: Builds the parts of a process; None: from its settings.
        """
        self._seconds = seconds
        self._build = build or built
        # By process: a child that was forked finds none of its own, whatever its parent held.
        self._here: dict[int, tuple[Lock, list[Here]]] = {}

    def __str__(self) -> str:
        return "in process"

    def close(self) -> None:
        """Let go of this process's connections; the next call makes new ones."""
        _, here = self._here.pop(os.getpid(), (None, ()))
        for one in here:
            one.wiring.store.client.close()

    def ask(self, work: Callable[[Wiring], Answer], *, may_repeat: bool = True) -> Answer:
        """What comes of it in the end, however often it is asked for until then."""
        once = partial(self.once, work)
        return insisting(lambda _: once(), self._seconds, may_repeat=may_repeat)

    def once(self, work: Callable[[Wiring], Answer]) -> Answer:
        """What comes of it now."""
        with as_over_http():
            return work(self.parts().wiring)

    def parts(self) -> Here:
        """This process's own, built by the first thread that needs them."""
        lock, here = self._here.setdefault(os.getpid(), (Lock(), []))
        with lock:
            if not here:
                wiring = self._build()
                here.append(Here(wiring, Listener(wiring.store.events)))
            return here[0]


def built() -> Wiring:
    """The parts of a process, by its settings.

    Raises:
        SettingsError: A setting is wrong, or there is no such Redis.
        StoreUnavailable: Redis does not answer.
    """
    use_logging()
    settings = Settings.load("client")
    if settings.embedded and not is_own_socket(settings.embedded_socket):
        raise WrongSetting(
            "REDIS_URL is missing, and no server of `runhook up` answers in "
            f"{settings.data_dir}: set REDIS_URL, run `runhook up`, or name a runhook elsewhere: "
            "Runhook(url=…, token=…)"
        )
    # "door": fails within seconds where Redis is away, and whoever waits is told.
    found = assemble(settings, patience="door", app=make_app(settings, current=False))
    check_secrets(found)
    return found


@contextmanager
def as_over_http() -> Iterator[None]:
    """Raise what a flow raises as the call over HTTP would."""
    try:
        yield
    except OurError as error:
        raise told(error) from error
    except WrongSetting as wrong:
        raise _wrong(wrong) from None


def told(error: OurError) -> RunhookError:
    """An error of a flow as the call over HTTP would raise it; Redis's own words are kept."""
    if isinstance(error, StoreRefuses):
        return _wrong(f"REDIS_URL: {error}")
    problem = problem_view(error)
    if isinstance(error, StoreUnavailable):
        problem["detail"] = masked(str(error))
    return error_of(problem)


def _wrong(why: object) -> SettingsError:
    return SettingsError({"title": "Wrong setting", "detail": str(why)})


def parameters_of(
    w: Wiring, wanted: type[Parameters], given: Query
) -> tuple[Parameters, tuple[Label, ...]]:
    """What the query of a list says, as `web` reads it; raises InvalidRequest of our own."""
    now, indexed = w.clock.now(), w.settings.indexed
    return read_parameters(wanted, given, now=now, indexed=indexed)


def request_of(w: Wiring, model: type[Model], given: Query | Document) -> Model:
    """What a request says, as `web` reads it; raises InvalidRequest of our own."""
    return read(model, given, now=w.clock.now())


def with_key(w: Wiring) -> Wiring:
    """The same parts, by which RunningHub can be asked.

    Raises:
        SettingsError: There is no key.
    """
    if not w.settings.api_key:
        raise WrongSetting("RUNNINGHUB_API_KEY is missing, so RunningHub cannot be asked")
    return w
