"""What goes wrong, on request: by rate, by a word in the request, or for so many times."""

import random
import threading
from dataclasses import dataclass, field
from typing import Any

FAULTS = {
    "callback_lost": "never arrives; it is on record",
    "callback_unrecorded": "never arrives, and there is no record of it",
    "callback_late": "arrives `value` seconds after the end (20)",
    "callback_doubled": "arrives twice",
    "callback_early": "arrives before the submit's answer",
    "callback_unreadable": "arrives as rubbish, also on record; a resend is good",
    "callback_foreign": "names another task",
    "answer_lost": "the submit is accepted and the connection closed without an answer",
    "answer_lost_unaccepted": "the connection is closed without an answer, nothing is accepted",
    "answer_slow": "the submit's answer takes `value` seconds (5)",
    "answer_html": "the submit is accepted and answered with a page of HTML",
    "answer_both": "the submit is accepted and answered with a task id and error 421",
    "answer_both_refused": "the submit is not accepted, and answered with a task id and error 421",
    "refused": "the submit is refused with code `value` (1007)",
    "busy": "the submit is refused with 421",
    "outage": "the submit is answered with HTTP 503",
    "failed": "the task fails",
    "failed_then_succeeds": "query says FAILED for a while, then the task succeeds",
    "no_output": "the task succeeds without results",
    "late_output": "the task succeeds, its results come `value` seconds later (8)",
    "slow": "the task takes `value` seconds longer (60)",
    "cancelled": "the task is cancelled on the website",
    "results_at_once": "the submit's answer holds the results",
    "node_errors": "the submit is accepted, its promptTips name node 6 as wrong, the task fails",
    "infrastructure": "the task fails with RunningHub's own stale file handle",
    "many_outputs": "the task makes `value` files (3)",
    "numeric_id": "task ids come as bare numbers beyond 2^53",
    "not_shared": "the key is no enterprise-shared one: models and V2 apps answer 1014",
    "cancel_refused": "a cancel of the task is refused with 807",
    "upload_outage": "an upload is answered with HTTP 503",
    "upload_refused": "an upload is refused with code `value` (809)",
    "price": "price-preview says `value`",
}


@dataclass
class Rule:
    """One fault and when it happens."""

    fault: str
    match: str = ""
    rate: float = 1.0
    times: int | None = None
    value: float | None = None


@dataclass(frozen=True)
class Chosen:
    """The faults of one request."""

    values: dict[str, float | None] = field(default_factory=dict)

    def __contains__(self, fault: str) -> bool:
        return fault in self.values

    def value(self, fault: str, usual: float) -> float:
        """The fault's number, or the usual one."""
        given = self.values.get(fault)
        return usual if given is None else given


class Faults:
    """The rules in force. Seeded, so that a run can be repeated."""

    def __init__(self, spec: Any = None) -> None:
        self._lock = threading.Lock()
        self.set({} if spec is None else spec)

    def set(self, spec: Any) -> None:
        """Take new rules.

        Args:
            spec: `{"callback_lost": 0.1, ...}`, or `{"rules": [{"fault": ..., "match": ...,
                "rate": ..., "times": ..., "value": ...}], "seed": 1}`.

        Raises:
            ValueError: The text says what is wrong.
        """
        rules, seed = _rules(spec)
        with self._lock:
            self._rules = rules
            self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def choose(self, text: str) -> Chosen:
        """The faults of a request that holds this text."""
        chosen: dict[str, float | None] = {}
        with self._lock:
            for rule in self._rules:
                hit = rule.match in text and rule.times != 0 and self._random.random() < rule.rate
                if hit and rule.fault not in chosen:
                    chosen[rule.fault] = rule.value
                    if rule.times is not None:
                        rule.times -= 1
        return Chosen(chosen)


def _rules(spec: Any) -> tuple[list[Rule], int | None]:
    if not isinstance(spec, dict):
        raise ValueError("faults are a JSON object")
    seed = spec.get("seed")
    rows = spec.get("rules", [])
    rows = [
        *rows,
        *(
            {"fault": name, "rate": rate}
            for name, rate in spec.items()
            if name not in ("rules", "seed")
        ),
    ]
    rules = []
    for row in rows:
        try:
            rule = Rule(**row)
        except TypeError as error:
            raise ValueError(f"a rule is fault, match, rate, times, value: {error}") from None
        if rule.fault not in FAULTS:
            raise ValueError(f"no fault {rule.fault!r}; there are {', '.join(FAULTS)}")
        if isinstance(rule.rate, bool) or not isinstance(rule.rate, int | float):
            raise ValueError(f"the rate of {rule.fault} is a number from 0 to 1")
        rules.append(rule)
    return rules, seed
