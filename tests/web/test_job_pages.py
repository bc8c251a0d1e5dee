"""The list of jobs as a page: what it shows, its filters, and one word on many jobs."""

import re
from contextlib import ExitStack
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from runhook.webhook.edge.limits import CHANGING
from runhook.webhook.pages.job_list import EACH
from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Job
from tests.conftest import IMAGE, SHOP, Build, House
from tests.trips import trips

OPS = "token-Of-the-admin-77bd3-and-more"
BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
VIDEO = "vidu/text-to-video-q3-turbo"


@pytest.fixture
def town(build: Build, tmp_path: Path) -> House:
    """A house whose files are kept, with an admin and a shop."""
    return build(
        RUNHOOK_API_TOKENS=f"ops:{OPS},shop:{SHOP}:submit",
        RUNHOOK_ARCHIVE="true",
        RUNHOOK_STORAGE_URL=f"file://{tmp_path}/kept",
        RUNHOOK_ALLOW_PRIVATE_URLS="true",
        RUNHOOK_INDEX_METADATA="order",
    )


@pytest.fixture
def ops(town: House) -> FlaskClient:
    """The admin's browser."""
    return _browser(town, OPS)


@pytest.fixture
def shop(town: House) -> FlaskClient:
    """The shop's browser."""
    return _browser(town, SHOP)


def _browser(town: House, token: str) -> FlaskClient:
    found = town.app.test_client()
    found.get(f"/?token={token}", headers=BROWSER)
    return found


def _text(browser: FlaskClient, path: str, status: int = 200, *, fragment: bool = False) -> str:
    headers = BROWSER
    if fragment:
        headers = BROWSER | {"X-Fragment": "1"}
    answer = browser.get(path, headers=headers)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def _ids(text: str) -> list[str]:
    """The jobs that a list shows, in its order."""
    return re.findall(r'data-key="(job_[0-9a-f]{28})"', text)


def _post(browser: FlaskClient, path: str, **form: Any) -> Any:
    word = re.search(r'name="csrf_token" value="([^"]+)"', _text(browser, "/jobs"))
    assert word
    return browser.post(path, data={"csrf_token": word[1], **form}, headers=BROWSER)


def _fields(text: str) -> dict[str, str]:
    """The hidden fields of the confirmation."""
    form = text.partition('action="/jobs/act"')[2]
    found = re.findall(r'name="([a-z_]+)" value="([^"]*)"', form)
    return {name: unescape(value) for name, value in found}


def _failed(town: House, **more: Any) -> Job:
    town.sandbox.faults({"fault": "failed", "times": 1})
    return town.until(town.ask(**more), "failed")


@pytest.mark.parametrize("view", ["gallery", "table"])
def test_a_page_has_fifty_jobs_and_leads_to_older_ones(
    ops: FlaskClient, town: House, view: str
) -> None:
    town.w.store.queue.pause(True)
    long = "一盏雨夜里的灯塔" * 20
    asked = [town.ask(prompt=f"{n} {long}").id for n in range(EACH + 3)][::-1]
    text = _text(ops, f"/jobs?view={view}")
    assert _ids(text) == asked[:EACH]
    assert len(text.encode()) <= 60_000
    older = re.search(r'href="(/jobs\?[^"]*cursor=[^"]*)"', text)
    assert older
    rest = _text(ops, unescape(older[1]))
    assert _ids(rest) == asked[EACH:]
    assert f"view={view}" in older[1]


def test_what_stays_in_view_is_asked_for_by_its_first_job_and_newer_ones_are_counted(
    ops: FlaskClient, town: House
) -> None:
    town.w.store.queue.pause(True)
    old = [town.ask().id for _ in range(3)][::-1]
    live = re.search(r'data-live-url="([^"]+)"', _text(ops, "/jobs?state=queued"))
    assert live
    new = [town.ask().id for _ in range(2)]
    text = _text(ops, unescape(live[1]), fragment=True)
    assert _ids(text) == old
    assert ">2 new<" in text
    assert 'href="/jobs?state=queued"' in text
    assert "<html" not in text
    assert _ids(_text(ops, "/jobs"))[:2] == new[::-1]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("state=failed", ["failed"]),
        ("state=failed&state=succeeded", ["film", "failed"]),
        ("state=failed,succeeded&model=vidu/*", ["film"]),
        ("model=vidu/*", ["film"]),
        ("metadata.order=7", ["film"]),
        ("tenant=nobody", []),
        ("since=2h&until=&group=", ["film", "failed"]),
        ("until=2h", []),
        ("jump=2000-01-01", []),
        ("jump=2300-01-01", ["film", "failed"]),
        ("jump=9999-12-31", ["film", "failed"]),
        ("limit=1", ["film"]),
    ],
)
def test_filters_are_the_contracts_as_an_address(
    ops: FlaskClient, town: House, query: str, shown: list[str]
) -> None:
    jobs = {"failed": _failed(town).id}
    given = {"prompt": "waves", "duration": "5"}
    jobs["film"] = town.until(town.ask(VIDEO, input=given, metadata={"order": 7}), "succeeded").id
    assert _ids(_text(ops, f"/jobs?{query}")) == [jobs[name] for name in shown]


def test_a_filter_that_cannot_be_is_said_at_its_field(ops: FlaskClient) -> None:
    text = _text(ops, "/jobs?state=faild&root=x&nope=1&model=nosuch&metadata.color=red", 422)
    for field in ("root",):
        assert re.search(rf'name="{field}"[^>]*aria-invalid="true"[^>]*aria-describedby="', text)
    assert "with commas between them" in text
    assert "nope is not a parameter" in text
    assert "is not indexed" in text
    near = _text(ops, "/jobs?stat=failed&state=faild", 422)
    assert near.count("did you mean") == 2, "a name and a value, each with the nearest"
    unknown = _text(ops, "/jobs?model=nosuch", 422)
    assert re.search(r'name="model"[^>]*value="nosuch"[^>]*aria-invalid="true"', unknown)


def test_media_lie_in_the_page_and_are_fetched_only_when_they_are_seen(
    ops: FlaskClient, town: House
) -> None:
    picture = town.until(town.ask(), "succeeded").id
    film = town.until(town.ask(VIDEO, input={"prompt": "w", "duration": "5"}), "succeeded").id
    text = _text(ops, "/jobs")
    lazy = 'width="320" height="320" loading="lazy"'
    assert f'<img src="/v1/jobs/{picture}/outputs/0/thumbnail" {lazy}' in text
    assert re.search(rf'<video src="/v1/jobs/{film}/outputs/0"[^>]* preload="none" controls', text)
    assert town.web not in text, "a page asks its own address alone, whatever the public one is"
    part = ops.get(f"/v1/jobs/{film}/outputs/0", headers={"Range": "bytes=0-9"})
    assert part.status_code == 206
    part.close()
    assert town.app.test_client().get(f"/v1/jobs/{film}/outputs/0").status_code == 401


def test_a_tenant_sees_its_own_jobs_and_may_not_name_anothers(
    ops: FlaskClient, shop: FlaskClient, town: House
) -> None:
    town.w.store.queue.pause(True)
    theirs, own = town.ask().id, town.ask(tenant="shop").id
    assert _ids(_text(shop, "/jobs")) == [own]
    assert _ids(_text(shop, "/jobs?tenant=local")) == []
    assert _ids(_text(ops, "/jobs")) == [own, theirs]
    for form in ({"job": [own, theirs]}, {"of": "all"}):
        plan = _post(shop, "/jobs/confirm", action="cancel", **form).get_data(as_text=True)
        assert "Cancel 1 job?" in plan
        assert theirs not in plan
    act = _post(shop, "/jobs/act", action="cancel", named=f"{theirs}/1 {own}/1")
    assert act.status_code == 303
    assert town.w.store.jobs.get(theirs).state == "queued"
    assert town.w.store.jobs.get(own).state == "cancelled"
    assert _post(shop, "/jobs/confirm", action="redeliver", job=own).status_code == 403


def test_a_retry_names_its_price_first_and_is_paid_once_however_often_it_is_confirmed(
    ops: FlaskClient, town: House
) -> None:
    jobs = [_failed(town) for _ in range(2)]
    fine = town.until(town.ask(), "succeeded")
    chosen = [job.id for job in (*jobs, fine)]
    answer = _post(ops, "/jobs/confirm", action="retry", job=chosen, filter="view=table")
    text = answer.get_data(as_text=True)
    assert "Retry 2 jobs?" in text
    assert "Pay ¥0.80 for 2 jobs" in unescape(text)
    assert "1 succeeded" in text
    paid = town.sandbox.accepted()
    for job in jobs:
        assert town.job(job).state == "failed", "nothing is done before it is confirmed"
    town.sandbox.faults({"fault": "failed", "times": 2})
    fields = _fields(text)
    first = ops.post("/jobs/act", data=fields, headers=BROWSER)
    assert (first.status_code, first.headers["Location"]) == (303, "/jobs?view=table")
    for job in jobs:
        town.until(job, "failed")
    second = ops.post("/jobs/act", data=fields, headers=BROWSER)
    assert second.status_code == 303
    town.settle()
    assert town.sandbox.accepted() == paid + 2
    said = _text(ops, "/jobs")
    assert "0 jobs put into the queue again. 2 left as they are" in said
    assert "retried meanwhile" in said


def test_the_whole_filter_is_named_job_by_job_so_nothing_newer_is_touched(
    ops: FlaskClient, town: House
) -> None:
    town.w.store.queue.pause(True)
    asked = [town.ask() for _ in range(3)]
    other = town.ask(VIDEO, input={"prompt": "w", "duration": "5"})
    query = f"state=queued&model={IMAGE}&view=table"
    answer = _post(ops, "/jobs/confirm", action="cancel", of="all", filter=query)
    text = answer.get_data(as_text=True)
    assert "Cancel 3 jobs?" in text
    assert "nothing is charged" in text
    newer = town.ask()
    ops.post("/jobs/act", data=_fields(text), headers=BROWSER)
    assert {town.job(job).state for job in asked} == {"cancelled"}
    assert {town.job(job).state for job in (other, newer)} == {"queued"}


def test_more_than_one_confirmation_can_hold_is_said(
    ops: FlaskClient, town: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "BULK_MOST", 2)
    town.w.store.queue.pause(True)
    asked = [town.ask() for _ in range(3)]
    text = _post(ops, "/jobs/confirm", action="cancel", of="all").get_data(as_text=True)
    assert "Cancel 2 jobs?" in text
    assert "There are more." in text
    too_many = " ".join(f"{job.id}/1" for job in asked)
    assert _post(ops, "/jobs/act", action="cancel", named=too_many).status_code == 422


def test_a_filter_that_is_looked_through_too_long_is_said_to_be(
    ops: FlaskClient, town: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "BULK_SECONDS", -1.0)
    job = town.ask()
    answer = _post(ops, "/jobs/confirm", action="cancel", of="all")
    assert answer.status_code == 303
    assert "ask about fewer. Nothing was changed." in _text(ops, answer.headers["Location"])
    assert town.job(job).state == "queued"


@pytest.mark.parametrize(
    "agreed",
    ["CNY:0.30:0.40 unpriced:0", "CNY:0.40:0.30", "USD:9:9", "", "CNY:inf:inf", "x" * 9000],
)
def test_a_retry_that_costs_more_than_was_agreed_to_is_asked_about_again(
    ops: FlaskClient, town: House, agreed: str
) -> None:
    job = _failed(town)
    text = _post(ops, "/jobs/confirm", action="retry", job=job.id).text
    fields = _fields(text)
    assert fields["agreed"] == "CNY:0.4:0.4 unpriced:0"
    risen = ops.post("/jobs/act", data=fields | {"agreed": agreed}, headers=BROWSER)
    assert risen.status_code == 422
    assert "costs more by now" in risen.text
    assert "Pay ¥0.40 for 1 job" in risen.text
    assert town.job(job).state == "failed"
    assert ops.post("/jobs/act", data=_fields(risen.text), headers=BROWSER).status_code == 303
    assert town.job(job).state == "queued"


def test_a_retry_that_costs_less_by_now_is_not_asked_about_again(
    ops: FlaskClient, town: House
) -> None:
    jobs = [_failed(town).id, _failed(town).id]
    fields = _fields(_post(ops, "/jobs/confirm", action="retry", job=jobs).text)
    assert fields["agreed"] == "CNY:0.8:0.8 unpriced:0"
    _post(ops, f"/jobs/{jobs[0]}/forget")
    assert ops.post("/jobs/act", data=fields, headers=BROWSER).status_code == 303
    assert town.w.store.jobs.get(jobs[1]).state == "queued"


@pytest.mark.parametrize("path", ["/jobs/confirm", "/jobs/act"])
def test_whoever_changes_many_jobs_at_once_keeps_nobody_else_from_theirs(
    ops: FlaskClient, town: House, path: str
) -> None:
    job = town.ask()
    with ExitStack() as places:
        for _ in range(CHANGING.each):
            places.enter_context(CHANGING.take("ops"))
        form = {"action": "cancel", "named": f"{job.id}/1", "job": job.id}
        assert _post(ops, path, **form).status_code == 503
    assert town.job(job).state == "queued"
    assert _post(ops, path, **form).status_code in (200, 303)


def test_forgetting_says_what_was_paid_and_redelivering_how_many(
    ops: FlaskClient, town: House
) -> None:
    job = town.until(town.ask(), "succeeded")
    text = _post(ops, "/jobs/confirm", action="forget", job=job.id).get_data(as_text=True)
    assert "¥0.40" in text
    assert "stays in the ledger" in text
    nothing = _post(ops, "/jobs/confirm", action="redeliver", job=job.id)
    assert nothing.status_code == 303
    ops.post("/jobs/act", data=_fields(text), headers=BROWSER)
    assert _ids(_text(ops, "/jobs")) == []


@pytest.mark.parametrize(
    "form",
    [
        {"action": "burn", "job": "x"},
        {"action": "retry", "named": "job_1/1"},
        {"action": "retry", "named": ""},
        {"action": "retry", "named": "\udcff"},
        {"action": "redeliver", "of": "all"},
        {"action": "cancel", "of": "all", "filter": "state=nope"},
        {"action": "cancel", "of": "all", "filter": "state=queued&model=" + "a" * 4000},
    ],
)
def test_a_form_that_no_page_of_ours_has_changes_nothing(
    ops: FlaskClient, form: dict[str, str]
) -> None:
    form = {name: value.encode("utf-8", "replace").decode() for name, value in form.items()}
    path = "/jobs/confirm"
    if "named" in form:
        path = "/jobs/act"
    assert _post(ops, path, **form).status_code == 422


def test_a_filter_that_cannot_be_is_said_once(ops: FlaskClient) -> None:
    answer = _post(ops, "/jobs/confirm", action="cancel", of="all", filter="stat=queued")
    text = " ".join(re.sub("<[^>]+>", "", answer.get_data(as_text=True)).split())
    assert "stat is not a parameter" in text
    assert "stat stat" not in text


@pytest.mark.parametrize("filter_", ["failed", "state:failed", "state=failed&tenant"])
def test_a_filter_that_is_none_does_not_mean_all_jobs(
    ops: FlaskClient, town: House, filter_: str
) -> None:
    town.ask()
    answer = _post(ops, "/jobs/confirm", action="cancel", of="all", filter=filter_)
    assert answer.status_code == 422
    assert "must be the query of a list" in answer.get_data(as_text=True)


def test_what_was_done_is_told_whatever_the_filter_says(ops: FlaskClient, town: House) -> None:
    job = town.ask()
    answer = _post(ops, "/jobs/act", action="cancel", filter="a=b\r\nc: d", named=f"{job.id}/1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs?a=b%0D%0Ac:+d")
    assert town.job(job).state == "cancelled"


def test_a_list_is_read_in_four_round_trips(ops: FlaskClient, town: House) -> None:
    for job in [town.ask() for _ in range(3)]:
        town.until(job, "succeeded")  # a callback that comes later takes the connection
    _text(ops, "/jobs")
    assert trips(lambda: _text(ops, "/jobs")) <= 4
    assert trips(lambda: _text(ops, f"/jobs?model={IMAGE}&state=succeeded")) <= 4
    assert trips(lambda: _text(ops, "/jobs?tenant=local")) <= 5
