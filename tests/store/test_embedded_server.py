"""The embedded server: with which settings of malloc its program is started."""

from pathlib import Path

import pytest

from runhook.worker.errors import StoreUnavailable
from runhook.worker.store import embedded

OURS, OWN = embedded.MALLOC["GLIBC_TUNABLES"], "glibc.malloc.arena_max=1"
NEW, OLD, NONE = ("glibc", "2.30.9000"), ("glibc", "2.28"), ("", "")


@pytest.mark.parametrize(
    ("library", "own", "given"),
    [(NEW, None, OURS), (NEW, OWN, OWN), (OLD, None, ""), (OLD, OWN, OWN), (NONE, None, "")],
)
def test_malloc_keeps_many_pieces_where_it_can_and_the_user_says_nothing_else(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    library: tuple[str, str],
    own: str | None,
    given: str,
) -> None:
    program = tmp_path / "server"
    program.write_text('#!/bin/sh\nprintf %s "$GLIBC_TUNABLES" >"$0.given"\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setattr(embedded, "binary", lambda: str(program))
    monkeypatch.setattr("platform.libc_ver", lambda: library)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    if own:
        monkeypatch.setenv("GLIBC_TUNABLES", own)
    with pytest.raises(StoreUnavailable, match="did not come up"):
        embedded.EmbeddedServer(tmp_path / "redis", tmp_path / "redis.sock").start()
    assert (tmp_path / "server.given").read_text() == given
