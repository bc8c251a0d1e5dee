"""Celery's sending end: the app, its settings, and the message that wakes a lane.

A message says that a lane has work, and with which duty to begin. It may be lost or doubled at no
harm: the duties in Redis are what counts, and the pump wakes the lane again.
"""

import base64
import json
import os
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from celery import Celery
from kombu import Connection, Exchange, Queue
from kombu import exceptions as kombu_exceptions

from runhook.config.settings import Settings, SettingsError
from runhook.config.urls import SentinelAddress
from runhook.worker.domain import policy
from runhook.worker.domain.events import Outcome
from runhook.worker.domain.lanes import LANES, Message
from runhook.worker.net import faults
from runhook.worker.telemetry import masked, report

KEYS = "runhook:queue:"  # before the name of every queue in Redis
# How Celery runs a worker: one message at a time, and what it works on ends before it does.
WORKERS = {
    "worker_prefetch_multiplier": 1,
    # After a lost connection Celery would take only as many messages as it has children free at
    # that moment, for as long as handlers hang: one, and then none.
    "worker_enable_prefetch_count_reduction": False,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "worker_soft_shutdown_timeout": 20,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_send_task_events": False,
}


def make_app(settings: Settings, *, current: bool = True) -> Celery:
    """The Celery app, set for a queue whose messages may vanish and come twice.

    Args:
        settings: Of this process.
        current: It is the app of this process; False: that one is the user's own.

    Raises:
        SettingsError: Celery does not take the URL of its broker.
    """
    url, options = _celery_url(settings.broker_url)
    _refuse_wrong(url, "CELERY_BROKER_URL")
    app = Celery("runhook", broker=url, set_as_current=current)
    app.conf.update(
        # Celery itself reads CELERY_BROKER_URL before any configuration, and in its own spelling;
        # these two it asks first.
        broker_read_url=url,
        broker_write_url=url,
        broker_transport_options=_transport(url, options),
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # A Redis that refuses is one to wait for; who lets nobody in was refused at the start.
        broker_channel_error_retry=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_publish_retry=False,
        task_queues=[_queue(lane) for lane in LANES],
        task_create_missing_queues=False,
        task_default_queue="intake",
        **WORKERS,
        enable_utc=True,
    )
    return app


def _transport(url: str, options: dict[str, Any]) -> dict[str, Any]:
    return {
        # Claims do the work of Celery's own redelivery; measured: three times faster, and the
        # worker survives a restart of Redis under a running task.
        "ack_emulation": False,
        "global_keyprefix": KEYS,
        "socket_timeout": 10,
        "socket_connect_timeout": 3,
        "socket_keepalive": url.startswith(("redis://", "rediss://", "sentinel://")),
        "health_check_interval": 5,
        **options,
    }


def _refuse_wrong(url: str, name: str) -> None:
    """What Celery reads when it starts, and ends with a traceback where it cannot."""
    try:
        Connection(url)
    except TypeError:
        raise SettingsError(
            f"{name}: has an option behind the question mark that Celery does not know"
        ) from None
    except KeyError as error:
        raise SettingsError(f"{name}: {masked(str(error.args[0]))}") from None


def check_broker(app: Celery) -> None:
    """Refuse a broker that lets nobody in. One that is only away Celery waits for by itself.

    Raises:
        SettingsError: One line that names CELERY_BROKER_URL.
    """
    try:
        with app.connection_for_write() as connection:
            away = connection.recoverable_connection_errors
            connection.connect()
    except (KeyError, ImportError) as error:
        raise SettingsError(f"CELERY_BROKER_URL: {masked(str(error.args[0]))}") from None
    except Exception as error:  # noqa: BLE001 - each transport has errors of its own
        refused = "auth" in type(error).__name__.lower() or not isinstance(error, away)
        if refused:
            raise SettingsError(
                f"CELERY_BROKER_URL: its broker refuses: {masked(str(error))}"
            ) from None


def _queue(lane: str) -> Queue:
    return Queue(lane, Exchange("runhook", "direct"), routing_key=lane)


def node_name(role: str, given: str) -> str:
    """What a worker is called among Celery's; two on one host never share a name, nor its orders.

    Args:
        role: `worker` or `handlers`.
        given: What Celery would call it; kept unless that is only its default.
    """
    name, _, host = given.partition("@")
    if name != "celery":
        return given
    return f"{role}-{os.getpid()}@{host}"


def task_name(lane: str) -> str:
    """The Celery task that looks at duties of a lane."""
    return f"runhook.{lane}"


def messages(app: Celery, settings: Settings) -> dict[str, Message]:
    """The wake-up of each lane as it lies in Redis, for scripts to push themselves.

    Celery builds it for a queue in memory; only its body is made plain and what is filled in later
    replaced, so that nothing here knows more of the format than that.
    Empty when the broker is not the Redis of the state.
    """
    if not settings.shares_broker:
        return {}
    found = {}
    with Connection("memory://") as memory:
        channel: Any = memory.default_channel
        producer = app.amqp.Producer(channel)
        for lane in LANES:
            # The stubs know queues by name only.
            queue: Any = _queue(lane)
            duty, tag = "@DUTY@", "@TAG@"
            app.send_task(task_name(lane), [duty], task_id=tag, queue=queue, producer=producer)
            found[lane] = Message(KEYS + lane, _plain(channel._get(lane)))
    return found


def _plain(message: dict[str, Any]) -> str:
    properties = dict(message["properties"])
    body = base64.b64decode(message["body"]).decode()
    properties.pop("body_encoding")
    properties["delivery_tag"] = "@TAG@"
    properties["reply_to"] = ""  # nobody waits for a result
    # The same from every process, so that none writes anew what another one wrote.
    headers = {**message["headers"], "origin": "runhook"}
    return json.dumps({**message, "body": body, "headers": headers, "properties": properties})


class ForeignCelery:
    """Sends CloudEvents to Celery tasks of other apps, in their queues and their spelling."""

    def __init__(self, settings: Settings) -> None:
        """Args:
        settings: Of this process.

        Raises:
            SettingsError: Celery does not take the URL of their broker.
        """
        self._url = settings.handler_broker_url
        _refuse_wrong(_celery_url(self._url)[0], "CELERY_HANDLER_BROKER_URL")
        # Of several the first; without what lets in.
        self._place = urlsplit(self._url.split(";")[0]).netloc.rpartition("@")[2]
        self._app: Celery | None = None

    def send(self, task: str, queue: str, event: Mapping[str, Any]) -> Outcome:
        """Hand an event to another app's broker. Told again, it has the same task id."""
        start = time.monotonic()
        try:
            self._connected().send_task(
                task, [event], queue=queue, task_id=event["id"], retry=False
            )
        except (kombu_exceptions.KombuError, OSError, ImportError) as error:
            why = f"its broker did not take it: {faults.why(error, self._place)}"
            return Outcome(word="failed", took=time.monotonic() - start, why=why)
        return Outcome(word="done", took=time.monotonic() - start)

    def _connected(self) -> Celery:
        if self._app is None:
            # An app of its own: ours puts a prefix before every queue, which nobody there reads.
            url, options = _celery_url(self._url)
            self._app = Celery("runhook.elsewhere", broker=url, set_as_current=False)
            self._app.conf.update(
                broker_read_url=url,
                broker_write_url=url,
                broker_transport_options={
                    "socket_timeout": 10,
                    "socket_connect_timeout": 3,
                    **options,
                },
                task_serializer="json",
                task_ignore_result=True,
                task_publish_retry=False,
            )
        return self._app


class Broker:
    """Posts wake-ups through Celery, for brokers that are not the Redis of the state."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def post(self, lane: str, duty: str) -> None:
        """Send a wake-up. If the broker does not take it the pump posts another."""
        try:
            self._app.send_task(
                task_name(lane), [duty], queue=lane, retry=False, expires=policy.WAKE_UP_KEPT
            )
        except (kombu_exceptions.OperationalError, OSError) as error:
            report("lane.busy", lane=lane, duty=duty, why=str(error))


def _celery_url(url: str) -> tuple[str, dict[str, Any]]:
    """Our URL as kombu spells it."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        db = parse_qs(parts.query).get("db", ["0"])[0]
        return f"redis+socket://{parts.path}?virtual_host={db}", {}
    if parts.scheme != "sentinel":
        return url, {}
    address = SentinelAddress.of(url)
    head = ""
    if address.password:
        head = f":{quote(address.password, safe='')}@"
    nodes = ";".join(f"sentinel://{head}{node}/{address.db}" for node in address.nodes)
    return nodes, {"master_name": address.service}
