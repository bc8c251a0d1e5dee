"""What a new job belongs to: the tree that it grows from, and a group of its tenant's."""

from collections.abc import Sequence
from dataclasses import dataclass

from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Job
from runhook.worker.errors import Fault
from runhook.worker.flows.steps.upstream import Asker, Upstream
from runhook.worker.wiring import Wiring


@dataclass(frozen=True, kw_only=True)
class Family:
    """A job's place in a tree.

    Attributes:
        parent: The job that it grew from; None: it is a root.
        root: The first of those; None: itself.
        generation: How many there are above it.
        faults: What cannot be.
    """

    parent: str | None = None
    root: str | None = None
    generation: int = 0
    faults: Sequence[Fault] = ()


def family_of(w: Wiring, parent: str | None, above: Upstream, asker: Asker) -> Family:
    """A new job's place in a tree.

    Without a parent it grew from the first job whose output its input names.

    Raises:
        StoreUnavailable: Redis does not answer or refuses.
    """
    if parent is None:
        grew_from = next(iter(above.jobs), None)
        if grew_from is None:
            return Family()
        return _below(grew_from, "input")
    found = next(iter(w.store.jobs.many([parent])), None)
    if found is None or not asker.sees(found):
        text = f"names {parent}, and {asker.tenant} has no such job"
        return Family(faults=[Fault(path="parent", message=text)])
    return _below(found, "parent")


def _below(parent: Job, path: str) -> Family:
    generation = parent.spec.generation + 1
    if generation > policy.DEEPEST_TREE:
        text = (
            f"makes this the generation {generation} of a tree, and {policy.DEEPEST_TREE} are the "
            "most there may be: does a handler submit a job for each success of its own?"
        )
        return Family(faults=[Fault(path=path, message=text)])
    return Family(parent=parent.id, root=parent.root, generation=generation)


def group_faults(w: Wiring, group: str | None, size: int | None, asker: Asker) -> list[Fault]:
    """What is wrong with the group that a job is to belong to.

    Raises:
        StoreUnavailable: Redis does not answer or refuses.
    """
    if group is None:
        if size is None:
            return []
        return [Fault(path="group_size", message="needs a group")]
    name = asker.tenant, group
    state = asker.groups.get(name) or w.store.groups.state(*name)
    if state is None:
        return []
    if state.closed:
        return [closed_fault(group)]
    if size is not None and state.size not in (None, size):
        text = f"is {size}, and an earlier job of {group} said {state.size}"
        return [Fault(path="group_size", message=text)]
    if size is not None and size <= state.made:
        text = f"is {size}, and {group} has {state.made} jobs without this one"
        return [Fault(path="group_size", message=text)]
    return []


def closed_fault(group: str) -> Fault:
    """The fault of naming a group that takes no more jobs."""
    text = f"{group} is closed: it has all its jobs; take another name for more"
    return Fault(path="group", message=text)
