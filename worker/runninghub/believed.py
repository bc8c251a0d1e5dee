"""What runhook believes of RunningHub's answers, each with a question that costs nothing.

The questions go the way that jobs go, so what is compared is what runhook reads. Three are submits
that must be refused: of a model and a workflow that there cannot be, and of a model without its
input.
"""

import io
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from runhook.worker.domain.beliefs import Belief, Outcome, Sample
from runhook.worker.domain.provider import Provider, Submit
from runhook.worker.domain.reports import (
    Accepted,
    Account,
    Busy,
    Capacity,
    LivePrice,
    NeverLeft,
    Report,
    Uncertain,
    amounts,
)
from runhook.worker.errors import ProviderSilent
from runhook.worker.runninghub.codes import NO_SUCH_TASK, explain

NOBODYS_KEY = "0" * 32  # as long as keys are (doc-6333420)
# As long as a task's id, and of a time before RunningHub was.
NOBODYS_TASK = "1000000000000000001"
NO_ID = "0"  # query V2 says of it that ids are greater (seen)
NO_MODEL = "runhook/no-such-model"
# Nobody can be called there: RFC 2606 keeps .invalid free of hosts.
NOWHERE = "https://runhook.invalid/"
# A picture of one white pixel, as small as PNG has them.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010100000000376ef9240000"
    "000a4944415478da6368000000820081da45083b0000000049454e44ae426082"
)
NO_BYTES = "d41d8cd98f00b204e9800998ecf8427e"  # the MD5 of an empty file, which nobody uploads
GOOD = 200  # HTTP's; RunningHub says its own errors under it
CODE = re.compile(r'"(?:errorCode|error_code|code)"\s*:\s*"?(\w{1,20})')
NO_ERROR = ("0", "200")  # the upload page shows 200 for success

Question = Callable[[Provider], Any]


def beliefs(me: Provider, stranger: Provider, sample: Sample) -> tuple[Belief, ...]:
    """All that is asked, what tells most of the key first.

    Args:
        me: The way to RunningHub.
        stranger: The same with a key that is nobody's.
        sample: A model with a price.
    """
    return (
        *_of_account(me, sample),
        *_of_tasks(me),
        *_of_older_calls(me),
        *_of_webhooks(me),
        *_of_files(me),
        *_of_refusals(me, sample),
        *_of_strangers(stranger),
    )


def _of_account(me: Provider, sample: Sample) -> tuple[Belief, ...]:
    return (
        Belief(
            what="balance",
            believed="HTTP 200, money or coins",
            source="documented",
            matters="`runhook account` and doctor cannot tell what is left.",
            ask=partial(_asked, me, lambda client: client.account()),
            agrees=lambda outcome: _read(outcome) and bool(amounts(outcome.value)),
            tells=_account_words,
        ),
        Belief(
            what="limit",
            believed="HTTP 200, a limit of tasks",
            source="seen",
            matters="One job is sent at a time; set RUNHOOK_CONCURRENCY.",
            ask=partial(_asked, me, lambda client: client.capacity()),
            agrees=lambda outcome: _read(outcome) and outcome.value.limit is not None,
            tells=_limit_words,
        ),
        Belief(
            what="price",
            believed=f"HTTP 200, {sample.money:f} {sample.currency} for {sample.model}",
            source="seen",
            matters="Prices of the catalogue are old, or not this account's: give jobs a "
            "max_price, which is held against RunningHub's own price before they leave.",
            ask=partial(_asked, me, lambda client: client.price(sample.model, sample.input)),
            agrees=lambda outcome: (
                _read(outcome)
                and outcome.value.money == sample.money
                and outcome.value.currency in (None, sample.currency)
            ),
            tells=_price_words,
        ),
    )


def _of_tasks(me: Provider) -> tuple[Belief, ...]:
    return (
        Belief(
            what="unknown task",
            believed="HTTP 200, error 1004, no such task",
            source="seen",
            matters="A task that is lost there is asked about until its job's time-out.",
            ask=partial(_asked, me, lambda client: client.report(NOBODYS_TASK, "image")),
            agrees=lambda outcome: (
                _says(outcome, "1004") and _read(outcome) and outcome.value.state == "unknown"
            ),
            tells=_task_words,
        ),
        Belief(
            what="invalid id",
            believed="HTTP 200, error 1007",
            source="seen",
            matters="An error about a question might be taken for a task's failure.",
            ask=partial(_asked, me, lambda client: client.report(NO_ID, "image")),
            agrees=lambda outcome: _says(outcome, "1007"),
            tells=_task_words,
        ),
    )


def _of_older_calls(me: Provider) -> tuple[Belief, ...]:
    return (
        Belief(
            what="unknown ComfyUI task",
            believed="HTTP 200, error 807 or 423, no such task",
            source="documented",
            matters="A ComfyUI task that is lost there is asked about until its job's time-out.",
            ask=partial(_asked, me, lambda client: client.report(NOBODYS_TASK, "workflow")),
            agrees=lambda outcome: (
                _says(outcome, *NO_SUCH_TASK)
                and _read(outcome)
                and outcome.value.state == "unknown"
            ),
            tells=_task_words,
        ),
        Belief(
            what="cancel of an unknown task",
            believed="HTTP 200, error 807 or 423",
            source="documented",
            matters="A cancel that RunningHub does not do might be told as done.",
            ask=partial(_asked, me, lambda client: client.cancel(NOBODYS_TASK)),
            agrees=lambda outcome: _says(outcome, *NO_SUCH_TASK),
        ),
    )


def _of_webhooks(me: Provider) -> tuple[Belief, ...]:
    return (
        Belief(
            what="no record of a callback",
            believed="HTTP 200, error 1",
            source="seen",
            matters="Lost callbacks are made good by asking about the task itself.",
            ask=partial(_asked, me, lambda client: client.recorded(NOBODYS_TASK)),
            agrees=lambda outcome: _says(outcome, "1", *NO_SUCH_TASK),
            tells=lambda _: "a record",
        ),
        Belief(
            what="resend of an unknown callback",
            believed="HTTP 200, an error",
            source="guessed",
            matters="A resend that does not come might be waited for; then the task is asked.",
            ask=partial(_asked, me, lambda client: client.resend(NOBODYS_TASK, NOWHERE)),
            agrees=lambda outcome: outcome.status == GOOD and outcome.code is not None,
        ),
    )


def _of_files(me: Provider) -> tuple[Belief, ...]:
    matters = "Jobs with files fail before they are sent, free."
    return (
        Belief(
            what="file upload",
            believed="HTTP 200, a name and a URL",
            source="documented",
            matters=matters,
            ask=partial(_asked, me, lambda client: _upload(client, old=False)),
            agrees=lambda outcome: _read(outcome) and bool(outcome.value.url),
            tells=lambda uploaded: _having("a name", "a URL", second=bool(uploaded.url)),
        ),
        Belief(
            what="older file upload",
            believed="HTTP 200, a name",
            source="documented",
            matters=f"Of quick creates: {matters}",
            ask=partial(_asked, me, lambda client: _upload(client, old=True)),
            agrees=_read,
            tells=lambda _: "a name",
        ),
        Belief(
            what="place for a LoRA",
            believed="HTTP 200, a name and a URL",
            source="documented",
            matters="`runhook lora` does not work.",
            ask=partial(_asked, me, lambda client: client.lora_url("runhook-probe", NO_BYTES)),
            agrees=_read,
            tells=lambda _: "a name and a URL",
        ),
    )


def _of_refusals(me: Provider, sample: Sample) -> tuple[Belief, ...]:
    matters = "A submit that is refused, free, might be held for one that may have been paid."
    return (
        Belief(
            what="submit of an unknown model",
            believed="HTTP 200, error 1001",
            source="documented",
            matters=matters,
            ask=partial(_submitted, me, Submit(model=NO_MODEL, given={})),
            agrees=lambda outcome: _says(outcome, "1001"),
        ),
        Belief(
            what="submit without a prompt",
            believed=f"HTTP 200, error 1007 of {sample.model}",
            source="documented",
            matters=matters,
            ask=partial(_submitted, me, Submit(model=sample.model, given={})),
            agrees=lambda outcome: _says(outcome, "1007"),
        ),
        Belief(
            what="submit of workflow 0",
            believed="HTTP 200, error 301",
            source="seen",
            matters=matters,
            ask=partial(_submitted, me, Submit(model=f"workflow/{NO_ID}", given={})),
            agrees=lambda outcome: _says(outcome, "301"),
        ),
    )


def _of_strangers(stranger: Provider) -> tuple[Belief, ...]:
    matters = "A key that is refused might be held for an outage, which is waited for."
    return (
        Belief(
            what="wrong key",
            believed="HTTP 200 or 401, an error of the key",  # api.md's open question
            source="guessed",
            matters=matters,
            ask=partial(_asked, stranger, lambda client: client.report(NOBODYS_TASK, "image")),
            agrees=lambda outcome: outcome.status in (GOOD, 401) and outcome.refuses_key,
            tells=_task_words,
        ),
        Belief(
            what="wrong key on older paths",
            believed="HTTP 200, an error of the key",
            source="documented",
            matters=matters,
            ask=partial(_asked, stranger, lambda client: client.account()),
            agrees=lambda outcome: outcome.status == GOOD and outcome.refuses_key,
            tells=lambda _: "an account",
        ),
        Belief(
            what="wrong key for an upload",
            believed="HTTP 200, error 401",
            source="documented",
            matters=matters,
            ask=partial(_asked, stranger, lambda client: _upload(client, old=False)),
            agrees=lambda outcome: _says(outcome, "401"),
            tells=lambda _: "a file",
        ),
    )


def _asked(client: Provider, question: Question) -> Outcome:
    """What a free question brought."""
    listening, value, why, busy = client.listening(), None, "", False
    try:
        value = question(listening)
    except ProviderSilent as silent:
        why, busy = str(silent), silent.busy
    status, code = _heard(listening)
    refused = code is not None and explain(code).refuses_key
    return Outcome(status=status, code=code, value=value, why=why, busy=busy, refuses_key=refused)


def _submitted(client: Provider, wanted: Submit) -> Outcome:
    """What a submit brought that must be refused."""
    listening = client.listening()
    answer = listening.submit(wanted, lambda: True)
    status, code = _heard(listening)
    match answer:
        case Accepted(ref):
            taken = f"it was taken as task {ref}"
            return Outcome(status=status, code=code, may_cost=taken)
        case Uncertain(why=why):
            return Outcome(status=status, code=code, why=why, may_cost="it may have been taken")
        case NeverLeft(why=why):
            return Outcome(status=None, why=why)
    return Outcome(status=status, code=code, busy=isinstance(answer, Busy))


def _heard(listening: Provider) -> tuple[int | None, str | None]:
    """HTTP status and error code of the last answer, before anybody made sense of it."""
    if not listening.heard:
        return None, None
    last = listening.heard[-1]
    found = CODE.search(last.answer)
    code = None
    if found and found[1] not in NO_ERROR:
        code = found[1]
    return last.status, code


def _upload(client: Provider, *, old: bool) -> Any:
    return client.upload("runhook-probe.png", io.BytesIO(PIXEL), len(PIXEL), old=old)


def _read(outcome: Outcome) -> bool:
    """Whether runhook could read it."""
    return outcome.status == GOOD and outcome.value is not None


def _says(outcome: Outcome, *codes: str) -> bool:
    return outcome.status == GOOD and outcome.code in codes


def _account_words(account: Account) -> str:
    """Not the amounts: a report of a probe may be shown to others."""
    has = _having("money", "coins", first=bool(account.money), second=bool(account.coins))
    kind = account.type or "no kind of account"
    return f"{has}, {account.currency or 'no currency'}, {kind}"


def _limit_words(capacity: Capacity) -> str:
    if capacity.limit is None:
        return "no limit"
    return f"{capacity.limit} tasks at once"


def _task_words(report: Report) -> str:
    return f"task {report.state}"


def _price_words(price: LivePrice) -> str:
    words = f"{price.money:f} {price.currency or 'in a currency that is not named'}"
    if price.free:
        words += ", this call free"
    return words


def _having(one: str, other: str, *, first: bool = True, second: bool = True) -> str:
    had = [name for name, there in ((one, first), (other, second)) if there]
    return " and ".join(had) or f"neither {one} nor {other}"
