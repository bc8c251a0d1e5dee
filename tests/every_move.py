"""Every state and move of a job, in words: `python -m tests.every_move` writes docs/states.md.

The moves are those of the table in worker/domain/moves.py. What each means stands here, and a test
fails for a move without a sentence, a sentence without a move, and a page that is stale.
"""

from pathlib import Path

from runhook.worker.domain.jobs import State
from runhook.worker.domain.moves import TABLE, Move

PAGE = Path(__file__).parents[1] / "docs" / "states.md"
HEAD = """# States of a job, and every move between them

Written by `make states` from the table in `worker/domain/moves.py`, so do not edit it here. A move
that is not in the table cannot be made. Each is one script in Redis that also writes its event and
what must happen next, so a process that dies between two steps leaves nothing half done.

```
asked ──▶ queued ──▶ sending ──▶ running ──▶ succeeded · failed · cancelled
            ▲           │           ▲
            │  not left │           │ proof came
            ├───────────┤           │
            │           └──▶ unconfirmed ── no proof in time ──▶ failed
            │
            └── retry, resubmit: a new attempt, paid for
```

## States
"""
STATES = {
    State.QUEUED: "Accepted here and waiting for its turn. Nothing was sent, nothing is paid.",
    State.SENDING: "Its turn has come. The paid request is about to leave, or has left and its "
    "answer is not recorded yet.",
    State.UNCONFIRMED: "RunningHub may have accepted it, and may charge for it. It is never sent "
    "again without proof, the user's word, or `RUNHOOK_UNCONFIRMED=resubmit`.",
    State.RUNNING: "RunningHub has it, and its task id is known.",
    State.SUCCEEDED: "RunningHub made it; the outputs are in the job.",
    State.FAILED: "It was refused, it failed, or its time ran out. `error` says which, and whether "
    "anything was paid.",
    State.CANCELLED: "It was stopped, by the user or on RunningHub's site.",
}
MOVES = {
    (State.QUEUED, Move.DISPATCH): "It is first in the queue, and a slot is free.",
    (State.QUEUED, Move.ACCEPT): "A refusal was none: its own callback, or a late answer, proves "
    "that RunningHub has it.",
    (State.QUEUED, Move.SUCCEED): "An earlier attempt succeeded after all before this one left, "
    "which is then not paid.",
    (
        State.QUEUED,
        Move.LOSE_SIGHT,
    ): "It had left, and Redis lost that. A process that remembers it writes it down again.",
    (State.QUEUED, Move.FAIL): "`expires_in` ran out before it was sent. Free.",
    (State.QUEUED, Move.CANCEL): "The user cancelled it. Free.",
    (State.SENDING, Move.RETURN): "It did not leave, or RunningHub was too busy to take it. Free.",
    (State.SENDING, Move.ACCEPT): "RunningHub answered with a task id, or a callback with one came "
    "before the answer.",
    (State.SENDING, Move.LOSE_SIGHT): "It left, and no answer came that can be read.",
    (State.SENDING, Move.FAIL): "RunningHub refused it, or what it needs (a file, a price) could "
    "not be had in any of its tries. Free.",
    (State.SENDING, Move.SUCCEED): "An earlier attempt succeeded after all before this one left, "
    "which is then not paid.",
    (State.SENDING, Move.FALL_BACK): "The model refused it, and `fallback` names another: a new "
    "attempt, paid for. The refusal is free.",
    (State.SENDING, Move.CANCEL): "The user cancelled it before its first byte left, or wished it "
    "and RunningHub did not take the request. Free.",
    (State.UNCONFIRMED, Move.RETURN): "It is proved that it did not leave, or that RunningHub was "
    "too busy to take it. Free.",
    (State.UNCONFIRMED, Move.ACCEPT): "Its callback, RunningHub's record or its owner names its "
    "task.",
    (State.UNCONFIRMED, Move.FAIL): "No proof came in `RUNHOOK_UNCONFIRMED_AFTER`, or the user "
    "settled it as failed: it may have been charged. Or RunningHub proves to have refused it.",
    (State.UNCONFIRMED, Move.CANCEL): "A cancel was wished, and it is proved that RunningHub did "
    "not take it. Free.",
    (
        State.UNCONFIRMED,
        Move.RESUBMIT,
    ): "The user, or once `RUNHOOK_UNCONFIRMED=resubmit`, accepts the "
    "risk of paying twice: a new attempt.",
    (State.RUNNING, Move.SUCCEED): "RunningHub made it.",
    (State.RUNNING, Move.FAIL): "RunningHub says that it failed, or did not end it within "
    "`RUNHOOK_JOB_TIMEOUT`.",
    (State.RUNNING, Move.CANCEL): "The user or RunningHub's site stopped it. Its run time so far "
    "may be charged.",
    (State.RUNNING, Move.RETRY): "RunningHub's own machines failed, and `retries` allows to pay "
    "for another attempt.",
    (State.RUNNING, Move.FALL_BACK): "It failed for RunningHub's own sake, or was stopped when its "
    "time was over, and `fallback` names another model: a new attempt, paid for.",
    (State.FAILED, Move.SUCCEED): "Success is proved late. The event carries `previous_state`.",
    (State.FAILED, Move.RETRY): "The user pays for a new attempt.",
    (State.CANCELLED, Move.RETRY): "The user pays for a new attempt.",
}


def page() -> str:
    """The page as it should be."""
    parts = [HEAD, "\n| state | means |\n|---|---|\n"]
    parts += [f"| `{state}` | {STATES[state]} |\n" for state in State]
    parts.append(f"\n## Moves: {len(TABLE)}\n\n| from | move | to | when |\n|---|---|---|---|\n")
    parts += [
        f"| `{state}` | {how} | `{target}` | {MOVES[state, how]} |\n"
        for (state, how), target in TABLE.items()
    ]
    parts.append(
        "\nAn end is left in two ways only: by success that is proved late, and by the user's "
        "retry.\n"
    )
    return "".join(parts)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())
    print(f"{PAGE.name}: {len(State)} states, {len(TABLE)} moves")


if __name__ == "__main__":
    main()
