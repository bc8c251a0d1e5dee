"""What people see of the machinery: how Redis, lanes and processes are, and a sandbox's faults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from runhook.worker.domain.faults import misspelt
from runhook.worker.errors import Conflict, InvalidRequest
from runhook.worker.net.http import FAILURES, Http
from runhook.worker.wiring import Wiring

SANDBOX_SECONDS = 3.0  # for an answer of the sandbox, which stands beside us
OK = 200  # the HTTP status
FAULTS = "/sandbox/faults"
# What can be switched on a page, in the order in which it is shown: what happens to a job, and what
# is to be seen then. The sandbox knows some forty more.
SWITCHES = {
    "callback_lost": (
        "Lose callbacks",
        "The job is found in RunningHub's record once it is overdue, and ends as reconciled.",
    ),
    "callback_doubled": ("Send callbacks twice", "Each handler is told once."),
    "callback_unreadable": ("Garble callbacks", "What comes is not believed, and sent again."),
    "answer_lost": (
        "Lose the answers of submits",
        "The job is unconfirmed, never sent twice, and its own callback brings it home.",
    ),
    "failed": ("Fail", "The job fails, says why, and can be retried."),
    "slow": ("Be slow", "The job runs a minute longer."),
    "busy": ("Be busy", "The queue waits, tries one job, and goes on by itself."),
    "outage": (
        "Be away",
        "What is sent into it is unconfirmed, and never sent again without proof; the others wait.",
    ),
    "output_outage": ("Lose outputs", "The archive tries again until it has the file."),
}
# How often a switched fault happens, as the sandbox's rules have it.
OFTEN: Mapping[str, Mapping[str, Any]] = {
    "off": {},
    "next": {"times": 1},
    "half": {"rate": 0.5},
    "always": {"rate": 1.0},
}


@dataclass(frozen=True, kw_only=True)
class Switch:
    """One fault of the sandbox.

    Attributes:
        fault: Its name there.
        label: What it does.
        repair: What is to be seen then.
        often: How often it happens, one of OFTEN.
    """

    fault: str
    label: str
    repair: str
    often: str


@dataclass(frozen=True)
class Sandbox:
    """The sandbox's faults.

    Attributes:
        switches: Those that can be switched on a page.
        others: Rules of other kinds that are in force, in words.
    """

    switches: Sequence[Switch]
    others: Sequence[str]


def sandbox(w: Wiring) -> Sandbox | None:
    """How the sandbox's faults stand; None: jobs go to RunningHub itself, or nobody answers."""
    found = _told(w)
    if found is None:
        return None
    rules = [rule for rule in found["rules"] if isinstance(rule, dict)]
    return Sandbox(
        switches=[
            Switch(fault=name, label=label, repair=repair, often=_often(rules, name))
            for name, (label, repair) in SWITCHES.items()
        ],
        others=[_in_words(rule) for rule in rules if not _is_switch(rule)],
    )


def switch(w: Wiring, chosen: Mapping[str, str]) -> None:
    """Have the sandbox's faults happen so often from now on; rules of any other kind stay.

    Args:
        w: The process's parts.
        chosen: How often, by fault.

    Raises:
        InvalidRequest: There is no such fault, or it cannot happen so often.
        Conflict: There is no sandbox.
    """
    known, words = tuple(SWITCHES), tuple(OFTEN)
    unknown = sorted(chosen.keys() - SWITCHES.keys())
    faults = [misspelt(name, "is no fault to switch", name, known) for name in unknown]
    faults += [
        misspelt(name, f"must be one of {', '.join(words)}", often, words)
        for name, often in chosen.items()
        if often not in OFTEN
    ]
    if faults:
        raise InvalidRequest(faults)
    found = _told(w)
    if found is None:
        raise Conflict("jobs do not go to a sandbox that answers. Nothing was changed")
    kept = [rule for rule in found["rules"] if not _is_switch(rule)]
    new = [{"fault": name, **OFTEN[often]} for name, often in chosen.items() if OFTEN[often]]
    wanted = [*kept, *new]
    if _asked(w, "PUT", orjson.dumps(found | {"rules": wanted})) is None:
        raise Conflict("the sandbox did not take it. Nothing was changed")


def _told(w: Wiring) -> dict[str, Any] | None:
    """The sandbox's rules, as it takes them again."""
    if w.settings.live:
        return None
    found = _asked(w, "GET")
    if not isinstance(found, dict) or not isinstance(found.get("rules"), list):
        return None
    return found


def _asked(w: Wiring, method: str, body: bytes | None = None) -> Any:
    """What the sandbox says; None: it does not, or no."""
    sandbox = Http(w.settings.base_url, proxies=False)
    headers = {"Content-Type": "application/json"}
    try:
        answer = sandbox.request(
            method, FAULTS, headers=headers, data=body, seconds=SANDBOX_SECONDS
        )
        if answer.status != OK:
            return None
        return orjson.loads(answer.body)
    except (*FAILURES, ValueError):
        return None


def _is_switch(rule: Mapping[str, Any]) -> bool:
    """Whether a rule is as a page makes them: of everything, and so often as can be chosen."""
    narrow = rule.get("match") or rule.get("model") or rule.get("lasting") or rule.get("value")
    return rule.get("fault") in SWITCHES and not narrow and _word_of(rule) is not None


def _often(rules: Sequence[Mapping[str, Any]], fault: str) -> str:
    """How often a fault happens by the rules that a page may have made."""
    words = [_word_of(rule) for rule in rules if rule.get("fault") == fault and _is_switch(rule)]
    return next((word for word in words if word), "off")


def _word_of(rule: Mapping[str, Any]) -> str | None:
    """How often a rule applies, as OFTEN has it; None: in another way."""
    times, rate = rule.get("times"), rule.get("rate", 1.0)
    if times == 0:
        return "off"
    for word, often in OFTEN.items():
        if often and (times, rate) == (often.get("times"), often.get("rate", 1.0)):
            return word
    return None


def _in_words(rule: Mapping[str, Any]) -> str:
    """A rule that somebody else gave the sandbox: `callback_lost (15 %)`."""
    details = [f"{name} {rule[name]}" for name in ("match", "model", "times") if rule.get(name)]
    details.insert(0, f"rate {rule.get('rate', 1)}")
    return f"{rule.get('fault')} ({', '.join(details)})"
