"""Where a job stands, drawn: its stage, its place in the queue, and its time beside the usual one.

How far a generation is nobody says. What is known is how long such jobs took here, so its time is
drawn on a scale of those: half of them, and nineteen of twenty.
"""

import time

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from runhook.worker.cli.job_tables import price_text, state_text
from runhook.worker.client.jobs import Job
from runhook.worker.domain.lengths import lasted
from runhook.worker.net.untrusted import one_line

# What a job goes through when nothing is in its way, each by the states that it is.
STAGES = (
    ("queued", ("queued",)),
    ("sending", ("sending", "unconfirmed")),
    ("running", ("running",)),
)
SCALE = 36  # characters from nought to the time that nineteen of twenty take, where there is room
LEAST_SCALE = 10  # where there is not; of fewer a step would be a long time
BEFORE = 8  # characters before the scale: the time itself
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
TURNS = 8  # of it in a second


def stage_line(job: Job) -> Text:
    """Where a job stands, in one line."""
    line = state_text(job.state)
    line.append("  ")
    if job.waits_for:
        line.append(f"waits for {', '.join(job.waits_for)}", "bright_black")
    elif job.queue_position is not None:
        line.append(_place(job), "bright_black")
    elif job.progress and job.progress.usual is not None:
        line.append(_usual(job.progress.usual, job.progress.p95), "bright_black")
    line.rstrip()
    return line


def _place(job: Job) -> str:
    """Among its tenant's: tenants take turns. And what it waits for but those before it."""
    place = f"place {job.queue_position} in {job.tenant}'s queue"
    if job.why_waiting:
        return f"{place}: {job.why_waiting}"
    return place


def _usual(p50: float, p95: float | None) -> str:
    if p95 is None:
        return f"usually {p50:.0f} s"
    return f"usually {p50:.0f} s, 19 of 20 take {p95:.0f} s at most"


class Stage:
    """The picture of one job; it goes on counting between two looks at the job."""

    def __init__(self, job: Job) -> None:
        self._why_silent = ""
        self.job_is(job)

    def job_is(self, job: Job) -> None:
        """It was looked at."""
        self._job, self._at, self._why_silent = job, time.monotonic(), ""

    def nobody_answers(self, why: str) -> None:
        """It could not be looked at."""
        self._why_silent = why

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The job in three or four lines."""
        job = self._job
        # Made fit for a terminal here: what is drawn live goes past the console that does so.
        yield Text.assemble(
            (one_line(job.model), "bold"), (f"  {one_line(job.id)}", "bright_black")
        )
        yield self._track()
        if times := self._times(options.max_width):
            yield times
        yield Text(one_line(self._facts()), "bright_black")
        if self._why_silent:
            yield Text(f"{one_line(self._why_silent)}; asked again", "yellow")

    def _track(self) -> Text:
        """The stages in a row, with the present one turning."""
        turn = SPINNER[int(time.monotonic() * TURNS) % len(SPINNER)]
        line, behind = Text(), False
        for name, states in STAGES:
            if self._job.state in states:
                line.append_text(Text.assemble((f"{turn} ", "cyan"), state_text(self._job.state)))
                behind = True
            elif behind:
                line.append(f"○ {name}", "bright_black")
            else:
                line.append(f"✓ {name}", "green")
            line.append("  ")
        if self._job.ended:
            return line.append(f"{turn} keeping a copy", "cyan")
        return line.append("○ done", "bright_black")

    def _times(self, room: int) -> Text | None:
        """Of a running job how long it has run, on a scale of what is usual."""
        progress = self._job.progress
        if progress is None:
            return None
        elapsed = progress.elapsed + time.monotonic() - self._at
        line = Text.assemble((f"{lasted(elapsed):>{BEFORE - 2}}  ", "bold"))
        if progress.usual is None or not progress.p95:
            return line.append("no job of this model has ended here yet", "bright_black")
        return line.append_text(scale(elapsed, progress.usual, progress.p95, room - BEFORE))

    def _facts(self) -> str:
        job = self._job
        facts = [f"price {price_text(job.document.get('price'))}"]
        if job.queue_position is not None:
            facts.insert(0, _place(job))
        if job.waits_for:
            facts.insert(0, f"waits for {', '.join(job.waits_for)}")
        if job.ref:
            facts.append(f"task {job.ref}")
        if len(job.attempts) > 1:
            facts.append(f"attempt {job.attempts[-1].n}")
        return ", ".join(facts)


def scale(elapsed: float, p50: float, p95: float, room: int) -> Text:
    """A time on a scale that ends where nineteen of twenty had ended, with its words on one line.

    Args:
        elapsed: The time, in seconds.
        p50: What half of them took.
        p95: What nineteen of twenty took.
        room: How many characters there are for both.
    """
    words = f"┤  half take {lasted(p50)}, 19 of 20 {lasted(p95)}"
    if elapsed > p95:
        words += "; this one takes longer"
    length = max(LEAST_SCALE, min(SCALE, room - len(words)))
    drawn = _line(length, elapsed / p95, p50 / p95)
    drawn.append(words[:1], "bright_black")
    if elapsed > p95:
        return drawn.append(words[1:], "yellow")
    return drawn.append(words[1:], "bright_black")


def _line(length: int, part: float, half_part: float) -> Text:
    """A scale with a mark where half had ended, filled so far."""
    place = min(length - 1, int(part * length))
    half = min(length - 1, int(half_part * length))
    colour = "cyan"
    if part > half_part:
        colour = "blue"
    if part > 1:
        colour = "yellow"
    drawn = Text()
    for at in range(length):
        mark = "─"
        if at == half:
            mark = "┼"
        if at < place:
            drawn.append("━", colour)
        elif at == place:
            drawn.append("●", colour)
        else:
            drawn.append(mark, "bright_black")
    return drawn
