"""The web process has no more connections than there can be open files."""

import resource
import subprocess
import sys

import pytest

TOLD = "from runhook.webhook.serve import connections; print(connections())"


@pytest.mark.parametrize(
    ("soft", "hard", "told"),
    [(256, 10_000, 8192), (256, 5000, 4488), (100, 500, 64)],
)
def test_as_many_connections_as_there_can_be_files_for(soft: int, hard: int, told: int) -> None:
    def narrow() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    ran = subprocess.run(
        [sys.executable, "-c", TOLD], preexec_fn=narrow, capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) == told
