"""What is asked and what goes wrong, all from one seed."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runhook.worker.runninghub.sandbox.faults import OF_CAPACITY
from tests.chaos.kinds import TROUBLES, troubles_of

APP = "app/1877265245566922800"
QUICK = "quick/1876205853438365698/001"
PICTURES, FAILING = "rhart-image-n-pro/text-to-image", 0.3  # a model, and how often it fails
OFFICIAL = "rhart-image-n-pro-official/text-to-image"  # to go on with
HUNG = "rhart-audio/text-to-audio/speech-2.8-hd"  # what the receivers that hang want to hear of
RATE = 0.02
FAULTS = (
    "callback_doubled",
    "callback_early",
    "callback_foreign",
    "answer_lost",
    "answer_html",
    "answer_both",
    "answer_both_refused",
    "answer_lost_unaccepted",
    "failed",
    "failed_then_succeeds",
    "late_output",
    "cancelled",
    "infrastructure",
    "node_errors",
    "many_outputs",
    "numeric_id",
    "cancel_refused",
    "busy",
    "outage",
    "refused",
    "not_shared",
    "upload_outage",
    "output_cut",
    "output_short",
    "output_outage",
    "output_gone",
    "output_html",
)
LOSSES = ("callback_lost", "callback_unrecorded", "callback_unreadable")
VICTIMS = ("worker", "worker", "worker", "web", "web", "handlers", "redis")
# Every 17th job has a fault of its own and every 17th dirt: a few per cent, of every model in turn.
EVERY, OWN, DIRTY = 17, 5, 11
PACE = 0.02  # seconds between jobs, at least
SHARE = 0.7  # of the storm in which jobs are asked for, so that most blows hit somebody
BACKWARDS_EACH = 40  # kills for which Redis goes backwards once more
LOST_SCRIPTS, LOST_OTHERS = 0.01, 0.001  # shares of the replies of Redis


@dataclass(frozen=True)
class Plan:
    """One run.

    Attributes:
        deaf: Every callback is lost, half of them without a record.
        kinds: Which kinds of trouble there are beside kills.
        pipelines: Chains of three jobs that are asked for besides.
    """

    seed: int
    jobs: int
    kills: int
    deaf: bool
    kinds: frozenset[str]
    pipelines: int = 0

    def faults(self, files: Mapping[str, str], **more: float) -> dict[str, Any]:
        """The sandbox's faults.

        Args:
            files: The asset of each fault that a file has.
            more: Faults by rate on top.
        """
        rules: list[dict[str, Any]] = [
            {"fault": fault, "match": f"[{name}]"}
            for name, trouble in TROUBLES.items()
            for fault in trouble.faults
        ]
        rules += [{"fault": fault, "match": asset} for fault, asset in files.items()]
        rules.append({"fault": "failed", "model": PICTURES, "rate": FAILING})
        losses = {"callback_lost": 0.5, "callback_unrecorded": 1.0} if self.deaf else {}
        mixed = dict.fromkeys((*FAULTS, *LOSSES), RATE) if "mixed" in self.kinds else {}
        lasting = {self._no_capacity(): 1.0, "price_refused": 1.0}
        refused = lasting if "refusals" in self.kinds else {}
        return {"rules": rules, **mixed, **losses, **refused, **more, "seed": self.seed}

    def bodies(self, assets: list[str], files: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """The jobs, in order.

        Args:
            assets: Good files.
            files: The asset of each fault that a file has.
        """
        for number in range(self.jobs):
            name = self.trouble(number)
            prompt = f"n {number} [{name}]" if name else f"n {number}"
            body = _body(number, prompt, f"asset:{assets[number % len(assets)]}")
            options: dict[str, Any] = {"retries": 2} if number % 3 == 0 else {}
            options |= {"expires_in": 20} if number % 37 == 0 else {}
            if number % 12 == 6:  # every other picture
                options["fallback"] = [OFFICIAL]
            trouble = TROUBLES.get(name)
            if trouble and trouble.file:  # a film, which no model of pictures stands in for
                body = _body(1, prompt, f"asset:{files[trouble.file]}")
                options.pop("fallback", None)
            if trouble and trouble.expires_in:
                options["expires_in"] = trouble.expires_in
            refused = "refusals" in self.kinds and number % 12 == 0 and not name
            if (trouble and trouble.priced) or refused:
                body = _body(0, prompt, "")
                options["max_price"] = 100
            yield body | {"options": options, "priority": number % 10}

    @property
    def trees(self) -> set[int]:
        """The jobs behind which a chain is asked for."""
        if not self.pipelines:
            return set()
        return {number * self.jobs // self.pipelines for number in range(self.pipelines)}

    @property
    def pace(self) -> float:
        """Seconds between two jobs."""
        return max(PACE, SHARE * sum(wait for wait, _ in self.blows()) / max(1, self.jobs))

    def trouble(self, number: int) -> str:
        """The name of what a job meets each time; mostly none."""
        kind = {OWN: "own", DIRTY: "bytes"}.get(number % EVERY, "")
        if kind not in self.kinds:
            return ""
        names = troubles_of(kind)
        random.Random(f"{self.seed} {kind}").shuffle(names)
        return names[number // EVERY % len(names)]

    def whims(self) -> Iterator[str]:
        """What the user does after each job he asked for: mostly nothing."""
        chance = random.Random(f"{self.seed} whims")
        while True:
            yield chance.choices(("", "cancel", "pause", "retry"), (90, 7, 0.3, 3))[0]

    def blows(self) -> Iterator[tuple[float, str]]:
        """After how many seconds what is done next: a process killed, the key changed, Redis set
        back."""
        chance = random.Random(f"{self.seed} blows")
        victims = [chance.choice(VICTIMS) for _ in range(self.kills)]
        others = ["key"] * ("refusals" in self.kinds)
        others += ["backwards"] * ("backwards" in self.kinds) * (1 + self.kills // BACKWARDS_EACH)
        for other in others:
            middle = len(victims) // 4, 3 * len(victims) // 4
            victims.insert(chance.randint(*middle), other)
        for victim in victims:
            yield chance.uniform(0.5, 3.5), victim

    def lost_replies(self) -> dict[str, float]:
        """The shares of the replies of Redis that are lost."""
        if "replies" not in self.kinds:
            return {"scripts": 0.0, "others": 0.0}
        return {"scripts": LOST_SCRIPTS, "others": LOST_OTHERS}

    def _no_capacity(self) -> str:
        """How queue/status is refused all along."""
        return random.Random(f"{self.seed} capacity").choice(OF_CAPACITY)


def _body(number: int, prompt: str, asset: str) -> dict[str, Any]:
    return (
        {"model": PICTURES, "input": {"prompt": prompt}},
        {"model": "vidu/image-to-video-q2-pro", "input": {"prompt": prompt, "imageUrl": asset}},
        {"model": APP, "input": {"6.text": prompt, "52.image": asset}},
        {"model": QUICK, "input": {"6.text": prompt}},
        {"model": "workflow/12", "input": {"6.text": prompt}},
        {"model": HUNG, "input": {"text": prompt}},
    )[number % 6]
