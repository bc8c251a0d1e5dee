"""Who may use /v1, and how far: tokens, wrong ones, and what each scope opens."""

import re
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from runhook.webhook.app import create_app
from runhook.webhook.edge.access import MOST_WRONG
from runhook.webhook.edge.scopes import OPEN_TO
from runhook.webhook.edge.streams import EACH
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.flows.pump import published
from runhook.worker.store import JobFilter
from tests.conftest import IMAGE, SHOP, Build, House

RIGHT = {"Authorization": f"Bearer {SHOP}"}
WRONG = {"Authorization": "Bearer canary-wrong-token-0123456789"}


@pytest.fixture
def shop(build: Build) -> FlaskClient:
    """A client of a web that knows one token, and shows none by itself."""
    return build(RUNHOOK_API_TOKENS=f"shop:{SHOP}").app.test_client()


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


TOKENS = {
    "read": "token-Of-the-reader-5a1c",
    "submit": SHOP,
    "both": "token-Of-the-office-90e2",
    "admin": "token-Of-the-admin-77bd3",
}
SETTING = ",".join(
    [
        f"reader:{TOKENS['read']}:read",
        f"shop:{TOKENS['submit']}:submit",
        f"office:{TOKENS['both']}:read+submit",
        f"ops:{TOKENS['admin']}",
    ]
)
GOOD = {"model": IMAGE, "input": {"prompt": "a cat"}}
# Every call and the scopes that open it, admin besides. A new call has its line here.
CALLS = """
GET /healthz anybody
GET /readyz anybody
GET /metrics read
GET / read submit
GET /costs read submit
GET /account read
GET /system read
POST /system/pause admin
POST /system/break admin
GET /live read submit
GET /jobs read submit
POST /jobs/confirm submit
POST /jobs/act submit
GET /login anybody
POST /login anybody
POST /logout read submit
GET /static/<mark>/<name> anybody
GET /jobs/<job_id> read submit
GET /jobs/<job_id>/cancel submit
POST /jobs/<job_id>/cancel submit
GET /jobs/<job_id>/retry submit
POST /jobs/<job_id>/retry submit
POST /jobs/<job_id>/reconcile submit
GET /jobs/<job_id>/resolve admin
POST /jobs/<job_id>/resolve admin
POST /jobs/<job_id>/redeliver admin
GET /jobs/<job_id>/forget submit
POST /jobs/<job_id>/forget submit
GET /new read submit
GET /new/<path:name> read submit
POST /new/<path:name> submit
POST /new/files submit
GET /openapi.json read submit
GET /asyncapi.json read submit
GET /docs read submit
GET /docs/files/<file> read submit
GET /docs/problems/<kind> read submit
GET /v1/models/<path:name>/schema read submit
GET /deliveries read
POST /deliveries/<delivery_id>/redeliver admin
POST /deliveries/redeliver admin
POST /deliveries/recover admin
GET /subscriptions read
POST /subscriptions admin
GET /subscriptions/<subscription_id> read
POST /subscriptions/<subscription_id> admin
POST /subscriptions/<subscription_id>/enabled admin
POST /subscriptions/<subscription_id>/test admin
POST /subscriptions/<subscription_id>/rotate admin
POST /subscriptions/<subscription_id>/remove admin
POST /subscriptions/<subscription_id>/recover admin
POST /callbacks/<job_id>/<int:attempt>/<signature> anybody
POST /mcp read submit
GET /v1/jobs read submit
POST /v1/jobs submit
POST /v1/jobs/batch submit
DELETE /v1/jobs submit
GET /v1/jobs/<job_id> read submit
DELETE /v1/jobs/<job_id> submit
GET /v1/jobs/<job_id>/outputs/<int:n> read submit
GET /v1/jobs/<job_id>/outputs/<int:n>/thumbnail read submit
GET /v1/jobs/<job_id>/timeline read submit
GET /v1/jobs/<job_id>/stream read submit
GET /v1/jobs/<job_id>/tree read submit
GET /v1/groups/<name> read submit
POST /v1/jobs/<job_id>/cancel submit
POST /v1/jobs/<job_id>/retry submit
POST /v1/jobs/<job_id>/reconcile submit
POST /v1/jobs/<job_id>/resolve admin
GET /v1/deliveries read submit
GET /v1/deliveries/<delivery_id> read submit
POST /v1/deliveries/<delivery_id>/redeliver admin
POST /v1/deliveries/redeliver admin
POST /v1/recover admin
GET /v1/events read
GET /v1/events/stream read
GET /v1/events/secret admin
POST /v1/events/trigger admin
POST /v1/assets submit
GET /v1/assets/<asset_id> read submit
GET /v1/models read submit
GET /v1/models/<path:name> read submit
GET /v1/workflows/<workflow_id> read submit
GET /v1/apps/<webapp_id> read submit
GET /v1/apps/<webapp_id>/styles read submit
POST /v1/loras submit
GET /v1/queue read
POST /v1/queue admin
GET /v1/account read
GET /v1/costs read submit
POST /v1/subscriptions admin
GET /v1/subscriptions read
GET /v1/subscriptions/<subscription_id> read
PATCH /v1/subscriptions/<subscription_id> admin
DELETE /v1/subscriptions/<subscription_id> admin
POST /v1/subscriptions/<subscription_id>/rotate admin
POST /v1/subscriptions/<subscription_id>/test admin
GET /v1/handlers read
DELETE /v1/handlers/<name> admin
"""
OF_A_JOB = re.compile("<(job|delivery)_id>")
TABLE = {
    (method, rule): set(scopes)
    for method, rule, *scopes in (line.split() for line in CALLS.strip().splitlines())
}


@pytest.fixture
def market(build: Build, tmp_path: Path) -> House:
    """A house with a token of each scope, files, and a handler that hears of each end."""
    registry = Registry()
    registry.add(
        Handler(name="book", types=("job.succeeded",), model=None, target=lambda event: None)
    )
    files = {"RUNHOOK_ARCHIVE": "true", "RUNHOOK_STORAGE_URL": f"file://{tmp_path}/kept"}
    house = build(registry, RUNHOOK_API_TOKENS=SETTING, **files)
    house.w.store.processes.publish_handlers(published(house.w))
    return house


@pytest.fixture
def ask(market: House) -> Any:
    """Asks with the token of a scope."""
    app = market.app

    def asked(who: str, method: str, path: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {TOKENS[who]}"} if who else {}
        with app.test_client() as client:
            return client.open(path, method=method, headers=headers, **more)

    return asked


def _job(ask: Any, who: str, **more: Any) -> Any:
    answer = ask(who, "POST", "/v1/jobs", json=GOOD | more)
    assert answer.status_code == 202, answer.data
    return answer.get_json()


def test_every_call_declares_who_may_make_it(market: House) -> None:
    app = market.app
    declared = {
        (method, rule.rule): set(OPEN_TO[app.view_functions[rule.endpoint]])
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
    }
    assert declared == TABLE


def test_a_call_that_declares_nothing_is_the_admins(market: House) -> None:
    app = create_app(market.w)
    app.add_url_rule("/v1/new", "new", lambda: "done")
    client = app.test_client()
    found = {
        who: client.get("/v1/new", headers={"Authorization": f"Bearer {token}"}).status_code
        for who, token in TOKENS.items()
    }
    assert found == {"read": 403, "submit": 403, "both": 403, "admin": 200}
    assert client.get("/v1/new").status_code == 401


@pytest.mark.parametrize(("method", "rule"), TABLE)
def test_each_call_lets_in_the_scopes_it_names_and_tells_others_which(
    market: House, ask: Any, method: str, rule: str
) -> None:
    scopes, mine = TABLE[method, rule], _job(ask, "submit")["id"]
    path = rule.replace("<job_id>", mine).replace("<int:attempt>", "1").replace("path:", "")
    path = path.replace("<int:n>", "0")
    path = path.replace("<", "").replace(">", "")
    path += f"?job={mine}" if rule == "/v1/deliveries" else ""
    before = market.raw.dbsize()
    for who, has in {
        "": set[str](),
        "read": {"read"},
        "submit": {"submit"},
        "both": {"read", "submit"},
        "admin": {"read", "submit", "admin"},
    }.items():
        answer = ask(who, method, path)
        may = bool(has & scopes) or who == "admin" or "anybody" in scopes
        assert (who, answer.status_code not in (401, 403)) == (who, may)
        if not may and who:
            assert answer.status_code == 403
            assert answer.content_type == "application/problem+json"
            named = answer.get_json()["detail"].partition(";")[0].rpartition("scope ")[2]
            assert set(named.split(" or ")) == scopes
            assert market.raw.dbsize() == before
        answer.close()


@pytest.mark.parametrize(
    ("method", "rule"),
    [call for call in TABLE if "submit" in TABLE[call] and OF_A_JOB.search(call[1])],
)
def test_another_tenants_job_is_not_there_by_any_call(
    market: House, ask: Any, method: str, rule: str
) -> None:
    theirs = _job(ask, "admin", tenant="other")["id"]
    market.until(market.w.store.jobs.get(theirs), "succeeded")
    (delivery,) = market.w.store.deliveries.of_job(theirs)

    def told(job: str, delivery_id: str) -> tuple[int, str]:
        path = rule.replace("<job_id>", job).replace("<delivery_id>", delivery_id)
        path = path.replace("<int:n>", "0")
        answer = ask("submit", method, path)
        text = answer.get_data().decode("utf-8", "replace")  # files too
        answer.close()
        return answer.status_code, text.replace(job, "JOB").replace(delivery_id, "DLV")

    nobodys = told("job_" + "0" * 28, "dlv_1-0_book")
    assert nobodys[0] == 404
    before = market.job(market.w.store.jobs.get(theirs))
    assert told(theirs, delivery.id) == nobodys
    assert market.job(before) == before
    own = _job(ask, "admin", tenant="shop")["id"]
    market.until(market.w.store.jobs.get(own), "succeeded")
    (mine,) = market.w.store.deliveries.of_job(own)
    assert told(own, mine.id)[0] != 404


def test_a_submit_token_lists_its_own_tenants_jobs_alone(market: House, ask: Any) -> None:
    theirs, own = _job(ask, "admin")["id"], _job(ask, "submit")["id"]
    given = _job(ask, "admin", tenant="shop")["id"]

    def ids(who: str, query: str = "") -> list[str]:
        return [job["id"] for job in ask(who, "GET", f"/v1/jobs{query}").get_json()["items"]]

    assert ids("submit") == ids("submit", "?tenant=shop") == [given, own]
    assert ids("submit", "?tenant=ops") == []
    assert ids("submit", f"?cursor={given}&limit=1&state=queued&model={IMAGE}") == [own]
    assert ids("both") == ids("read") == ids("admin") == [given, own, theirs]
    assert ids("read", "?tenant=ops") == [theirs]
    market.until(market.w.store.jobs.get(own), "succeeded")
    for job, status in ((own, 200), (theirs, 404), ("job_" + "0" * 28, 404)):
        answer = ask("submit", "GET", f"/v1/deliveries?job={job}")
        assert answer.status_code == status
    assert ask("submit", "GET", "/v1/deliveries").status_code == 403
    assert ask("both", "GET", "/v1/deliveries").status_code == 200


def test_a_submit_token_asks_for_its_own_tenant_alone(market: House, ask: Any) -> None:
    assert _job(ask, "submit")["tenant"] == _job(ask, "submit", tenant="shop")["tenant"] == "shop"
    for who in ("submit", "both"):
        for query in ("", "?dry_run=true"):
            answer = ask(who, "POST", f"/v1/jobs{query}", json=GOOD | {"tenant": "ops"})
            assert answer.status_code == 422
            assert answer.get_json()["errors"][0]["path"] == "tenant"
    lines = b'{"model": "%s", "input": {"prompt": "a"}, "tenant": "ops"}\n' % IMAGE.encode()
    kind = {"content_type": "application/x-ndjson"}
    for query in ("", "?dry_run=true"):
        answer = ask("submit", "POST", f"/v1/jobs/batch{query}", data=lines, **kind)
        assert b'"status":422' in answer.data
    assert market.w.store.listing.page(JobFilter(tenant="ops"), None, 9).jobs == ()


def test_who_may_read_all_changes_only_his_own(market: House, ask: Any) -> None:
    theirs, own = _job(ask, "submit")["id"], _job(ask, "both")["id"]
    assert ask("both", "GET", f"/v1/jobs/{theirs}").status_code == 200
    assert ask("both", "POST", f"/v1/jobs/{theirs}/cancel").status_code == 404
    assert ask("both", "POST", f"/v1/jobs/{own}/cancel").status_code == 200
    assert market.w.store.jobs.get(theirs).state == "queued"


def test_an_older_processs_job_is_hidden_from_all_but_who_asked_for_it(
    market: House, ask: Any
) -> None:
    jobs = {who: _job(ask, who)["id"] for who in ("submit", "both")}
    for job in jobs.values():
        market.raw.hdel(f"runhook:job:{job}", "tenant")
        first = market.raw.lpop(f"runhook:notes:{job}").partition(b" ")[2]
        market.raw.xadd(f"runhook:timeline:{job}", {"note": first})
    assert ask("submit", "GET", f"/v1/jobs/{jobs['submit']}").get_json()["tenant"] == "shop"
    assert ask("submit", "GET", f"/v1/jobs/{jobs['both']}").status_code == 404


def test_a_job_that_cannot_be_read_here_is_not_there_for_another_tenant(
    market: House, ask: Any
) -> None:
    own, theirs = _job(ask, "submit")["id"], _job(ask, "admin")["id"]
    for job in (own, theirs):
        market.raw.hset(f"runhook:job:{job}", "life", "{")
    assert ask("submit", "GET", f"/v1/jobs/{own}").status_code == 503
    assert ask("submit", "GET", f"/v1/jobs/{theirs}").status_code == 404


def test_who_opens_all_streams_that_he_may_keeps_nobody_else_from_his(build: Build) -> None:
    client = build(RUNHOOK_API_TOKENS=SETTING).app.test_client()
    heads = {who: {"Authorization": f"Bearer {TOKENS[who]}"} for who in ("read", "both")}
    with ExitStack() as held:

        def open_one(who: str) -> int:
            stream = client.get("/v1/events/stream", headers=heads[who])
            held.callback(stream.close)
            return stream.status_code

        assert {open_one("read") for _ in range(EACH)} == {200}
        assert open_one("read") == 503
        assert open_one("both") == 200


def test_what_another_tenant_called_a_file_is_not_told(ask: Any) -> None:
    def kept(who: str, name: str) -> Any:
        return ask(who, "POST", "/v1/assets", data={"file": (BytesIO(b"a note"), name)}).get_json()

    first = kept("admin", "for-our-buyers.txt")
    again = kept("submit", "mine.txt")
    assert again == first | {"name": f"{first['id']}.txt"}
    where = f"/v1/assets/{first['id']}"
    assert ask("submit", "GET", where).get_json() == again
    assert ask("read", "GET", where).get_json() == ask("admin", "GET", where).get_json() == first
