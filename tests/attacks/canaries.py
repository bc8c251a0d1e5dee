"""Every secret, looked for where it must not be: Redis, logs, pages, arguments; and file modes."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tests.attacks.ground import (
    API_KEY,
    PASSWORD,
    SECRET,
    TOKEN,
    Ground,
    Outcome,
    Try,
    ask,
    ask_json,
)
from tests.receiver import a_receiver

PAGES = [
    "/v1/jobs",
    "/v1/subscriptions",
    "/v1/handlers",
    "/v1/deliveries",
    "/v1/events",
    "/v1/account",
    "/v1/queue",
    "/v1/models?q=vidu",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/",
    "/nowhere",
]
FORM = {"Content-Type": "multipart/form-data; boundary=x"}
FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\na\r\n--x--\r\n'


def tries(ground: Ground) -> Iterator[Try]:
    """Every try of this group."""
    folder, bearer = ground.town.book.parent, {"Authorization": f"Bearer {TOKEN}"}
    with a_receiver() as told:
        body = {"url": told.url, "events": ["job.succeeded"]}
        made = ask_json(ground.town.web, "POST", "/v1/subscriptions", body)
        subscription = made.body.split(b'"secret":"')[1].split(b'"')[0].decode()
        options = {"accessPassword": PASSWORD}
        job = {
            "model": "workflow/1850925505116598274",
            "input": {"6.text": "x"},
            "options": options,
        }
        kept = ground.town.post(job)
        ground.town.ended(kept["id"])
    canaries = {
        "api-key": API_KEY,
        "secret": SECRET,
        "token": TOKEN,
        "password": PASSWORD,
        "subscription": subscription,
        "subscription-bytes": subscription.removeprefix("whsec_"),
        "signature": ground.callback_path(kept["id"]).rpartition("/")[2],
    }
    pages = [*PAGES, f"/v1/jobs/{kept['id']}", f"/v1/jobs/{kept['id']}/timeline"]
    for name, canary in canaries.items():
        for place in (folder / "redis", folder / "logs", folder / ".runhook"):

            def in_files(canary: str = canary, place: Path = place) -> Outcome:
                found = [str(f) for f in _files(place) if canary.encode() in f.read_bytes()]
                return Outcome(not found, f"in {found}")

            yield Try(f"{name}-{place.name}", f"grep {name} in {place.name}", in_files)

        def on_pages(canary: str = canary) -> Outcome:
            found = [
                page
                for base, headers in ((ground.town.web, {}), (ground.guarded, bearer))
                for page in pages
                if canary.encode() in ask(base, "GET", page, headers).body
            ]
            return Outcome(not found, f"on {found}")

        def in_arguments(canary: str = canary) -> Outcome:
            found = [pid for pid, line in _arguments(ground) if canary.encode() in line]
            return Outcome(not found, f"of processes {found}")

        yield Try(f"{name}-pages", f"{name} on {len(pages)} pages", on_pages)
        yield Try(f"{name}-arguments", f"{name} among arguments", in_arguments)

    def kept_files() -> Outcome:
        kept = ask(ground.town.web, "POST", "/v1/assets", FORM, FILE)
        return _modes(folder / ".runhook") if kept.status == 201 else Outcome(False, kept.shown())

    yield Try("modes", "POST /v1/assets; who may read what is kept", kept_files)
    yield Try("modes-redis", "nothing; who may read Redis", lambda: _modes(folder / "redis"))


def _files(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.rglob("*") if path.is_file())


def _arguments(ground: Ground) -> Iterator[tuple[str, bytes]]:
    """The command lines of the town's processes: those in their process groups."""
    groups = set(ground.town.fleet.pids().values())
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and os.getpgid(int(folder.name)) in groups:
                yield folder.name, folder.joinpath("cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile


def _modes(folder: Path) -> Outcome:
    """Held when others can reach no file: each is its owner's, or stands below a folder that is."""
    if stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0:
        return Outcome(True, "the folder is its owner's alone")
    found = [f"{path} {path.stat().st_mode & 0o777:o}" for path in _files(folder)]
    wrong = [one for one in found if int(one.rsplit(" ", 1)[1], 8) & 0o077]
    return Outcome(not wrong, f"others may read {wrong[:5]}")
