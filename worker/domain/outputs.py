"""Other jobs' outputs as media values: `output:<job>/<n>`, in a batch `output:@<name>/0`. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runhook.worker.domain.nested import Path, replaced, strings

# What a line of a batch may call itself.
LINE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
# Four digits: a workflow may save some hundred files.
OUTPUT = re.compile(
    r"output:(?:(?P<job>job_[0-9a-f]{28})|@(?P<line>[A-Za-z0-9_.-]{1,100}))/(?P<n>[0-9]{1,4})"
)
# What somebody means as one: a ComfyUI node's text may begin with `output:` and mean itself.
MEANT = re.compile(r"output:(?:job_|@)")


@dataclass(frozen=True, kw_only=True)
class OutputName:
    """One output of another job, as an input names it.

    Attributes:
        text: As it is written.
        path: Where in the input.
        job: The job's id; empty where it names a line of a batch, or is no such name.
        line: What the line calls itself; empty where it names a job, or is no such name.
        n: Which output, 0 for the first.
    """

    text: str
    path: Path
    job: str = ""
    line: str = ""
    n: int = 0

    @property
    def spelt(self) -> bool:
        """Whether it is written as such a name must be."""
        return bool(self.job or self.line)


def output_names(given: Any) -> Iterator[OutputName]:
    """Every value in an input that names another job's output, or is meant to."""
    for path, text in strings(given):
        if found := output_name(text, path):
            yield found


def output_name(text: str, path: Path = ()) -> OutputName | None:
    """What a value names; None of one that is no such name and not meant to be one."""
    if MEANT.match(text) is None:
        return None
    found = OUTPUT.fullmatch(text)
    if found is None:
        return OutputName(text=text, path=path)
    return OutputName(
        text=text,
        path=path,
        job=found["job"] or "",
        line=found["line"] or "",
        n=int(found["n"]),
    )


def with_jobs(given: Any, jobs: Mapping[str, str]) -> Any:
    """An input that names jobs where it named lines of a batch.

    Args:
        given: The input.
        jobs: The id of the job that each line made, by what the line calls itself.
    """

    def named(text: str) -> str:
        found = output_name(text)
        if found is None or found.line not in jobs:
            return text
        return f"output:{jobs[found.line]}/{found.n}"

    return replaced(given, named)
