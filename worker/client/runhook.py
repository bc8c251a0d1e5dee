"""`Runhook`: everything that users' code asks of runhook, in process or over HTTP."""

import math
from typing import Self

from runhook.worker.client.errors import SettingsError
from runhook.worker.client.job_calls import JobCalls
from runhook.worker.client.other_calls import OtherCalls
from runhook.worker.client.receiver_calls import ReceiverCalls
from runhook.worker.client.transport import Transport
from runhook.worker.client.ways import in_process, over_http
from runhook.worker.domain import policy


class Runhook(JobCalls, ReceiverCalls, OtherCalls):
    """The way to runhook: `Runhook()` in process, `Runhook(url=…, token=…)` over HTTP.

    In process it works with this process's settings and Redis. Over HTTP it needs neither;
    `Runhook.over_http()` takes both from RUNHOOK_URL and RUNHOOK_TOKEN, or from what `runhook up`
    wrote into the data folder. Either way the methods, answers and errors are the same.

    One object serves any number of threads. It connects when it is first asked, and anew in a
    process that was forked. What is away or busy is asked again, as long as nothing can be done or
    paid twice by that.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = policy.CALL_SECONDS,
        transport: Transport | None = None,
    ) -> None:
        """Args:
        url: Where `web` is; None: in process.
        token: What it lets in; None: RUNHOOK_TOKEN, where that is meant for this URL.
        timeout: Seconds for one call in all, its repetitions included.
        transport: Another way to runhook than these two.

        Raises:
            SettingsError: The URL is none, or there is a token without one.
        """
        if transport is not None:
            self._transport = transport
        elif url is not None:
            self._transport = over_http(url, token, timeout)
        elif token is not None:
            raise SettingsError(
                {"title": "Wrong setting", "detail": "a token needs a url: Runhook(url=…, token=…)"}
            )
        else:
            self._transport = in_process(timeout)

    @classmethod
    def over_http(cls, *, timeout: float = policy.CALL_SECONDS, repeats: float = math.inf) -> Self:
        """Over HTTP to where RUNHOOK_URL says, else to what `runhook up` runs in this folder.

        Args:
            timeout: Seconds for one call in all.
            repeats: Seconds after which a call is not made again, though there is time left.

        Raises:
            SettingsError: Neither is there.
        """
        return cls(transport=over_http(None, None, timeout, repeats))

    def __repr__(self) -> str:
        return f"<Runhook {self._transport}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every connection. The next call makes new ones."""
        self._transport.close()
