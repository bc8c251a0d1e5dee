"""What is asked and what goes wrong, all from one seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

APP = "app/1877265245566922800"
QUICK = "quick/1876205853438365698/001"
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
)
LOSSES = ("callback_lost", "callback_unrecorded", "callback_unreadable")
VICTIMS = ("worker", "worker", "worker", "web", "web", "handlers", "redis")


@dataclass(frozen=True)
class Plan:
    """One run.

    Attributes:
        deaf: Every callback is lost, half of them without a record.
    """

    seed: int
    jobs: int
    kills: int
    deaf: bool

    def faults(self) -> dict[str, Any]:
        """The sandbox's faults."""
        losses = {"callback_lost": 0.5, "callback_unrecorded": 1.0} if self.deaf else {}
        mixed = dict.fromkeys((*FAULTS, *LOSSES), RATE)
        return {**mixed, **losses, "seed": self.seed}

    def bodies(self, assets: list[str]) -> Iterator[dict[str, Any]]:
        """The jobs, in order."""
        for number in range(self.jobs):
            prompt, asset = f"n {number}", assets[number % len(assets)]
            body: dict[str, Any] = (
                {"model": "rhart-image-n-pro/text-to-image", "input": {"prompt": prompt}},
                {
                    "model": "vidu/image-to-video-q2-pro",
                    "input": {"prompt": prompt, "imageUrl": asset},
                },
                {"model": APP, "input": {"6.text": prompt, "52.image": asset}},
                {"model": QUICK, "input": {"6.text": prompt}},
                {"model": "workflow/12", "input": {"6.text": prompt}},
                {"model": "rhart-audio/text-to-audio/speech-2.8-hd", "input": {"text": prompt}},
            )[number % 6]
            options: dict[str, Any] = {"retries": 2} if number % 3 == 0 else {}
            options |= {"expires_in": 20} if number % 37 == 0 else {}
            yield body | {"options": options, "priority": number % 10}

    def whims(self) -> Iterator[str]:
        """What the user does after each job he asked for: mostly nothing."""
        chance = random.Random(f"{self.seed} whims")
        while True:
            yield chance.choices(("", "cancel", "pause", "retry"), (90, 7, 0.3, 3))[0]

    def blows(self) -> Iterator[tuple[float, str]]:
        """After how many seconds which process is killed next."""
        chance = random.Random(f"{self.seed} blows")
        for _ in range(self.kills):
            yield chance.uniform(0.5, 3.5), chance.choice(VICTIMS)
