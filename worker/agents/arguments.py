"""What each tool takes. An agent reads these descriptions, so they say what costs money. Pure."""

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field

from runhook.worker.domain import policy
from runhook.worker.domain.bodies import Body, one_of

# Of one list: what an agent reads at once without forgetting what it was asked.
USUAL, MOST = 20, 50

State = Literal["queued", "sending", "unconfirmed", "running", "succeeded", "failed", "cancelled"]
Model = Annotated[
    str,
    Field(
        description="what to run: an endpoint as find_models names it, workflow/<id>, app/<id> or "
        "quick/<id>/<code>"
    ),
]
Input = Annotated[
    dict[str, Any],
    Field(
        description="the model's parameters by name, as describe_model lists them. A file is an "
        "https URL, or output:<job id>/<n> for what another job made"
    ),
]
Options = Annotated[
    dict[str, Any],
    Field(
        description="how it is to run. expires_in: seconds after which a job that still waits is "
        "not sent. retries: more paid attempts after RunningHub's own failures, 0 unless you say "
        "so. fallback: other models to go on with, each one more paid attempt"
    ),
]
JobId = Annotated[str, Field(description="the job's id, as job_…")]
Limit = Annotated[int, Field(ge=1, le=MOST, description="how many at most")]


class Arguments(Body):
    """What a tool is called with."""

    member: ClassVar[str] = "an argument of this tool"


class FindModels(Arguments):
    """Words that a model's names hold, all of them."""

    query: Annotated[
        str, Field(max_length=200, description="words such as 'vidu image video'; empty: all")
    ] = ""
    limit: Limit = USUAL


class DescribeModel(Arguments):
    """Which model."""

    model: Model


class PriceJob(Arguments):
    """A job as it would be submitted."""

    model: Model
    input: Input
    options: Options = Field(default_factory=dict)


class SubmitJob(PriceJob):
    """A job that is paid for."""

    idempotency_key: Annotated[
        str,
        Field(
            description="a name of your own for this one piece of work, as order-7-cover. The same "
            "key with the same arguments is the same job and is paid for once, however often you "
            "call; if no answer comes, call again with the same key. Work that is to be paid for "
            "again takes a new key"
        ),
    ]
    max_price: Annotated[
        str | None,
        Field(
            description='the most that one paid attempt may cost, as "0.50", in the account\'s '
            "currency; ask price_job first. A dearer job is refused, free. null only for "
            "workflow/, app/ and quick/, whose price nobody knows before they have run"
        ),
    ]
    metadata: Annotated[
        dict[str, Any], Field(description="your own notes, given back with the job")
    ] = Field(default_factory=dict)
    priority: Annotated[int, Field(description="0 to 9; 9 is sent first")] = 5
    group: Annotated[
        str | None, Field(description="a name for a set of jobs that belong together")
    ] = None


class WaitForJob(Arguments):
    """Which job, and for how long."""

    job: JobId
    seconds: Annotated[
        float, Field(ge=0, le=policy.AGENT_WAIT_MOST, description="how long to wait at most")
    ] = policy.AGENT_WAIT


class OneJob(Arguments):
    """Which job."""

    job: JobId


class ListJobs(Arguments):
    """Which jobs."""

    state: (
        Annotated[State, one_of(get_args(State)), Field(description="only those in this state")]
        | None
    ) = None
    model: Annotated[str | None, Field(description="of one model, or a pattern as vidu/*")] = None
    group: Annotated[str | None, Field(description="of one group")] = None
    since: Annotated[
        str | None, Field(description="created then or later: 2h is two hours ago")
    ] = None
    until: Annotated[
        str | None, Field(description="created before then, as `older` of an earlier list says")
    ] = None
    limit: Limit = USUAL


class ReadCosts(Arguments):
    """Which costs."""

    by: Annotated[
        str, Field(description="what to part sums by: day, model or tenant, joined by commas")
    ] = "day"
    model: Annotated[str | None, Field(description="of one model, or a pattern as vidu/*")] = None
    since: Annotated[
        str | None, Field(description="the first day; 7d is a week ago, a month without it")
    ] = None
