"""RUNHOOK_RATE_LIMIT: who asks too often is told when to come again, and nobody else is."""

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from runhook import Runhook
from runhook.webhook.app import routed
from runhook.webhook.edge.rates import MINUTE, Limiter, Rates
from runhook.webhook.openapi.document import document
from runhook.worker.domain.problem_kinds import TOO_MANY
from tests.conftest import IMAGE, Build, House, web_app

SHOP, OTHER = "token-Of-the-shop-2c94e7-and-more", "token-Of-the-other-5be21-and-more"
TOKENS = f"shop:{SHOP},other:{OTHER}:read"
GOOD = {"model": IMAGE, "input": {"prompt": "a cat"}}


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _limited(build: Build, limit: int = 3, **more: Any) -> Flask:
    return web_app(build(RUNHOOK_API_TOKENS=TOKENS, RUNHOOK_RATE_LIMIT=limit, **more).w)


def _statuses(
    client: FlaskClient, path: str, times: int, method: str = "GET", **more: Any
) -> Counter[int]:
    return Counter(client.open(path, method=method, **more).status_code for _ in range(times))


def test_past_the_limit_a_token_is_told_when_to_come_again(build: Build) -> None:
    house = build(RUNHOOK_API_TOKENS=TOKENS, RUNHOOK_RATE_LIMIT=3)
    client = web_app(house.w).test_client()
    more: dict[str, Any] = {"json": GOOD, "headers": _bearer(SHOP)}
    assert _statuses(client, "/v1/jobs", 3, "POST", **more) == {202: 3}
    refused = client.post("/v1/jobs", **more)
    assert refused.status_code == 429
    assert refused.content_type == "application/problem+json"
    assert refused.get_json()["type"] == TOO_MANY.type
    assert "RUNHOOK_RATE_LIMIT" in refused.get_json()["detail"]
    assert 0 < int(refused.headers["Retry-After"]) <= MINUTE / 3
    assert house.standing("queued") == 3


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/queue", "/v1/jobs/no-such", "/v1/models?q=a"])
def test_each_call_of_v1_counts(build: Build, path: str) -> None:
    client = _limited(build).test_client()
    found = [client.get(path, headers=_bearer(OTHER)).status_code for _ in range(4)]
    assert found[-1] == 429
    assert 429 not in found[:3]


def test_calls_that_the_scopes_forbid_count_too(build: Build) -> None:
    client = _limited(build).test_client()
    more: dict[str, Any] = {"json": GOOD, "headers": _bearer(OTHER)}
    assert _statuses(client, "/v1/jobs", 5, "POST", **more) == {403: 3, 429: 2}


def test_no_token_pays_for_another_or_for_a_stranger(build: Build) -> None:
    client = _limited(build).test_client()
    assert _statuses(client, "/v1/jobs", 5, headers=_bearer(SHOP))[429] == 2
    assert _statuses(client, "/v1/jobs", 5, headers=_bearer("wrong")) == {401: 5}
    assert _statuses(client, "/v1/jobs", 5) == {401: 5}
    assert _statuses(client, "/v1/jobs", 3, headers=_bearer(OTHER)) == {200: 3}


def test_what_is_not_v1_is_never_counted(build: Build) -> None:
    house = build(RUNHOOK_API_TOKENS=TOKENS, RUNHOOK_RATE_LIMIT=1)
    client = web_app(house.w).test_client()
    assert client.get("/v1/jobs", headers=_bearer(SHOP)).status_code == 200
    assert client.get("/v1/jobs", headers=_bearer(SHOP)).status_code == 429
    for path in ("/healthz", "/readyz", "/openapi.json", "/jobs", "/metrics"):
        assert 429 not in _statuses(client, path, 5, headers=_bearer(SHOP))
    callback = house.callback_url(house.ask()).removeprefix(house.web)
    more: dict[str, Any] = {"json": {}, "headers": _bearer(SHOP)}
    assert _statuses(client, callback, 5, "POST", **more) == {200: 5}


def test_a_signed_in_browser_is_not_counted_for_its_pages_have_pictures_of_v1(build: Build) -> None:
    client = _limited(build, 1).test_client()
    browser = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    client.post("/login", data={"token": SHOP}, headers=browser)
    assert _statuses(client, "/v1/jobs", 5, headers=browser) == {200: 5}


def test_this_machines_owner_and_a_limit_of_0_know_no_limit(build: Build) -> None:
    owner = web_app(build(RUNHOOK_RATE_LIMIT=1).w).test_client()
    assert _statuses(owner, "/v1/jobs", 5) == {200: 5}
    client = _limited(build, 0).test_client()
    assert _statuses(client, "/v1/jobs", 700, headers=_bearer(SHOP)) == {200: 700}


def test_a_bucket_holds_a_minute_and_fills_evenly() -> None:
    now = 1e9  # where a float's steps are coarse
    rates = Rates(lambda: now)
    for limit in (1, 3, 7, 600, 999_983):
        token = f"of {limit}"
        assert [rates.wait(token, limit) for _ in range(min(limit, 5000))] == [0.0] * min(
            limit, 5000
        )
    assert 0 < rates.wait("of 3", 3) <= 20
    now += rates.wait("of 3", 3)
    assert rates.wait("of 3", 3) == 0
    assert rates.wait("of 3", 3) > 0
    now += 3600
    assert [rates.wait("of 3", 3) > 0 for _ in range(4)] == [False, False, False, True]


def test_what_is_refused_is_not_counted_so_that_nobody_waits_for_ever() -> None:
    now = 0.0
    rates = Rates(lambda: now)
    assert rates.wait("a", 1) == 0
    assert {rates.wait("a", 1) > 0 for _ in range(1000)} == {True}
    now += rates.wait("a", 1)
    assert rates.wait("a", 1) == 0


def test_threads_at_once_get_no_more_than_one_after_the_other() -> None:
    rates, found = Rates(lambda: 5.0), Counter[bool]()

    def ask() -> None:
        mine = Counter(rates.wait("a", 400) > 0 for _ in range(200))
        found.update(mine)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {False: 400, True: 400}


@pytest.fixture
def throttled(build: Build) -> Iterator[tuple[Runhook, Limiter, House]]:
    """A client whose token has asked as often in this minute as it may: again in a second."""
    house = build(RUNHOOK_API_TOKENS=TOKENS, RUNHOOK_RATE_LIMIT=60)
    app = web_app(house.w)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    limiter: Limiter = app.extensions["runhook.limiter"]
    while not limiter.rates.wait(SHOP, 60):
        pass
    yield Runhook(url=f"http://127.0.0.1:{server.server_port}", token=SHOP), limiter, house
    server.shutdown()


def test_the_python_client_comes_again_when_it_may(
    throttled: tuple[Runhook, Limiter, House],
) -> None:
    rh, limiter, house = throttled
    job = rh.submit(IMAGE, {"prompt": "a cat"})
    assert limiter.refused.count == 1
    assert house.w.store.jobs.get(job.id).state == "queued"


def test_who_begins_to_listen_comes_again_when_it_may(
    throttled: tuple[Runhook, Limiter, House],
) -> None:
    rh, limiter, house = throttled
    house.ask()
    assert next(iter(rh.events(since="1h")))["type"] == "job.queued"
    assert limiter.refused.count == 1


def test_every_call_of_v1_documents_the_refusal() -> None:
    told = document(routed(), "", ())
    calls = [
        call
        for path, methods in told["paths"].items()
        if path.startswith("/v1/")
        for call in methods.values()
    ]
    assert len(calls) > 40
    assert all("429" in call["responses"] for call in calls)
    assert b"Retry-After" in orjson.dumps(told["components"]["responses"]["Problem429"])
