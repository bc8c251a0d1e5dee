"""Many jobs at once: a JSON line each, each line's key and name, each judged by itself.

A line that calls itself something, `"as": "pic"`, may be named by the lines behind it: their input
takes its outputs as `output:@pic/0`, so a whole pipeline is one batch.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from runhook.worker.catalogue.answers import DryRunView
from runhook.worker.catalogue.views import dry_run_view
from runhook.worker.domain.answers import JobView
from runhook.worker.domain.bodies import LONGEST_KEY, json_object, key_fault
from runhook.worker.domain.faults import Faults
from runhook.worker.domain.jobs import LOCAL
from runhook.worker.domain.outputs import LINE_NAME
from runhook.worker.domain.problems import ProblemView, problem_view
from runhook.worker.errors import Conflict, Fault, InvalidRequest, RunhookError
from runhook.worker.flows import create
from runhook.worker.flows.create import JobRequest
from runhook.worker.flows.steps.batch_lines import Groups, Line, Names
from runhook.worker.flows.steps.budgets import Room
from runhook.worker.flows.steps.pricing import LivePrices
from runhook.worker.flows.steps.upstream import Asker, names_ahead, refusal
from runhook.worker.flows.steps.viewing import shown
from runhook.worker.store.groups import GroupState
from runhook.worker.wiring import Wiring


class JobLine(JobRequest):
    """A line of a batch: a job, and what it is known by.

    Attributes:
        name: What it calls itself, for lines behind it; `as` in JSON.
        key: Its idempotency key.
    """

    name: Annotated[str, Field(pattern=LINE_NAME.pattern)] | None = Field(None, alias="as")
    key: Annotated[str, Field(min_length=1, max_length=LONGEST_KEY)] | None = None


# What an answer to a batch says of one line: `job`, `dry_run` or `error`. Written so because `as`
# is no name of a class's member.
LineView = TypedDict(
    "LineView",
    {
        "line": int,
        "status": int,
        "as": NotRequired[str],
        "job": NotRequired[JobView],
        "dry_run": NotRequired[DryRunView],
        "error": NotRequired[ProblemView],
    },
)


class Keys:
    """The key of each line: its own `"key"`, else one made of the batch's key and what it says.

    A line's number would not do: where bad lines are taken out, those behind them move up and
    would be asked for again. Equal lines are as many jobs, so the second has another key.
    """

    def __init__(self, batch: str | None) -> None:
        self._batch = batch
        self._seen: Counter[str] = Counter()

    def of(self, given: dict[str, Any], *, counts: bool) -> str | None:
        """The key of a line, which loses its member `key`.

        Args:
            given: The line.
            counts: Whether its like behind it have another key. Not of one that is bad where it
                stands, however often it is sent: taken out, it would leave them with other keys.

        Raises:
            InvalidRequest: Its own key is none.
        """
        # Taken out first: `key` is the batch's, and no field of a job.
        if "key" in given:
            own = given.pop("key")
            if fault := key_fault(own, "key"):
                raise InvalidRequest([fault])
            return str(own)
        if self._batch is None:
            return None
        content = hashlib.sha256(create.canonical(given)).hexdigest()
        ordinal = self._seen[content] + 1
        if counts:
            self._seen[content] = ordinal
        # No user's key holds a line's end, so none can be like this one.
        return f"{self._batch}\n{content}\n{ordinal}"


def accept(
    w: Wiring,
    lines: Iterable[bytes | None],
    *,
    owner: str = LOCAL,
    key: str | None = None,
    only: str | None = None,
    dry_run: bool = False,
) -> Iterator[Line]:
    """Queue a job for each line, in order; a bad line harms no other. Nothing is paid yet.

    Groups that it makes are closed at its end, before the last line is told: nobody need ask for
    more. One stays open while a line of it may yet be taken; the same batch sent again closes it.

    Args:
        w: The process's parts.
        lines: As they come, empty ones too; None for one that is longer than a job may be.
        owner: Whose idempotency keys count, and whose jobs those are that name no tenant.
        key: The batch's: sent again, lines that made a job make none.
        only: The one tenant that they may be of; None: any.
        dry_run: Only check each; nothing is kept.
    """
    names = Names()
    # What lines became is looked up as it is when the line that names one is judged.
    asker = Asker(tenant=owner, only=only, lines=names.lines, batch=True)
    trial = None
    if dry_run:
        trial = _Trial(w, owner)
    batch = _Batch(w=w, owner=owner, keys=Keys(key), names=names, asker=asker, trial=trial)
    groups = Groups(w)
    for number, text, last in _numbered(lines):
        line = batch.line(number, text)
        names.became(line)
        groups.became(line)
        try:
            if last:
                groups.close()
        finally:  # it is told also where Redis went away behind it
            yield line


def _numbered(lines: Iterable[bytes | None]) -> Iterator[tuple[int, bytes | None, bool]]:
    """The lines that say something, with their numbers, and whether each is the last."""
    before = None
    for number, text in enumerate(lines, start=1):
        if text is not None and not text.strip():
            continue
        if before:
            yield *before, False
        before = number, text
    if before:
        yield *before, True


class _Trial:
    """A batch that is only checked: each line as if those before it had been kept."""

    def __init__(self, w: Wiring, owner: str) -> None:
        self._w, self._owner = w, owner
        self._room, self._prices = Room(w), LivePrices(w)
        self._keys: dict[str, bytes] = {}
        self._groups: dict[tuple[str, str], GroupState] = {}

    def line(self, line: Line, given: dict[str, Any], key: str | None, asker: Asker) -> Line:
        """What would become of a line.

        Raises:
            RunhookError: It would be refused with it.
        """
        # First as it is then: what a key made before is paid already, whatever the line says now.
        if made := create.made_under(self._w, key, given, owner=self._owner, asker=asker):
            return replace(line, job=made)
        again = self._again(key, given)
        if not again:  # what a key made before joins no group anew
            asker = replace(asker, groups=self._groups)
        checked = create.trial(self._w, given, asker=asker)
        tenant = given.get("tenant") or asker.tenant
        asked = tenant, checked.quote, given.get("options") or {}
        room = self._room.view(*asked)
        if not again:
            self._room.take(*asked)
            self._join(tenant, given.get("group"), given.get("group_size"))
        if key:
            self._keys[key] = _digest(given)
        live = self._prices.of(checked)
        return replace(line, checked=checked, tenant=tenant, live=live, room=room)

    def _join(self, tenant: str, group: str | None, size: int | None) -> None:
        """Count a job into the group that it names."""
        if group is None:
            return
        state = self._groups.get((tenant, group)) or self._w.store.groups.state(tenant, group)
        if state is None:
            state = GroupState(
                name=group, tenant=tenant, made=0, size=None, closed=False, ended_at=None, states={}
            )
        self._groups[tenant, group] = state.joined(size)

    def _again(self, key: str | None, given: dict[str, Any]) -> bool:
        """Whether an earlier line of the batch would have made the job of this key."""
        before = self._keys.get(key or "")
        if before is not None and before != _digest(given):
            raise Conflict("this key is an earlier line's, which asks for something else")
        return before is not None


def _digest(given: dict[str, Any]) -> bytes:
    """What a line asks for, in few bytes: a batch may be gigabytes."""
    return hashlib.sha256(create.canonical(given)).digest()


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """What each line of a batch is judged by."""

    w: Wiring
    owner: str
    keys: Keys
    names: Names
    asker: Asker
    trial: "_Trial | None"

    def line(self, number: int, text: bytes | None) -> Line:
        """What becomes of a line."""
        name, key, given = None, None, dict[str, Any]()
        try:
            if text is None:
                raise InvalidRequest(
                    [Fault(path="", message="the line is longer than a job may be")]
                )
            given = json_object(text, "the line")
            faults = Faults()
            with faults.also():
                name = self.names.of(given)
            asker = replace(self.asker, own=name or "")
            bad_here = bool(faults.found) or names_ahead(given, asker)
            with faults.also():
                key = self.keys.of(given, counts=not bad_here)
            if faults.found:  # what is wrong with the job is told with them
                with faults.together():
                    create.trial(self.w, given, asker=asker)
            if self.trial:
                return self.trial.line(Line(number=number, name=name), given, key, asker)
            new, job = create.accept(self.w, given, owner=self.owner, key=key, asker=asker)
        # Redis away too: raised, it would break off an answer that has begun, and nobody could tell
        # which lines made a job. A caller that can stop looks for it in `error`.
        except RunhookError as error:
            # Kept under the line's name, so without its frames, which hold the whole line.
            refused = refusal(error).with_traceback(None)
            refused.__cause__ = refused.__context__ = None
            return Line(number=number, name=name, error=refused, group=self._group(given))
        return Line(number=number, name=name, job=job, new=new, group=self._group(given))

    def _group(self, given: dict[str, Any]) -> tuple[str, str] | None:
        """The tenant and the group that a line names, which may be no good."""
        tenant, group = given.get("tenant") or self.owner, given.get("group")
        if isinstance(tenant, str) and isinstance(group, str):
            return tenant, group
        return None


def line_view(w: Wiring, line: Line) -> LineView:
    """What became of a line, with the status that it would have had by itself."""
    view: LineView = {"line": line.number, "status": 200}
    if line.name:
        view["as"] = line.name
    if line.error:
        view["error"] = problem_view(line.error)
        view["status"] = view["error"]["status"]
    elif line.checked:
        view["dry_run"] = dry_run_view(line.checked, line.live)
        view["dry_run"]["budgets"] = [*line.room]
    elif line.job:
        view["job"] = shown(w, line.job)
    if line.new:
        view["status"] = 202
    return view
