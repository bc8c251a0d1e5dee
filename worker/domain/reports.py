"""What RunningHub says, in our words: pure values, no field name of theirs.

Two kinds: the answer to a paid submit, sorted by who pays; and a report about a task.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

TaskState = Literal["queued", "running", "succeeded", "failed", "cancelled", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Archived:
    """Our own copy of an output, in the storage.

    Attributes:
        name: Of its file, among those of its job.
        media_type: What its first bytes say, as HTTP has it.
        size: Bytes.
        sha256: Of its content, in hexadecimal.
        thumbnail: A small picture of it lies beside it.
    """

    name: str
    media_type: str
    size: int
    sha256: str
    thumbnail: bool = False


@dataclass(frozen=True, kw_only=True)
class Output:
    """One file or text that a generation made.

    Attributes:
        url: Where RunningHub keeps it, for 24 hours from the end.
        type: The file's ending: png, mp4, wav, glb, txt.
        text: The text, where the output is one.
        node_id: The ComfyUI node that saved it.
        expires_at: When the URL dies.
        archived: Our own copy, once there is one.
        lost: Why there will never be one.
    """

    url: str | None = None
    type: str | None = None
    text: str | None = None
    node_id: str | None = None
    expires_at: datetime | None = None
    archived: Archived | None = None
    lost: str | None = None

    @property
    def to_archive(self) -> bool:
        """Whether there is a file of it that is not kept here yet and still may be."""
        return bool(self.url) and self.archived is None and self.lost is None


@dataclass(frozen=True, kw_only=True)
class Error:
    """Why an attempt failed, and what it means for the money."""

    code: str
    message: str
    provider_code: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What RunningHub charged: exact decimal strings, never floats.

    Attributes:
        money: In `currency`, run time and third party together.
        currency: CNY on the .cn site, unknown elsewhere.
        coins: RH coins.
        seconds: Run time that was billed.
    """

    money: str | None = None
    currency: str | None = None
    coins: str | None = None
    seconds: str | None = None

    @property
    def names_amount(self) -> bool:
        """Whether an amount was named, be it 0: a run time alone is no bill."""
        return self.money is not None or self.coins is not None

    def corrected(self, told: "Cost") -> "Cost":
        """What is known once more is told: an amount is replaced by another, and not by silence."""
        return Cost(
            money=told.money or self.money,
            currency=told.currency or self.currency,
            coins=told.coins or self.coins,
            seconds=told.seconds or self.seconds,
        )


@dataclass(frozen=True, kw_only=True)
class Report:
    """What RunningHub says of one task at one moment.

    Attributes:
        ref: The task's id.
        state: `unknown` means that RunningHub knows no such task.
        left_out: What it said besides that could not be kept, in words for the timeline.
    """

    ref: str
    state: TaskState
    outputs: tuple[Output, ...] = ()
    error: Error | None = None
    cost: Cost | None = None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Accepted:
    """RunningHub took the submit and will be paid. `report` holds results already there."""

    ref: str
    report: Report | None = None


@dataclass(frozen=True)
class Refused:
    """It was surely not taken: nothing is paid, and again would be refused again.

    Attributes:
        sent: RunningHub said so; else what it needs was missing before it was sent.
        other_path: Its older path may take what it refused on this one.
    """

    error: Error
    sent: bool = True
    other_path: bool = False


@dataclass(frozen=True, kw_only=True)
class Busy:
    """RunningHub surely did not take it now: nothing is paid, later it may.

    Attributes:
        code: RunningHub's code or the HTTP status.
        own_machines: 415 and 814 speak of one instance type or personal queue only.
        advice: What the account's owner must do, where it takes nothing before.
    """

    code: str
    message: str
    own_machines: bool = False
    advice: str = ""


@dataclass(frozen=True, kw_only=True)
class NeverLeft:
    """Not one byte of the request left: nothing is paid.

    Attributes:
        counted: It is about what this one request needs, so it is not tried without end.
        again_in: Seconds after which it may be tried again, where it is nobody's trouble.
        code: RunningHub's code, where it did not take that.
    """

    why: str
    counted: bool = False
    code: str | None = None
    again_in: float | None = None


@dataclass(frozen=True, kw_only=True)
class Uncertain:
    """It may have been taken: never sent again without proof.

    Attributes:
        why: What came instead of an answer.
        code: RunningHub's code, if one came.
        ref: The task's id, if one came together with an error or in an answer too deep to read.
        busy: The code is one that means "later" when no id comes with it.
        outage: RunningHub's side looks ill (5xx, dead connection).
    """

    why: str
    code: str | None = None
    ref: str | None = None
    busy: bool = False
    outage: bool = False


SubmitAnswer = Accepted | Refused | Busy | NeverLeft | Uncertain


@dataclass(frozen=True)
class Recorded:
    """RunningHub's own record of a callback (getWebhookDetail).

    Attributes:
        webhook_id: What a resend is asked with.
        webhook_url: Where the callback went.
        report: What it said; None when it cannot be read.
    """

    webhook_id: str
    webhook_url: str
    report: Report | None


@dataclass(frozen=True, kw_only=True)
class AppField:
    """One field of an AI app that a job may set.

    Attributes:
        key: "<nodeId>.<fieldName>", as in a job's input.
        type: STRING, IMAGE, AUDIO, VIDEO, LIST, INT, FLOAT, BOOLEAN or SWITCH.
        choices: What a LIST or SWITCH takes, where the app says it.
    """

    key: str
    node_name: str
    type: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class App:
    """An AI app as its call example shows it."""

    name: str
    fields: tuple[AppField, ...]
    needs_password: bool = False


@dataclass(frozen=True, kw_only=True)
class Style:
    """One row of an app's style library: a model that a quick create can be asked with."""

    id: str
    category: str
    name: str
    key: str
    trigger: str
    preview_url: str
    loras: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Uploaded:
    """A file as RunningHub keeps it.

    Attributes:
        file_name: What ComfyUI nodes load it by.
        url: What models fetch it from, for one day; None after the old upload.
    """

    file_name: str
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Account:
    """What the key's account has. Amounts are exact decimal strings.

    Attributes:
        coins: RH coins left.
        money: The wallet, in `currency`; None where the key has none.
        tasks: How many run now, those of the website included.
        type: NORMAL, SHARED or EXCLUSIVE.
    """

    coins: str | None
    money: str | None
    currency: str | None
    tasks: int | None
    type: str | None


def amounts(of: Cost | Account) -> list[str]:
    """Money and coins in words, each with its unit; empty where there is neither."""
    parts = []
    if of.money:
        parts.append(f"{of.money} {of.currency or ''}".strip())
    if of.coins:
        parts.append(coins_text(of.coins))
    return parts


def coins_text(coins: str) -> str:
    """RH coins with their unit: `1 coin`, `17 coins`."""
    if coins == "1":
        return "1 coin"
    return f"{coins} coins"


@dataclass(frozen=True)
class LivePrice:
    """What RunningHub would charge for one input now."""

    money: Decimal
    currency: str | None
    free: bool = False


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What the key may run at once, and runs now, website tasks included (queue/status)."""

    limit: int | None
    total: int
    running: int | None = None
    queued: int | None = None
    type: str | None = None


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One call to RunningHub and what came of it, as the timeline keeps it.

    Attributes:
        call: Method and path.
        seconds: How long it took.
        status: The HTTP status; None when no answer came.
        answer: The head of the answer without secrets, or why there is none.
    """

    call: str
    seconds: float
    status: int | None
    answer: str
