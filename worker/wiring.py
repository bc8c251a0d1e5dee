"""The parts of one process, assembled once and handed in: nothing else builds them."""

import errno
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from celery import Celery

from runhook.config.settings import Role, Settings, SettingsError, unknown_names
from runhook.worker.domain import policy
from runhook.worker.domain.handlers import Registry, registry
from runhook.worker.domain.provider import Provider
from runhook.worker.errors import StorageUnavailable, StoreRefuses, StoreUnavailable
from runhook.worker.files.marks import Marks
from runhook.worker.files.outputs import Outputs
from runhook.worker.files.place import Place
from runhook.worker.files.storage import Storage
from runhook.worker.net.download import Downloads
from runhook.worker.net.outbound import Outbound
from runhook.worker.queue.broker import Broker, ForeignCelery, make_app, messages
from runhook.worker.queue.overflow import OverflowPool
from runhook.worker.runninghub.client import Client
from runhook.worker.secrets.signing import account_fingerprint, callback_url, fingerprint
from runhook.worker.store import Books, Claim, Clock, Limits, Memory, Scripts, Store, Tells, connect
from runhook.worker.store.appended import Appended
from runhook.worker.store.changes import LineOf
from runhook.worker.store.connection import Patience
from runhook.worker.store.durability import FOR_THE_DISK, Durability, Keeps
from runhook.worker.store.server import Server
from runhook.worker.telemetry import conceal, masked, report

Answer = TypeVar("Answer")
HALF_RESTORED = (
    "REDIS_URL: a restore into this Redis has not ended; wait for it, or run `runhook restore "
    "FILE` again"
)
OTHER_SECRETS = (
    "RUNHOOK_SECRET: it differs from the one that the other processes use, so callbacks under way "
    "could not be verified, and a repeated request could be paid for twice. Set theirs; to change "
    "it, put the new one in front of it"
)


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """What a flow works with.

    Attributes:
        settings: The user's.
        clock: The moment, which tests set.
        store: Everything in Redis.
        client: RunningHub.
        storage: Where users' files are kept.
        outputs: Our own copies of what jobs made, in the same place.
        marks: Who keeps files there.
        downloads: The way to what RunningHub made.
        handlers: The Python handlers of this process.
        outbound: The way to URLs that users gave.
        elsewhere: Celery tasks of other apps.
        overflow: Threads that wait for slow subscribers.
        claim: The duty that a flow works on with these parts; None outside of a lane.
    """

    settings: Settings
    clock: Clock
    store: Store
    client: Provider
    storage: Storage
    outputs: Outputs
    marks: Marks
    downloads: Downloads
    handlers: Registry
    outbound: Outbound
    elsewhere: ForeignCelery
    overflow: OverflowPool
    claim: Claim | None = None

    def callback_url(self, job_id: str, attempt: int) -> str | None:
        """Where RunningHub reports the end of an attempt; None without a public URL."""
        if not self.settings.public_url:
            return None
        return callback_url(self.settings.public_url, self.settings.secrets, job_id, attempt)


def assemble(
    settings: Settings,
    *,
    patience: Patience = "worker",
    clock: Clock | None = None,
    handlers: Registry = registry,
    app: Celery | None = None,
    memory: Memory | None = None,
    overflow: int = 0,
) -> Wiring:
    """Build the parts of a process. Nothing is connected yet.

    With `overflow` threads, subscribers that take their time hold no thread of the lane.
    """
    conceal(settings.to_hide)
    app, clock = app or make_app(settings), clock or Clock()
    client, place = Client(settings.base_url, settings.api_key), Place(settings.storage_url)
    private, secure = settings.allow_private_urls, settings.https_only
    return Wiring(
        settings=settings,
        clock=clock,
        store=_store(
            settings,
            patience,
            clock=clock,
            app=app,
            memory=memory,
            line_of=client.line_of,
            tells=handlers.names,
        ),
        client=client,
        storage=Storage(place),
        outputs=Outputs(place),
        marks=Marks(place),
        downloads=Downloads(settings.base_url, allow_private=private, https_only=secure),
        handlers=handlers,
        outbound=Outbound(allow_private=private, https_only=secure),
        elsewhere=ForeignCelery(settings),
        overflow=OverflowPool(overflow),
    )


def _store(
    settings: Settings,
    patience: Patience,
    *,
    clock: Clock,
    app: Celery,
    memory: Memory | None,
    line_of: LineOf,
    tells: Tells,
) -> Store:
    """Everything in Redis, as one kind of process reaches it."""
    post = None
    if patience == "worker":
        post = Broker(app).post  # a web process leaves another broker to the pump
    redis = connect(settings.redis_url, patience)
    return Store(
        Scripts(redis, clock, messages(app, settings), post),
        retention=settings.retention_days * 86400,
        limits=Limits(settings.concurrency, settings.tenant_concurrency),
        account=fingerprint(f"{settings.base_url} {settings.api_key}"),
        durability=_keeps(settings),
        memory=memory,
        line_of=line_of,
        tells=tells,
        books=Books(settings.budgets, settings.currency, settings.indexed),
    )


def _keeps(settings: Settings) -> Keeps:
    if settings.embedded and settings.durable in FOR_THE_DISK:
        return Appended(settings.data_dir.resolve())
    return Durability(settings.durable)


def check_server(
    wiring: Wiring, environ: Mapping[str, str] = os.environ, *, role: Role | None = None
) -> Server:
    """What a process looks at before it starts to work; it waits for a Redis that is away.

    Args:
        wiring: Its parts.
        environ: Its environment, in which a misspelt setting may stand.
        role: What it is from now on; None: it only looks in another's place.

    Returns:
        What the server says of itself.

    Raises:
        SettingsError: No Redis is set or it lets nobody in, it is too old or may evict keys, or
            others have other secrets.
    """
    for name in unknown_names(environ):
        report("settings.unknown", name=name)
    if wiring.settings.data_dir.exists():
        wiring.settings.own_data_dir()
    server = reached(wiring, wiring.store.processes.server, first=True)
    _judge(server, wiring.settings)
    reached(wiring, lambda: _check_others(wiring))
    if role:
        budgets = fingerprint(str(wiring.settings.budgets))
        reached(wiring, lambda: wiring.store.installation.started_with(role, budgets))
    return server


def _judge(server: Server, settings: Settings) -> None:
    """Refuse a server that is not safe, or not as it is asked to be; say what else it loses."""
    if server.too_old:
        raise SettingsError(
            f"REDIS_URL: the server is {server.name}; use Redis 6.2 or later, or Valkey"
        )
    if server.evicts:
        raise SettingsError(
            f"REDIS_URL: with maxmemory-policy {server.policy} the server may evict queued jobs; "
            "set noeviction"
        )
    if not server.durable:
        report("redis.not_durable", why="no append-only file: a restart of Redis loses jobs")
    asked = settings.durable == "fsync" and not settings.embedded
    if asked and not server.has_waitaof:
        raise SettingsError(
            "RUNHOOK_DURABLE: fsync needs Redis 7.2 or later, or Valkey, with appendonly yes; "
            f"the server is {server.name}"
        )


def check_storage(settings: Settings) -> None:
    """Look that files can be kept, before anything comes that must be.

    Raises:
        SettingsError: There is no such place, or nothing can be written there.
    """
    try:
        if not settings.storage_setting:
            settings.own_data_dir()
        Place(settings.storage_url).check()
    except (ValueError, ImportError, StorageUnavailable) as wrong:
        raise SettingsError(f"RUNHOOK_STORAGE_URL: {masked(str(wrong))}") from None


def _check_others(wiring: Wiring) -> None:
    """Whether all is here, and those who work here have the same secrets and the same account."""
    # First: until a restore has ended, nothing is written beside it.
    if wiring.store.copies.is_half_restored():
        raise SettingsError(HALF_RESTORED)
    wiring.store.duties.publish_messages()
    prints = tuple(fingerprint(secret) for secret in wiring.settings.secrets)
    if not wiring.store.installation.knows_secrets(prints):
        raise SettingsError(OTHER_SECRETS)
    _check_account(wiring)


def check_secrets(wiring: Wiring) -> None:
    """Look, and write nothing: a command in another folder may have another secret.

    Raises:
        SettingsError: Those who work here use none of its secrets.
    """
    if has_other_secrets(wiring):
        raise SettingsError(OTHER_SECRETS)


def has_other_secrets(wiring: Wiring) -> bool:
    """Whether this process has secrets, and those who work here use none of them."""
    try:
        prints = tuple(fingerprint(secret) for secret in wiring.settings.secrets)
    except SettingsError:  # a client may do without
        return False
    return wiring.store.installation.has_other_secrets(prints)


def _check_account(wiring: Wiring) -> None:
    """Nobody sends another account's jobs. A process without a key sends none."""
    settings = wiring.settings
    if not settings.api_key:
        return
    account = account_fingerprint(settings.base_url, settings.api_key)
    if not wiring.store.installation.knows_account(account):
        raise SettingsError(
            "RUNNINGHUB_API_KEY: the jobs in this Redis belong to another account or site. Use "
            "another REDIS_URL, or let them end first; if this is a new key of the same account, "
            "run `runhook doctor --take-over`"
        )


def reached(wiring: Wiring, ask: Callable[[], Answer], *, first: bool = False) -> Answer:
    """What Redis answers a process that starts; one that is away is waited for, saying so once.

    Raises:
        SettingsError: No Redis is set, or it lets nobody in.
    """
    said = False
    while True:
        try:
            return ask()
        except StoreRefuses as error:
            raise SettingsError(f"REDIS_URL: {error}") from None
        except StoreUnavailable as error:
            if first and wiring.settings.embedded:
                raise SettingsError(
                    "REDIS_URL is missing, and no server of `runhook up` answers in "
                    f"{wiring.settings.data_dir}: set REDIS_URL, or run `runhook up`"
                ) from None
            if not said:
                report("redis.away", why=f"REDIS_URL: {error}; waiting for it")
            said = True
            time.sleep(policy.REDIS_LOOK)


def check_port(host: str, port: int, *, setting: str = "PORT", seconds: float = 0) -> None:
    """Refuse a port that somebody listens on; servers that share one take each other's requests.

    Args:
        host: The address to listen on.
        port: The port.
        setting: What the user sets it by.
        seconds: How long somebody who ends just now may still hold it.

    Raises:
        SettingsError: Nothing can listen there.
    """
    deadline = time.monotonic() + seconds
    family = socket.AF_INET
    if ":" in host:
        family = socket.AF_INET6
    while True:
        try:
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise SettingsError(f"{setting}: {host}:{port}: {error.strerror}") from None
            if time.monotonic() >= deadline:
                raise SettingsError(
                    f"{setting}: {port} on {host} is in use by another process; end that, or "
                    f"set {setting} to a free one"
                ) from None
            time.sleep(0.1)
        else:
            return


def process_name() -> str:
    """This process among all machines."""
    return f"{socket.gethostname()}:{os.getpid()}"
