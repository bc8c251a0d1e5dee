"""Who may use /v1, and how far: tokens, wrong ones, and what each scope opens."""

import pytest
from flask.testing import FlaskClient

from tests.conftest import SHOP, Build
from webhook.access import MOST_WRONG
from webhook.app import create_app

RIGHT = {"Authorization": f"Bearer {SHOP}"}
WRONG = {"Authorization": "Bearer canary-wrong-token-0123456789"}


@pytest.fixture
def shop(build: Build) -> FlaskClient:
    """A client of a web that knows one token, and shows none by itself."""
    return create_app(build(RUNHOOK_API_TOKENS=f"shop:{SHOP}").w).test_client()


def test_who_tries_many_wrong_tokens_is_told_to_wait_and_a_right_one_never_is(
    shop: FlaskClient, capfd: pytest.CaptureFixture[str]
) -> None:
    tried = [shop.get("/v1/jobs", headers=WRONG) for _ in range(MOST_WRONG + 5)]
    assert [answer.status_code for answer in tried] == [401] * MOST_WRONG + [429] * 5
    assert 1 <= int(tried[-1].headers["Retry-After"]) <= 60
    assert tried[-1].content_type == "application/problem+json"
    assert shop.post("/v1/jobs", json={}, headers=WRONG).status_code == 429
    assert shop.get("/v1/jobs", headers=RIGHT).status_code == 200
    assert shop.get("/v1/jobs").status_code == 401, "who shows no token guesses none"
    assert shop.application.extensions["runhook.wrong_tokens"].count == MOST_WRONG + 6
    (line,) = [line for line in "".join(capfd.readouterr()).splitlines() if "token.refused" in line]
    assert "127.0.0.1" in line
    assert "canary" not in line
