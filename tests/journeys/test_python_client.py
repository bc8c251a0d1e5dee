"""The Python client beside the real processes: what docs/python.md shows, and a restart of all."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from runhook import Runhook
from tests.conftest import IMAGE
from tests.journeys.conftest import Town, a_town

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
# In the folder of `runhook up` both ways need no more than these names; here they are set.
WAYS = {"in process": "Runhook(", "over HTTP": "Runhook.over_http("}


@pytest.mark.parametrize("way", WAYS)
def test_what_the_page_shows_does_what_it_says(town: Town, tmp_path: Path, way: str) -> None:
    assert len(BLOCKS) >= 6
    Image.new("RGB", (640, 480), "red").save(tmp_path / "cat.png")
    script = "\n".join(BLOCKS).replace("Runhook(", WAYS[way])
    (tmp_path / "shop.py").write_text(script.replace('key="', f'key="{way} '))
    ran = subprocess.run(
        [sys.executable, "shop.py"],
        cwd=tmp_path,
        env={**os.environ, **town.environ, "RUNHOOK_URL": town.web},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stderr
    assert "succeeded" in ran.stdout
    assert "prompt" in ran.stdout, "a fault tells what was meant"
    (video,) = (tmp_path / "videos").iterdir()
    assert video.suffix == ".mp4"
    assert video.stat().st_size > 0


@pytest.mark.kills
def test_who_waits_hears_of_the_end_though_web_and_redis_are_restarted_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_town(tmp_path) as town, ThreadPoolExecutor(8) as threads:
        town.sandbox.faults({"fault": "slow", "value": 4})
        for name in ("REDIS_URL", "RUNHOOK_SECRET", "RUNNINGHUB_BASE_URL"):
            monkeypatch.setenv(name, town.environ[name])
        clients = [Runhook(), Runhook(town.web)]
        jobs = [client.submit(IMAGE, {"prompt": "a cat"}) for client in clients * 2]
        waiting = [threads.submit(job.wait, timeout=90) for job in jobs]
        town.kill("web")
        town.server.stop()
        town.server.start()
        town.kill("web")
        assert [one.result(90).state for one in waiting] == ["succeeded"] * 4
        assert town.sandbox.accepted() == 4
