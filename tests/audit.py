"""Audit what is pinned against the advisory database, and our code with bandit: `make audit`.

pip-audit calls a package that its database does not answer for "skipped" and ends well, so who
reads only its status believes in an audit that never was. Here what was audited is counted.
"""

import json
import subprocess
import sys
from pathlib import Path

TOOLS = Path(sys.executable).parent
SOURCES = ("config", "worker", "webhook")

# Looked through one by one. A finding elsewhere, or of another kind, fails the audit.
ACCEPTED = {
    "B404": "subprocess is how up, demo and the embedded server start our own programs",
    "B603": "its commands are lists of ours; no shell, no word of a user",
    "B310": "the URLs are those of our own web and sandbox, or of a webhookUrl inside the sandbox",
    "B311": "the sandbox's faults and the jitter of retries must be repeatable, not secret",
    "B104": "web listens everywhere as a server does behind its proxy; /v1 still wants its token",
    "B108": "a Unix socket's path must be short; its folder is the user's own",
}


def main() -> int:
    """Run both; 1 on a finding, 2 when the database did not answer."""
    return max(_advisories(), _bandit())


def _advisories() -> int:
    command = [
        *(
            str(TOOLS / "pip-audit"),
            "--disable-pip",
            "--require-hashes",
            "--progress-spinner",
            "off",
        ),
        *("--format", "json", "-r", "requirements.txt"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"NOT AUDITED: the advisory database cannot be reached ({last[:200]})")
        return 2
    audited = [one for one in found if "skip_reason" not in one]
    bad = [one for one in audited if one["vulns"]]
    for one in bad:
        ids = ", ".join(hole["id"] for hole in one["vulns"])
        print(f"{one['name']} {one['version']}: {ids}")
    if len(audited) < len(found):
        print(
            f"NOT AUDITED: {len(found) - len(audited)} of {len(found)} pinned packages: the "
            "advisory database cannot be reached from here, or does not know them. Run make audit "
            "on a machine that reaches it."
        )
    else:
        print(f"{len(audited)} packages audited, {len(bad)} with known holes")
    return 1 if bad else 2 * (len(audited) < len(found))


def _bandit() -> int:
    command = [str(TOOLS / "bandit"), "-q", "-r", *SOURCES, "-f", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    found = json.loads(done.stdout)["results"]
    new = [one for one in found if one["test_id"] not in ACCEPTED]
    for one in new:
        print(f"{one['filename']}:{one['line_number']}: {one['test_id']} {one['issue_text']}")
    for kind in sorted({one["test_id"] for one in found} - {one["test_id"] for one in new}):
        count = sum(1 for one in found if one["test_id"] == kind)
        print(f"bandit {kind}, {count} times, accepted: {ACCEPTED[kind]}")
    print(f"bandit: {len(found)} findings, {len(new)} unanswered")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main())
