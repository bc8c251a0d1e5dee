"""The settings of every process, and the only reader of the environment.

Each field is one variable of the environment (`.env` is read too); its comment in
`config/env.example` says what it does. A wrong value stops the process at its start with one
line that names the variable.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from runhook.config import generated, private
from runhook.config.budgets import Budgets
from runhook.config.callers import Caller, read_callers
from runhook.config.environment import Environment, filled, one_line
from runhook.config.roles import CHECKS
from runhook.config.roles import LOOPBACK_HOSTS as LOOPBACK_HOSTS
from runhook.config.roles import Role as Role
from runhook.config.roles import SettingsError as SettingsError
from runhook.config.strength import looks_made_up, weak_secret
from runhook.config.urls import (
    broker_fault,
    is_runninghub,
    passwords,
    plain_url,
    redis_fault,
    storage_fault,
)
from runhook.config.values import (
    CommaList,
    CommaWaits,
    DayBudgets,
    Days,
    MetadataKeys,
    Processes,
    Requests,
    Span,
    Tasks,
    Wait,
)

LONGEST_SOCKET_PATH = 100  # the kernel takes 107 bytes, and servers add a suffix while binding


class Settings(Environment):
    """What the environment says, checked. Build it with `Settings.load()`."""

    # Defaults are those of the contract; config/env.example says for each what it does and why.
    api_key: str = Field("", alias="RUNNINGHUB_API_KEY", repr=False)
    base_url: str = Field("https://www.runninghub.ai", alias="RUNNINGHUB_BASE_URL")
    redis_setting: str = Field("", alias="REDIS_URL", repr=False)
    broker_setting: str = Field("", alias="CELERY_BROKER_URL", repr=False)
    handler_broker_setting: str = Field("", alias="CELERY_HANDLER_BROKER_URL", repr=False)
    public_url: str = Field("", alias="RUNHOOK_PUBLIC_URL")
    secret_setting: CommaList = Field((), alias="RUNHOOK_SECRET", repr=False)
    token_setting: CommaList = Field((), alias="RUNHOOK_API_TOKENS", repr=False)
    handlers: CommaList = Field((), alias="RUNHOOK_HANDLERS")
    storage_setting: str = Field("", alias="RUNHOOK_STORAGE_URL", repr=False)
    archive: bool = Field(True, alias="RUNHOOK_ARCHIVE")
    durable: Literal["auto", "fsync", "replica", "none"] = Field("auto", alias="RUNHOOK_DURABLE")
    web_url: str = Field("", alias="RUNHOOK_URL")
    web_token: str = Field("", alias="RUNHOOK_TOKEN", repr=False)
    # None: RunningHub is asked for the key's own limit, which no page promises.
    concurrency: Tasks | None = Field(None, alias="RUNHOOK_CONCURRENCY")
    tenant_concurrency: Tasks | None = Field(None, alias="RUNHOOK_TENANT_CONCURRENCY")
    # `fail` pays at most once; `resubmit` is for those who would rather risk paying twice.
    unconfirmed: Literal["fail", "resubmit"] = Field("fail", alias="RUNHOOK_UNCONFIRMED")
    unconfirmed_after_setting: Wait | None = Field(None, alias="RUNHOOK_UNCONFIRMED_AFTER")
    overdue_after: Span | None = Field(None, alias="RUNHOOK_OVERDUE_AFTER")
    # Seconds. RunningHub publishes no limit of its own; twice what its longest tasks take.
    job_timeout: Span = Field(7200, alias="RUNHOOK_JOB_TIMEOUT")
    reconcile: Literal["detail", "resend"] = Field("detail", alias="RUNHOOK_RECONCILE")
    verify: Literal["token", "fetch"] = Field("token", alias="RUNHOOK_VERIFY")
    # Seconds: at once, soon for a deploy, then hours for a night; 17 hours and a half in all.
    retry_schedule: CommaWaits = Field(
        (0, 5, 30, 300, 1800, 7200, 18000, 36000), alias="RUNHOOK_RETRY_SCHEDULE"
    )
    # Off: a subscriber's URL could have this machine call its own network.
    allow_private_urls: bool = Field(False, alias="RUNHOOK_ALLOW_PRIVATE_URLS")
    https_only_setting: bool | None = Field(None, alias="RUNHOOK_HTTPS_ONLY")
    budgets: DayBudgets = Field(Budgets(), alias="RUNHOOK_BUDGET_DAY", validate_default=False)
    indexed: MetadataKeys = Field((), alias="RUNHOOK_INDEX_METADATA")
    retention_days: Days = Field(30, alias="RUNHOOK_RETENTION_DAYS")
    data_dir: Path = Field(Path(".runhook"), alias="RUNHOOK_DATA_DIR")
    rate_limit: Requests = Field(600, alias="RUNHOOK_RATE_LIMIT")  # 0: no limit
    port: int = Field(8080, alias="PORT", ge=1, le=65535)  # and WEB_CONCURRENCY, as on Heroku
    web_concurrency: Processes = Field(1, alias="WEB_CONCURRENCY")

    @classmethod
    def load(cls, role: Role = "client", **values: Any) -> Self:
        """Read the environment for one kind of process.

        Args:
            role: Which process asks; `web`, `worker` and `handlers` need more than a client.
            values: Settings by their variable's name, in place of the environment's (tests).

        Raises:
            SettingsError: One line that names every wrong or missing variable.
        """
        try:
            settings = cls(**values)
            if role == "client":
                settings = settings._beside_a_sandbox(values)
        except ValidationError as error:
            raise SettingsError(one_line(error)) from None
        except (UnicodeDecodeError, OSError) as error:
            raise SettingsError(f".env cannot be read: {error}; it must be text in UTF-8") from None
        faults = [fault for check in CHECKS[role] if (fault := check(settings))]
        if faults:
            raise SettingsError("; ".join(faults))
        return settings

    def _beside_a_sandbox(self, values: Mapping[str, Any]) -> Self:
        """A command beside `runhook up --sandbox` means its sandbox, unless it is told another."""
        told = self.told_by_sandbox()
        if not told or {"base_url", "api_key"} & self.model_fields_set:
            return self
        return type(self)(**{**told, **values})

    def told_by_sandbox(self) -> dict[str, str]:
        """The settings of the processes that `runhook up --sandbox` runs, while it runs."""
        try:
            told: dict[str, str] = json.loads(private.read(self.sandbox_file))
        except (OSError, ValueError):
            return {}
        return told

    @classmethod
    def of(cls, environ: Mapping[str, str], role: Role) -> Self:
        """The settings that a process started in this environment has.

        Raises:
            SettingsError: One line that names every wrong or missing variable.
        """
        known = {str(field.alias) for field in cls.model_fields.values()}
        return cls.load(role, **{name: v for name, v in filled(environ).items() if name in known})

    @field_validator("secret_setting")
    @classmethod
    def _long_secrets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for number, secret in enumerate(value, start=1):
            if fault := weak_secret(secret):
                raise ValueError(f"secret {number} of {len(value)} {fault}")
        return value

    @field_validator("api_key", "secret_setting", "token_setting", "web_token")
    @classmethod
    def _nothing_copied_along(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if any(not sign.isprintable() or sign.isspace() for sign in "".join(value)):
            raise ValueError(
                "contains white space or a control character, often pasted along; remove it"
            )
        return value

    @field_validator("api_key", "web_token")
    @classmethod
    def _fits_a_header(cls, value: str) -> str:
        if not value.isascii():
            raise ValueError("contains a non-ASCII character, which no key or token has")
        return value

    @field_validator("token_setting")
    @classmethod
    def _named_tokens(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        read_callers(value)
        return value

    @field_validator("base_url", "public_url", "web_url")
    @classmethod
    def _http_url(cls, value: str) -> str:
        return value and plain_url(value)

    @field_validator("redis_setting")
    @classmethod
    def _redis_url(cls, value: str) -> str:
        if value and (fault := redis_fault(value)):
            raise ValueError(fault)
        return value

    @field_validator("broker_setting", "handler_broker_setting")
    @classmethod
    def _broker_url(cls, value: str) -> str:
        if fault := broker_fault(value):
            raise ValueError(fault)
        return value

    @field_validator("storage_setting")
    @classmethod
    def _storage_url(cls, value: str) -> str:
        if value and (fault := storage_fault(value)):
            raise ValueError(fault)
        return value

    @model_validator(mode="after")
    def _callbacks_over_https(self) -> Self:
        if self.live and self.public_url and not self.public_url.startswith("https://"):
            raise ValueError(
                "RUNHOOK_PUBLIC_URL must be https when RUNNINGHUB_BASE_URL is RunningHub's own"
            )
        return self

    @property
    def live(self) -> bool:
        """Whether jobs go to RunningHub itself, and not to a sandbox."""
        return is_runninghub(urlsplit(self.base_url).hostname or "")

    @property
    def https_only(self) -> bool:
        """Whether subscribers must be https: where jobs are real, unless it is said otherwise."""
        if self.https_only_setting is None:
            return self.live
        return self.https_only_setting

    @cached_property
    def to_hide(self) -> tuple[str, ...]:
        """Every secret value of this process: nothing that comes from outside may show it."""
        urls = (self.redis_setting, self.broker_setting, self.handler_broker_setting)
        theirs = [password for url in urls for password in passwords(url)]
        ours: tuple[str, ...] = ()
        with suppress(SettingsError):
            ours += (generated.kept(self.token_file),)
        with suppress(SettingsError):  # none yet: a client may do without
            ours += self.secrets
        tokens = (caller.token for caller in self.callers)
        return (*filter(None, (self.api_key, self.web_token, *ours, *tokens, *theirs)),)

    @property
    def embedded(self) -> bool:
        """Whether `runhook up` runs the server: no REDIS_URL is given."""
        return not self.redis_setting

    @property
    def redis_url(self) -> str:
        """The Redis of every state; the embedded server's socket when none is given."""
        if self.redis_setting:
            return self.redis_setting
        try:
            private.is_own_socket(self.embedded_socket)
        except ValueError as stranger:
            raise SettingsError(f"RUNHOOK_DATA_DIR: {stranger}") from None
        return f"unix://{self.embedded_socket}"

    @property
    def broker_url(self) -> str:
        """Celery's broker; the same Redis when none is given."""
        return self.broker_setting or self.redis_url

    @property
    def handler_broker_url(self) -> str:
        """Where Celery tasks of other apps are told; our own broker when none is given."""
        return self.handler_broker_setting or self.broker_url

    @property
    def shares_broker(self) -> bool:
        """Whether broker and state are one Redis, so that a script can post a wake-up itself."""
        return self.broker_url == self.redis_url

    @property
    def embedded_socket(self) -> Path:
        """Where the embedded server listens: the data folder, or a short path beside it."""
        inside = self.data_dir.resolve() / "redis.sock"
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
            return inside
        mark = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
        return Path("/tmp") / f"runhook-{os.getuid()}-{mark}" / "redis.sock"  # noqa: S108

    @property
    def sandbox_file(self) -> Path:
        """Where `runhook up --sandbox` says where its sandbox is, while it runs."""
        return self.data_dir / "sandbox.json"

    @property
    def secret_file(self) -> Path:
        """The generated secret's place; used with the embedded server only."""
        return self.data_dir / "secret"

    @property
    def token_file(self) -> Path:
        """Where `runhook up` keeps the token that it makes when RUNHOOK_API_TOKENS has none."""
        return self.data_dir / "token"

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """The secrets of callback URLs: the first signs, all verify.

        Raises:
            SettingsError: None is set and there is no generated one.
        """
        if self.secret_setting:
            return self.secret_setting
        found = generated.kept(self.secret_file)
        if weak_secret(found):
            raise SettingsError(
                "RUNHOOK_SECRET is missing: set at least 32 random characters, the same for "
                "every process (runhook up makes its own)"
            )
        return (found,)

    def make_secret(self) -> None:
        """Write a random secret into the data folder unless there is one already."""
        self.own_data_dir()
        generated.make(self.secret_file)

    def own_data_dir(self) -> None:
        """Make the data folder, or narrow it to this user.

        Raises:
            SettingsError: It is not this user's own.
        """
        try:
            private.own_folder(self.data_dir)
        except ValueError as wrong:
            raise SettingsError(f"RUNHOOK_DATA_DIR: {wrong}") from None

    def made_up(self) -> list[str]:
        """Settings whose secrets are long enough, and yet nobody drew them by lot."""
        tokens = [caller.token for caller in self.callers]
        held = {"RUNHOOK_SECRET": self.secret_setting, "RUNHOOK_API_TOKENS": tokens}
        return [name for name, secrets in held.items() if any(map(looks_made_up, secrets))]

    @cached_property
    def callers(self) -> tuple[Caller, ...]:
        """Who may use /v1; nobody named: this machine alone."""
        return read_callers(self.token_setting)

    @property
    def storage_url(self) -> str:
        """Where assets are kept: any fsspec URL; a folder in the data folder when none is given."""
        return self.storage_setting or f"file://{self.data_dir.resolve()}/storage"

    @property
    def unconfirmed_after(self) -> float:
        """Seconds an unconfirmed attempt waits for proof."""
        after = self.unconfirmed_after_setting
        if after is None:
            return self.job_timeout
        return after

    @property
    def currency(self) -> str | None:
        """What RunningHub's amounts are in: the .cn site charges CNY, the other does not say."""
        if urlsplit(self.base_url).hostname == "www.runninghub.cn":
            return "CNY"
        return None

    @property
    def budget_currency(self) -> str | None:
        """What budgets are in: the account's currency; a sandbox's is that of the catalogue."""
        if not self.live:
            return "CNY"
        return self.currency


def unknown_names(environ: Mapping[str, str]) -> list[str]:
    """Variables that begin like ours and are none of ours: most often misspelt."""
    known = {str(field.alias) for field in Settings.model_fields.values()}
    return sorted(name for name in environ if name.startswith("RUNHOOK_") and name not in known)
