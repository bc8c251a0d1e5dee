"""/, /costs, /account and /system: each number leads to its jobs, each token sees what it may, and
what is wrong in a form is said beside its field.
"""

import html
import re
from datetime import UTC, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from runhook.webhook.edge.html import POLICY
from runhook.worker.domain.jobs import iso
from runhook.worker.domain.pages import read_parameters
from runhook.worker.flows.lists import JobsQuery
from tests.conftest import Build, House, provider_at

SHOP, PRESS, OFFICE, OPS = (
    "token-Of-the-shop-2c94e7-and-more",
    "token-Of-the-press-5be21-and-more",
    "token-Of-the-office-90e2-and-more",
    "token-Of-the-admin-77bd3-and-more",
)
TOKENS = f"shop:{SHOP}:submit,press:{PRESS}:submit,office:{OFFICE}:read,ops:{OPS}"
BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
PAGES = ("/", "/?part=states", "/costs", "/account", "/system", "/system?examine=1")


@pytest.fixture
def market(build: Build) -> House:
    """A job of the shop's failed and two succeeded; the press has one that waits."""
    house = build(
        RUNHOOK_API_TOKENS=TOKENS,
        RUNHOOK_INDEX_METADATA="order",
        RUNHOOK_BUDGET_DAY="9.00,shop=5.00",
    )
    house.sandbox.faults({"fault": "failed", "times": 1})
    house.until(house.ask(tenant="shop"), "failed")
    for order in (7, 8):
        house.until(house.ask(tenant="shop", metadata={"order": order}), "succeeded")
    house.w.store.queue.pause(True)
    house.ask(tenant="press")
    return house


def _browser(house: House, token: str) -> FlaskClient:
    """A browser in which somebody has signed in."""
    client = house.app.test_client()
    client.post("/login", data={"token": token}, headers=BROWSER)
    return client


def _text(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path, headers=BROWSER)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def _plain(page: str) -> str:
    """What people read, in one line."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def _post(client: FlaskClient, page: str, path: str, **form: str) -> tuple[int, str]:
    """Send a form of a page; the status, and what the page says then."""
    (word, *_) = re.findall(r'name="csrf_token" value="([0-9a-f]{64})"', _text(client, page))
    answer = client.post(path, data={"csrf_token": word, **form}, headers=BROWSER)
    if answer.status_code != 303:
        return answer.status_code, _plain(answer.get_data(as_text=True))
    return 303, _plain(_text(client, urlsplit(answer.headers["Location"]).path))


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_small_and_has_the_policy(market: House, path: str) -> None:
    answer = _browser(market, OPS).get(path, headers=BROWSER)
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert len(answer.get_data()) <= 60_000
    assert 'style="' not in answer.get_data(as_text=True)


def test_an_overview_with_every_span_in_use_is_small(market: House) -> None:
    """As after a month of each kind of end in each of five minutes."""
    now = int(market.clock.now().timestamp())
    for seconds, count in ((300, 288), (86_400, 30)):
        for number in range(count):
            start = now - now % seconds - number * seconds
            key = f"runhook:tally:{seconds}:{start}:"
            fields = {f"{state}/callback/47": 123456 for state in ("succeeded", "failed")}
            market.raw.hset(key, mapping=fields | {"cancelled/user/-": 123456})
            market.raw.expire(key, 1000)
    page = _text(_browser(market, OPS), "/")
    assert len(page.encode()) <= 60_000
    assert "3,703,682 succeeded" in page


def test_every_number_leads_to_a_list_that_there_is(market: House) -> None:
    client = _browser(market, OPS)
    for path in ("/", "/costs?by=day&by=model&by=tenant", "/costs?by=metadata.order"):
        links = re.findall(r'href="(/jobs\?[^"]*)"', _text(client, path))
        assert links
        for link in links:
            query = parse_qs(urlsplit(html.unescape(link)).query, strict_parsing=True)
            given = {name: texts[0] for name, texts in query.items()}
            read_parameters(JobsQuery, given, now=market.clock.now(), indexed=("order",))


def test_figures_of_a_day_lead_to_the_jobs_from_its_first_moment_on(market: House) -> None:
    (since,) = re.findall(
        r'href="/jobs\?state=succeeded&amp;since=([^"&]*)">', _text(_browser(market, OPS), "/")
    )
    first = market.clock.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    assert since == iso(first - timedelta(hours=23))


def test_the_overview_says_what_the_jobs_say(market: House) -> None:
    text = _plain(_text(_browser(market, OPS), "/"))
    assert "Success 67 % 1 failed in 24 h" in text
    assert "In flight 0 of 10" in text
    assert "2 succeeded, 1 failed, 0 cancelled." in text
    assert "The queue stands still: somebody paused it." in text
    assert "Budget of shop ¥4.60 left today of ¥5.00" in text or "Budget of shop" in text


@pytest.mark.parametrize("path", ["/", "/account"])
def test_that_nothing_is_sent_is_said_where_it_is_read_and_stays_right(
    market: House, path: str
) -> None:
    client = _browser(market, OFFICE)
    said = re.compile(r'<div id="standstill" data-live="" data-live-every="\d+">(.*?)</div>', re.S)
    assert "The queue stands still: somebody paused it." in said.findall(_text(client, path))[0]
    market.w.store.queue.pause(False)
    assert said.findall(_text(client, path))[0].strip() == ""


def test_a_tenant_sees_its_own_figures_alone(market: House) -> None:
    client = _browser(market, PRESS)
    text = _plain(_text(client, "/"))
    assert "0 succeeded, 0 failed, 0 cancelled." in text
    assert "1 queued" in text
    for others in ("Failing deliveries", "paused", "of 10", "Budget of shop", "Budget of all"):
        assert others not in text, others
    assert "shop" not in _plain(_text(client, "/costs?by=tenant"))
    assert "Nothing was charged" in _plain(_text(client, "/costs?tenant=shop"))
    for path in ("/account", "/system"):
        _text(client, path, 403)
        assert f'href="{path}"' not in _text(client, "/")


def test_costs_are_added_up_as_asked(market: House) -> None:
    client = _browser(market, OFFICE)
    text = _plain(_text(client, "/costs?by=metadata.order&model=&tenant=shop"))
    assert re.search(r"metadata\.order charged jobs run time at risk", text)
    assert re.search(r" 7 ¥[\d.]+ 1 ", text)
    assert "Budgets of today everybody" not in text, "only the tenant's that is asked for"
    assert "shop ¥" in text


def test_what_is_wrong_in_the_form_stands_beside_its_fields(market: House) -> None:
    page = _text(_browser(market, OFFICE), "/costs?since=banana&by=dya&colour=red", 422)
    for field in ("since", "by"):
        assert f'id="f-{field}-fault"' in page or f'id="{field}-fault"' in page
    assert 'value="banana"' in page
    assert "aria-invalid" in page
    assert "did you mean day?" in page
    assert "colour is not a parameter" in _plain(page)


def test_many_sums_make_a_short_page_that_says_so(market: House) -> None:
    rows = {f'#["shop","app/{number}",null,[]]': number + 10 for number in range(300)}
    counts = {f"{number + 10}:{what}": 1 for number in range(300) for what in ("a", "j", "m-6")}
    market.raw.hset("runhook:costs:2027-01-14", mapping=rows | counts)
    market.raw.expire("runhook:costs:2027-01-14", 1000)
    page = _text(_browser(market, OPS), "/costs?by=model&by=day")
    assert page.count("<tr>") <= 102
    assert re.search(r"20\d rows more", _plain(page))
    assert len(page.encode()) <= 60_000


def test_a_runninghub_that_is_silent_leaves_what_is_known(market: House) -> None:
    provider_at(market.w, "http://127.0.0.1:9")
    text = _plain(_text(_browser(market, OFFICE), "/account"))
    assert "RunningHub tells nothing now" in text
    assert "0 of 10" in text
    assert "set by hand, as RUNHOOK_CONCURRENCY" in text


def test_the_account_says_how_its_limit_is_known(build: Build) -> None:
    house = build(RUNHOOK_API_TOKENS=TOKENS, RUNHOOK_CONCURRENCY=None)
    client = _browser(house, OFFICE)
    assert "has not said how many" in _plain(_text(client, "/account"))
    house.w.store.queue.set_limit(3)
    text = _plain(_text(client, "/account"))
    assert "The limit of 3 is RunningHub's own word" in text
    assert "Balance" in text


def test_the_queue_is_paused_and_goes_on_by_its_button(market: House) -> None:
    client = _browser(market, OPS)
    status, text = _post(client, "/system", "/system/pause", paused="0")
    assert (status, "The queue goes on." in text) == (303, True)
    assert not market.w.store.queue.state().paused
    assert _post(client, "/system", "/system/pause", paused="yes")[0] == 422
    _post(client, "/system", "/system/pause", paused="1")
    assert market.w.store.queue.state().paused


def test_the_sandbox_is_broken_by_its_switches_and_marked_as_one(market: House) -> None:
    client = _browser(market, OPS)
    assert "These switches are the sandbox's own" in _plain(_text(client, "/system"))
    status, text = _post(client, "/system", "/system/break", failed="next", busy="off")
    assert (status, "The sandbox will fail (the next one)." in text) == (303, True)
    assert '<option value="next" selected>' in _text(client, "/system")
    status, text = _post(client, "/system", "/system/break", failed="sometimes")
    assert (status, "failed" in text) == (422, True)


def test_who_may_only_read_changes_nothing(market: House) -> None:
    client = _browser(market, OFFICE)
    page = _text(client, "/system")
    assert "/system/pause" not in page
    assert "/system/break" not in page
    word = re.findall(r'content="([0-9a-f]{64})"', page)[0]
    for path, form in (("/system/pause", {"paused": "0"}), ("/system/break", {"busy": "always"})):
        data = {"csrf_token": word, **form}
        assert client.post(path, data=data, headers=BROWSER).status_code == 403
    assert market.w.store.queue.state().paused


def test_another_sites_form_pauses_nothing(market: House) -> None:
    market.w.store.queue.pause(False)
    client = _browser(market, OPS)
    elsewhere = {"Accept": "text/html", "Sec-Fetch-Site": "cross-site"}
    for path in ("/system/pause", "/system/break"):
        form = {"paused": "1", "busy": "always"}
        assert client.post(path, data=form, headers=elsewhere).status_code == 403
        assert client.post(path, data=form, headers=BROWSER).status_code == 403
    assert not market.w.store.queue.state().paused


def test_with_runninghub_itself_nothing_is_to_be_broken(build: Build) -> None:
    house = build(
        RUNHOOK_API_TOKENS=TOKENS,
        RUNNINGHUB_BASE_URL="https://www.runninghub.ai",
        RUNHOOK_PUBLIC_URL="https://runhook.example",
    )
    client = house.app.test_client()
    client.environ_base["wsgi.url_scheme"] = "https"
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {OPS}"
    text = _plain(_text(client, "/system"))
    assert "Break it" not in text
    assert "Lanes" in text


def test_doctor_looks_when_asked_and_says_the_worst_first(market: House) -> None:
    client = _browser(market, OPS)
    assert "What to do" not in _plain(_text(client, "/system"))
    found = _text(client, "/system?examine=1").partition('id="doctor"')[2]
    assert "none has been seen in the last 15 s" in _plain(found)
    words = re.findall(r'badge s-(\w+)"', found)
    assert words == sorted(words, key=("bad", "warning", "good").index)
    assert {"bad", "good"} <= set(words)
    assert 'data-live-url="/system"' in _text(client, "/system"), "doctor is not asked each time"
