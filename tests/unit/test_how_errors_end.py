"""How an error ends a command: what is said of it, and what is not known is not said."""

import io

import pytest

from runhook.worker.cli import console
from runhook.worker.cli.refusals import told
from runhook.worker.client.web import refused


def test_a_refusal_of_somebody_else_is_told_as_it_came(
    capsys: pytest.CaptureFixture[str],
) -> None:
    theirs = refused("http://127.0.0.1:9", 400, {}, b'{"error": "too many crumbs"}')
    assert told(theirs) == 1
    said = capsys.readouterr().err
    assert 'http://127.0.0.1:9 answered HTTP 400: {"error": "too many crumbs"}' in said
    assert "Nothing was" not in said


def test_each_fault_that_runhook_finds_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    paper = io.StringIO()
    monkeypatch.setattr(console, "err", console.console_of(paper, width=100))
    body = b'{"title": "Wrong", "errors": [{"path": "input.size", "message": "must be a number"}]}'
    assert told(refused("http://127.0.0.1:9", 422, {}, body)) == 1
    said = paper.getvalue()
    assert "Nothing was sent, and nothing was paid." in said
    assert "input.size  must be a number" in said
