"""What type checkers make of users' code."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GOOD = """
from decimal import Decimal
from pathlib import Path

from runhook import Event, InvalidRequest, Job, Output, Retry, Runhook, Unavailable, on


def sold(job: Job) -> Decimal | None:
    return job.cost.money if job.cost else None


def shop(runhook: Runhook) -> list[Path]:
    cat = runhook.upload(Path("cat.png"))
    try:
        job = runhook.submit("vidu/x", {"imageUrl": cat}, priority=9, metadata={"order": 7})
    except Unavailable as away:
        key: str | None = away.key
        job = runhook.submit("vidu/x", {"imageUrl": cat}, key=key)
    except InvalidRequest as wrong:
        raise SystemExit([fault.nearest for fault in wrong.errors]) from wrong
    outputs: tuple[Output, ...] = job.wait(timeout=5).outputs
    again = runhook.submit("vidu/x", {"imageUrl": outputs[0]}, parent=job)
    lines = runhook.batch([{"model": "vidu/x", "input": {"prompt": "a"}}])
    made = [line.job.id for line in lines if line.job]
    money: Decimal | None = runhook.price("vidu/x", options={"retries": 1}).money
    print(made, money, sold(again), next(runhook.jobs(state="failed")).error)
    return again.download("folder")


@on("job.succeeded")
def publish(event: Event) -> None:
    raise Retry(after=3)


with Runhook() as runhook:
    shop(runhook)
"""
BAD = """
from runhook import Runhook

job = Runhook("https://runhook.example").submit("vidu/x", {}, priority="high")
job.state = "failed"
job.wait(timeout="long")
print(job.colour, Runhook().submit(7), Runhook().submit("vidu/x", colour="red"))
"""


def test_users_code_passes_the_strict_check_and_its_mistakes_do_not(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nstrict = true\n"
        f"mypy_path = {ROOT / '.venv' / 'src'}\n"
        f"cache_dir = {ROOT / '.mypy_cache' / 'users'}\n"
        # As of any package that is installed: its types count, its insides are not judged.
        "[mypy-runhook.*]\nfollow_imports = silent\n"
    )
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "good.py", "bad.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    found = [line.split(":")[:2] for line in ran.stdout.splitlines() if ": error:" in line]
    wanted = [["bad.py", "4"], ["bad.py", "5"], ["bad.py", "6"], *[["bad.py", "7"]] * 3]
    assert found == wanted, ran.stdout + ran.stderr
