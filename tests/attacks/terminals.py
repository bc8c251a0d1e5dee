"""Words that would steer a terminal or forge a log line, in everything that is shown."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator

from tests.attacks.ground import Ground, Outcome, Try
from tests.journeys.conftest import Town

STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
WORDS = {
    "colour": "\x1b[31mred",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://evil.example\x1b\\here",
    "clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "c1": "\x9b31m\x9d0;x\x9c",
    "backwards": "\u202egnp.exe\u2066",
    "line": 'x\r\n{"event":"process.started","level":"info"}',
    "markup": "[red]x[/red][link=http://evil.example]y[/link][/]",
}
COMMANDS = (
    "jobs",
    "job {}",
    "deliveries",
    "handlers",
    "subscriptions",
    "doctor",
    "account",
    "models vidu",
)


def tries(ground: Ground) -> Iterator[Try]:
    """Every try of this group."""
    for name, word in WORDS.items():
        metadata = {"order": word, word: "x"}
        job = ground.job(f"terminal {word}", metadata=metadata)
        for command in COMMANDS:
            said = command.format(job["id"]).split()

            def shown(said: list[str] = said) -> Outcome:
                return _shown(ground.town, *said)

            yield Try(f"{name}-{said[0]}", f"{word!r}, then runhook {' '.join(said)}", shown)
    yield Try("unknown-model", "an error with steering words", lambda: _wrong(ground.town))
    yield Try("logs", "nothing; every log line after all of these", lambda: _logs(ground.town))


def _run(town: Town, *said: str) -> subprocess.CompletedProcess[str]:
    environ = {**town.environ, "RUNHOOK_URL": town.web, "COLUMNS": "200"}
    command = [sys.executable, "-m", "runhook.worker.cli", *said]
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60)


def _shown(town: Town, *said: str) -> Outcome:
    done = _run(town, *said)
    found = STEERING.search(done.stdout + done.stderr)
    held = found is None and "Traceback" not in done.stderr
    return Outcome(held, f"{found}; {done.stderr[-300:]!r}")


def _wrong(town: Town) -> Outcome:
    return _shown(town, "model", "".join(word.replace("\0", "") for word in WORDS.values()))


def _logs(town: Town) -> Outcome:
    for log in (town.book.parent / "logs").rglob("*.log"):
        for line in log.read_text(errors="replace").splitlines():
            if STEERING.search(line):
                return Outcome(False, f"{log.name}: {line[:300]!r}")
            if line.startswith("{"):
                json.loads(line)
    return Outcome(True, "every line is one line")
