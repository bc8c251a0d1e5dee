"""What goes wrong, on request: by rate, by a word in the request, so often, or for good."""

import fnmatch
import random
import secrets
import threading
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any

# The names are used in tests, in `runhook sandbox --faults` and by users: they stay.
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
    "answer_nested": "the submit is accepted, its answer holds lists nested `value` deep (500)",
    "answer_both": "the submit is accepted and answered with a task id and error 421",
    "answer_both_refused": "the submit is not accepted, and answered with a task id and error 421",
    "refused": "the submit is refused with code `value` (1007)",
    "busy": "the submit is refused with 421",
    "outage": "the submit is answered with HTTP 503",
    "failed": "the task fails with code `value` (1000)",
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
    "upload_too_large": "an upload is answered with HTTP 413 and a page of HTML",
    "upload_reset": "an upload's connection is closed without an answer",
    "output_cut": "a result's connection is closed in the middle of the file",
    "output_short": "a result has `value` bytes less than its head says (100)",
    "output_outage": "a result is answered with HTTP 503",
    "output_gone": "a result is answered with HTTP 404, as once its time is over",
    "output_padded": "a result has `value` bytes of nothing behind it (8 MiB)",
    "output_html": "a result is answered with HTTP 200 and a page of HTML",
    "price": "price-preview says `value`",
    "price_missing": "price-preview is answered with HTTP 404 and a page of HTML",
    "price_refused": "price-preview is refused with 1014",
    "capacity_refused": "queue/status is refused with code `value` (1014)",
    "capacity_forbidden": "queue/status is answered with HTTP 403",
    "capacity_outage": "queue/status is answered with HTTP 503",
    "key_refused": "every call is refused: 1002, on the older paths 802",
    "status_unknown": "whoever asks about the task is told a status that nobody knows",
    "query_html": "whoever asks about the task, or for its record, gets a page of HTML",
    "text_unwritable": "texts hold half a surrogate pair, NUL and control characters",
    "text_huge": "the text of an error has `value` characters (3 MiB)",
    "money_absurd": "amounts are 1e999999999 and 1e60000000",
    "numbers_long": "amounts are bare numbers of 300 digits",
    "nested": "answers hold lists nested `value` deep (500)",
    "many_results": "the results are listed `value` times (10000)",
}
# Which faults which kind of request can have: a rule that counts down is not used up by others.
OF_UPLOADS = ("upload_outage", "upload_refused", "upload_too_large", "upload_reset")
OF_OUTPUTS = (
    *("output_cut", "output_short", "output_padded"),
    *("output_outage", "output_gone", "output_html"),
)
OF_CAPACITY = ("capacity_refused", "capacity_forbidden", "capacity_outage")
OF_EVERY_CALL = ("key_refused",)
OF_PRICES = ("price", "price_missing", "price_refused", "not_shared", "text_unwritable")
OF_OTHERS = {
    *OF_UPLOADS,
    *OF_OUTPUTS,
    *OF_CAPACITY,
    *OF_EVERY_CALL,
    *("price", "price_missing", "price_refused"),
}
# All that is about the task that it makes.
OF_SUBMITS = tuple(fault for fault in FAULTS if fault not in OF_OTHERS)


@dataclass(kw_only=True)
class Rule:
    """One fault and when it happens.

    Attributes:
        fault: One of FAULTS.
        rate: How often, from 0 to 1.
        match: Only where the request holds this text.
        times: So often, then never again.
        value: The fault's number.
        lasting: The rate is drawn once for each prompt or file, and holds for it for good.
        model: Only where a model that fits this pattern is asked for, as `rhart-image-v1/*`.
    """

    fault: str
    match: str = ""
    model: str = ""
    rate: float = 1.0
    times: int | None = None
    value: float | None = None
    lasting: bool = False


@dataclass(frozen=True)
class Chosen:
    """The faults of one request."""

    values: dict[str, float | None] = field(default_factory=dict)

    def __contains__(self, fault: str) -> bool:
        return fault in self.values

    def value(self, fault: str, usual: float) -> float:
        """The fault's number, or the usual one."""
        given = self.values.get(fault)
        if given is None:
            return usual
        return given

    def seconds(self, fault: str, usual: float) -> float:
        """The fault's number if it is among them, else 0: so long it holds up what it is about."""
        if fault not in self:
            return 0.0
        return self.value(fault, usual)


class Faults:
    """The rules in force. Seeded, so that a run can be repeated."""

    def __init__(self, spec: Any = None) -> None:
        if spec is None:
            spec = {}
        self._lock = threading.Lock()
        self.set(spec)

    def set(self, spec: Any) -> None:
        """Take new rules.

        Args:
            spec: `{"callback_lost": 0.1, ...}`, or `{"rules": [{"fault": ..., "match": ...,
                "model": ..., "rate": ..., "times": ..., "value": ..., "lasting": true}],
                "seed": 1}`.

        Raises:
            ValueError: The text says what is wrong.
        """
        rules, seed = _rules(spec)
        with self._lock:
            self._rules = rules
            self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose
            self._given = seed
            self._seed = secrets.token_hex(8)
            if seed is not None:
                self._seed = str(seed)

    def told(self) -> dict[str, Any]:
        """The rules in force as `set` takes them, with how often each may happen still."""
        with self._lock:
            rules = [asdict(rule) for rule in self._rules]
            found: dict[str, Any] = {"rules": rules}
            if self._given is not None:
                found["seed"] = self._given
        return found

    def choose(
        self,
        text: str,
        whose: str = "",
        among: Collection[str] = tuple(FAULTS),
        model: str = "",
    ) -> Chosen:
        """The faults of a request.

        Args:
            text: What rules are matched against.
            whose: The prompt or the file that a lasting rule holds for.
            among: Faults that this kind of request can have; others are not used up by it.
            model: The model that is asked for, if one is.
        """
        chosen: dict[str, float | None] = {}
        with self._lock:
            for rule in self._rules:
                possible = rule.fault in among and rule.fault not in chosen
                meant = not rule.model or fnmatch.fnmatchcase(model, rule.model)
                if possible and meant and self._hits(rule, text, whose):
                    chosen[rule.fault] = rule.value
        return Chosen(chosen)

    def _hits(self, rule: Rule, text: str, whose: str) -> bool:
        if rule.match not in text or rule.times == 0:
            return False
        chance = self._random
        if rule.lasting:
            drawn_once = f"{self._seed} {rule.fault} {rule.match} {whose}"
            chance = random.Random(drawn_once)  # noqa: S311 - the same draw each time, on purpose
        hit = chance.random() < rule.rate
        if hit and rule.times is not None:
            rule.times -= 1
        return hit


def listing() -> str:
    """Every fault in a line, for people."""
    return "\n".join(f"{name:<22} {words}" for name, words in FAULTS.items())


def _rules(spec: Any) -> tuple[list[Rule], int | None]:
    if not isinstance(spec, dict):
        raise ValueError("faults are a JSON object")
    seed = spec.get("seed")
    rates = {name: rate for name, rate in spec.items() if name not in ("rules", "seed")}
    rows = [*spec.get("rules", []), *({"fault": name, "rate": rates[name]} for name in rates)]
    rules = []
    for row in rows:
        try:
            rule = Rule(**row)
        except TypeError as error:
            raise ValueError(
                f"a rule is fault, match, model, rate, times, value, lasting: {error}"
            ) from None
        if rule.fault not in FAULTS:
            raise ValueError(f"no fault {rule.fault!r}; expected one of {', '.join(FAULTS)}")
        if isinstance(rule.rate, bool) or not isinstance(rule.rate, int | float):
            raise ValueError(f"the rate of {rule.fault} is a number from 0 to 1")
        rules.append(rule)
    return rules, seed
