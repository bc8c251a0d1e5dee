"""The demo's jobs: what is asked of each, what goes wrong with it, and how it must end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runhook.worker.domain.jobs import State


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One job of the demo.

    Attributes:
        name: What the demo calls it; its prompt bears it, so that the sandbox knows it.
        story: What goes wrong, in words.
        model: What is run.
        input: The job's input; it may name outputs of scenes before it, `output:@<name>/<n>`.
        settled_by: The ways in which its end may become known: on a slow machine one question may
            overtake another.
        faults: What the sandbox does to it.
        state: How it must end.
        priority: The job's.
        metadata: The job's.
    """

    name: str
    story: str
    model: str
    input: Mapping[str, Any]
    settled_by: tuple[str, ...] = ("callback",)
    faults: tuple[str, ...] = ()
    state: State = State.SUCCEEDED
    priority: int = 5
    metadata: Mapping[str, Any] = field(default_factory=dict)


# A model of each kind of output, and a workflow.
IMAGE, VIDEO = "rhart-image-n-pro/text-to-image", "vidu/text-to-video-q3-turbo"
SPEECH, SHAPE = "rhart-audio/text-to-audio/speech-2.8-hd", "hunyuan3d-v3.1/text-to-3d"
FILM, LARGE = "vidu/image-to-video-q2-pro", "topazlabs/video-upscale"
WORKFLOW = "workflow/1904136902449209346"

SCENES = (
    Scene(
        name="plain",
        story="nothing",
        model=IMAGE,
        input={"prompt": "A harbour at dawn [plain]"},
    ),
    Scene(
        name="film",
        story="waits for the picture",
        model=FILM,
        input={"prompt": "The harbour wakes [film]", "imageUrl": "output:@plain/0"},
    ),
    Scene(
        name="upscaled",
        story="waits for the film",
        model=LARGE,
        input={"videoUrl": "output:@film/0"},
    ),
    Scene(
        name="lost",
        story="callback lost",
        model=VIDEO,
        input={"prompt": "Waves in slow motion [lost]"},
        settled_by=("detail", "query"),
        faults=("callback_lost",),
    ),
    Scene(
        name="resent",
        story="callback unreadable",
        model=SPEECH,
        input={"text": "Good morning, the tide is high. [resent]"},
        settled_by=("resend", "query"),
        faults=("callback_unreadable",),
    ),
    Scene(
        name="doubled",
        story="callback twice",
        model=SHAPE,
        input={"prompt": "A small lighthouse [doubled]"},
        faults=("callback_doubled",),
    ),
    Scene(
        name="early",
        story="callback before answer",
        model=IMAGE,
        input={"prompt": "A gull on a rope [early]"},
        faults=("callback_early",),
    ),
    Scene(
        name="answer lost",
        story="submit's answer lost",
        model=VIDEO,
        input={"prompt": "A boat leaves the harbour [answer lost]"},
        faults=("answer_lost",),
        # Last in the queue: its lost answer trips the breaker, and the others need not wait for
        # that.
        priority=0,
    ),
    Scene(
        name="failed",
        story="fails at RunningHub",
        model=IMAGE,
        input={"prompt": "An impossible stair [failed]"},
        faults=("failed",),
        state=State.FAILED,
    ),
    Scene(
        name="retried",
        story="handlers fail first",
        model=IMAGE,
        input={"prompt": "Nets drying in the sun [retried]"},
        metadata={"handler_fails_first": True},
    ),
    Scene(
        name="workflow",
        story="nothing, on ComfyUI",
        model=WORKFLOW,
        input={"6.text": "A chart of the coast [workflow]"},
    ),
)


def sandbox_faults() -> dict[str, Any]:
    """What the sandbox is told to do to the demo's jobs, as its --faults takes it."""
    rules = [
        {"fault": fault, "match": f"[{scene.name}]"} for scene in SCENES for fault in scene.faults
    ]
    return {"rules": rules}
