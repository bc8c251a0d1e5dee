"""Signing in with a browser: sessions, how they end, and what other sites cannot have it do."""

import io
import re
from itertools import islice
from typing import Any

import pytest
from flask.testing import FlaskClient

from runhook.webhook.edge import streams
from runhook.webhook.edge.access import MOST_WRONG
from runhook.webhook.edge.html import POLICY
from runhook.webhook.pages import live
from runhook.webhook.pages.system_page import PATH as SYSTEM
from tests.conftest import IMAGE, SECRET, SHOP, Build, House, web_app

OTHER = "token-Of-the-office-90e2-and-more"
BROWSER = {"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Site": "same-origin"}
GOOD = {"model": IMAGE, "input": {"prompt": "a cat"}}


@pytest.fixture
def shop(build: Build) -> House:
    """A house with two tokens."""
    return build(RUNHOOK_API_TOKENS=f"shop:{SHOP}:submit,office:{OTHER}")


@pytest.fixture
def browser(shop: House) -> FlaskClient:
    """A browser that knows nothing yet."""
    return web_app(shop.w).test_client()


def _word(browser: FlaskClient, path: str = "/") -> str:
    """What stands in the forms of a page."""
    text = browser.get(path, headers=BROWSER).get_data(as_text=True)
    found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', text)
    assert found, text
    return found[1]


def _sign_in(browser: FlaskClient, token: str = SHOP, where: str = "/") -> Any:
    form = {"token": token, "next": where}
    return browser.post("/login", data=form, headers=BROWSER)


def _is_in(browser: FlaskClient) -> bool:
    return browser.get("/", headers=BROWSER).status_code == 200


def test_a_stranger_is_led_to_the_form_and_back_to_the_page(browser: FlaskClient) -> None:
    led = browser.get("/?a=b", headers=BROWSER)
    assert (led.status_code, led.headers["Location"]) == (303, "/login?next=/?a=b")
    answer = _sign_in(browser, where="/?a=b")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?a=b")
    assert _is_in(browser)
    assert browser.get("/login", headers=BROWSER).status_code == 303, "who is in need not sign in"
    assert browser.get("/").status_code == 200


def test_whatever_server_brings_it_a_strangers_form_is_read_up_to_a_few_kilobytes(
    browser: FlaskClient,
) -> None:
    form = {"token": SHOP, "file": (io.BytesIO(b"x" * 9000), "f")}
    assert browser.post("/login", data=form, headers=BROWSER).status_code == 413
    assert not _is_in(browser)


def test_a_form_without_a_place_for_files_is_read_up_to_a_few_megabytes(
    browser: FlaskClient,
) -> None:
    _sign_in(browser, OTHER)
    word = _word(browser)
    for path, status in ((f"{SYSTEM}/pause", 413), (f"/new/{IMAGE}", 200)):
        form = {"csrf_token": word, "file": (io.BytesIO(b"x" * 5 * 1024 * 1024), "f")}
        assert browser.post(path, data=form, headers=BROWSER).status_code == status


def test_a_program_without_a_token_is_told_so_and_led_nowhere(browser: FlaskClient) -> None:
    answer = browser.get("/")
    assert (answer.status_code, answer.content_type) == (401, "application/problem+json")


@pytest.mark.parametrize(
    "where", ["//evil.example/", "https://evil.example", "/\\evil", "x", "/\n"]
)
def test_signing_in_leads_to_no_other_site(browser: FlaskClient, where: str) -> None:
    assert _sign_in(browser, where=where).headers["Location"] == "/"


def test_a_session_holds_no_token_and_only_the_browser_sends_it(browser: FlaskClient) -> None:
    cookie = _sign_in(browser).headers["Set-Cookie"]
    assert SHOP not in cookie
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


def test_behind_https_no_neighbouring_host_can_put_a_session_in_its_place(
    browser: FlaskClient,
) -> None:
    _sign_in(browser)
    plain = dict(_cookies(browser))
    behind = BROWSER | {"X-Forwarded-Proto": "https"}
    stranger = web_app(_wiring(browser)).test_client()
    for name, value in plain.items():
        stranger.set_cookie(name, value)
    assert stranger.get("/", headers=behind).status_code == 303, "it may be of another host"
    form = {"token": SHOP}
    cookie = stranger.post("/login", data=form, headers=behind).headers["Set-Cookie"]
    assert cookie.startswith("__Host-runhook-")
    assert {"Secure", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    found = stranger.get("/", base_url="https://localhost", headers=behind)
    assert found.status_code == 200


def test_the_link_of_up_signs_in_and_leads_to_a_clean_address(browser: FlaskClient) -> None:
    answer = browser.get(f"/?token={SHOP}", headers=BROWSER)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert _is_in(browser)
    wrong = web_app(_wiring(browser)).test_client()
    before = wrong.application.extensions["runhook.wrong_tokens"].count
    assert wrong.get(f"/?token={SHOP[:-1]}").status_code == 401
    assert wrong.application.extensions["runhook.wrong_tokens"].count == before + 1
    assert wrong.get(f"/v1/jobs?token={SHOP}").status_code == 401, "addresses are written down"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_on_another_site_signs_nobody_in_under_its_token(
    browser: FlaskClient, site: str
) -> None:
    answer = browser.get(f"/?token={SHOP}", headers=BROWSER | {"Sec-Fetch-Site": site})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "Set-Cookie" not in answer.headers
    assert not _is_in(browser)


@pytest.mark.parametrize("where", ["/?token=", "/.?a=b&%74oken=", "/?a=?&token="])
def test_signing_in_leads_to_no_other_sign_in(browser: FlaskClient, where: str) -> None:
    assert _sign_in(browser, where=where + OTHER).headers["Location"] == "/"
    assert (
        browser.get("/login", query_string={"next": where + OTHER}, headers=BROWSER).headers[
            "Location"
        ]
        == "/"
    )


def test_a_page_without_an_origin_signs_nobody_in(build: Build) -> None:
    house = build(RUNHOOK_API_TOKENS=f"shop:{SHOP}:submit", RUNHOOK_PUBLIC_URL="")
    browser = web_app(house.w).test_client()
    headers = {"Accept": "text/html", "Origin": "null"}
    assert browser.post("/login", data={"token": SHOP}, headers=headers).status_code == 403


def test_a_wrong_token_begins_no_session_and_many_are_told_to_wait(browser: FlaskClient) -> None:
    form = {"token": SHOP[:-1]}
    tried = [browser.post("/login", data=form, headers=BROWSER) for _ in range(MOST_WRONG + 1)]
    assert [answer.status_code for answer in tried] == [401] * MOST_WRONG + [429]
    assert 'aria-invalid="true"' in tried[0].get_data(as_text=True)
    assert not any("Set-Cookie" in answer.headers for answer in tried)
    assert _sign_in(browser, "").status_code == 422
    assert _sign_in(browser).status_code == 303, "a right token never waits"


@pytest.mark.parametrize(
    "tokens",
    [f"office:{OTHER}", f"shop:{SHOP}-and-changed:submit,office:{OTHER}", f"other:{SHOP}"],
)
def test_a_session_ends_with_its_token(browser: FlaskClient, build: Build, tokens: str) -> None:
    _sign_in(browser)
    cookies = _cookies(browser)
    later = web_app(build(RUNHOOK_API_TOKENS=tokens).w).test_client()
    for name, value in cookies:
        later.set_cookie(name, value)
    assert not _is_in(later)


def test_a_session_outlives_a_new_secret_as_long_as_the_old_one_is_known(
    browser: FlaskClient, build: Build
) -> None:
    _sign_in(browser)
    cookies = _cookies(browser)
    new, setting = "another-secret-of-the-tests-long-enough-7", f"shop:{SHOP}:submit"
    for secrets, known in ((f"{new},{SECRET}", True), (new, False)):
        house = build(RUNHOOK_API_TOKENS=setting, RUNHOOK_SECRET=secrets)
        later = web_app(house.w).test_client()
        for name, value in cookies:
            later.set_cookie(name, value)
        assert _is_in(later) is known


def test_a_stream_outlives_its_request_and_ends_with_its_session(
    browser: FlaskClient, shop: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (live, streams):
        monkeypatch.setattr(module, "HEARTBEAT", 0.01)
    _sign_in(browser)
    stream = iter(browser.get("/live", headers=BROWSER).response)
    # Nobody's request is under way any more while these are read, as with a real server.
    assert [next(stream) for _ in range(4)] == [live.AGAIN, *[streams.ALIVE] * 3]
    browser.post("/logout", data={"csrf_token": _word(browser)}, headers=BROWSER)
    assert set(stream) <= {streams.ALIVE}, "it ends by itself"


def test_signing_out_ends_the_streams_of_v1_too(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.01)
    house = build(RUNHOOK_API_TOKENS=f"ops:{OTHER}")
    browser = web_app(house.w).test_client()
    _sign_in(browser, OTHER)
    job = house.ask()
    paths = ("/v1/events/stream", f"/v1/jobs/{job.id}/stream")
    opened = [iter(browser.get(path, headers=BROWSER).response) for path in paths]
    begun = [next(stream) for stream in opened]
    assert all(begun)
    browser.post("/logout", data={"csrf_token": _word(browser)}, headers=BROWSER)
    for stream in opened:
        heard = list(islice(stream, 20))
        assert set(heard) <= {streams.ALIVE}
        assert len(heard) < 20, "it ends by itself"


def test_signing_out_ends_every_copy_of_the_cookie(browser: FlaskClient, shop: House) -> None:
    _sign_in(browser)
    copy = web_app(shop.w).test_client()
    for name, value in _cookies(browser):
        copy.set_cookie(name, value)
    assert _is_in(copy)
    form = {"csrf_token": _word(browser, "/")}
    answer = browser.post("/logout", data=form, headers=BROWSER)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    shown = browser.get("/login", headers=BROWSER).get_data(as_text=True)
    assert "You are signed out." in shown
    assert "You are signed out." not in browser.get("/login", headers=BROWSER).get_data(
        as_text=True
    )
    assert not _is_in(browser)
    assert not _is_in(copy)
    again = web_app(shop.w).test_client()
    _sign_in(again)
    assert _is_in(again)


@pytest.mark.parametrize(
    "forged",
    ["", "x", "!", "A" * 2000, "WyJzaG9wIiwiYSIsImIiXQ.awtzXw.bad", "\udcff"],
)
def test_what_is_no_cookie_of_ours_lets_nobody_in(browser: FlaskClient, forged: str) -> None:
    _sign_in(browser)
    name = _cookies(browser)[0][0]
    header = f"{name}={forged}".encode("utf-8", "surrogateescape").decode("latin-1")
    stranger = web_app(_wiring(browser)).test_client()
    answer = stranger.get("/", headers=BROWSER | {"Cookie": header})
    assert answer.status_code == 303


def test_a_change_needs_the_word_of_a_page_of_this_session(
    browser: FlaskClient, shop: House
) -> None:
    _sign_in(browser)
    mine = _word(browser, "/")
    other = web_app(shop.w).test_client()
    _sign_in(other, OTHER)
    theirs = _word(other, "/")
    assert mine != theirs
    for word in ("", "x", theirs, "\u00e4"):
        refused = browser.post("/logout", data={"csrf_token": word}, headers=BROWSER)
        assert (refused.status_code, _is_in(browser)) == (403, True)
        said = browser.post("/v1/jobs", json=GOOD, headers={"X-CSRF-Token": "x"})
        assert said.status_code == 403
        assert "Nothing was done" in said.get_json()["detail"]
    assert shop.raw.keys("runhook:job:*") == []
    made = browser.post("/v1/jobs", json=GOOD, headers={"X-CSRF-Token": mine})
    assert (made.status_code, made.get_json()["tenant"]) == (202, "shop")
    assert browser.get("/v1/jobs").status_code == 200, "looking needs no word"


@pytest.mark.parametrize(
    "told",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://x.y"},
        {"Origin": "null"},
    ],
)
def test_another_sites_form_is_refused_even_with_the_word(
    browser: FlaskClient, told: dict[str, str]
) -> None:
    form = {"token": SHOP}
    headers = {"Accept": "text/html"} | told
    assert browser.post("/login", data=form, headers=headers).status_code == 403
    _sign_in(browser)
    form = {"csrf_token": _word(browser, "/")}
    assert browser.post("/logout", data=form, headers=headers).status_code == 403
    assert _is_in(browser)


def test_a_link_on_another_site_leads_on_by_itself(browser: FlaskClient) -> None:
    """Browsers keep a strict cookie back then; a page that leads to itself has it sent."""
    _sign_in(browser)
    stranger = web_app(_wiring(browser)).test_client()
    shown = stranger.get("/?a=%22%3E", headers=BROWSER | {"Sec-Fetch-Site": "cross-site"})
    assert shown.status_code == 200
    assert 'http-equiv="refresh" content="0; url=/?a=%22%3E"' in shown.get_data(as_text=True)


def test_without_tokens_this_machine_needs_no_session_but_the_word(house: House) -> None:
    browser = web_app(house.w).test_client()
    assert _is_in(browser)
    assert browser.get("/login", headers=BROWSER).status_code == 303
    assert browser.post("/logout", data={}, headers=BROWSER).status_code == 403
    away = browser.get("/", headers=BROWSER | {"X-Forwarded-For": "192.0.2.1"})
    assert (away.status_code, "RUNHOOK_API_TOKENS" in away.get_data(as_text=True)) == (401, True)
    assert browser.post("/v1/jobs", json=GOOD).status_code == 202, "programs go on as before"


def test_every_answer_to_a_person_has_the_policy(browser: FlaskClient) -> None:
    for path in ("/", "/login", "/nowhere"):
        answer = browser.get(path, headers=BROWSER)
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        text = answer.get_data(as_text=True)
        assert not re.search(
            r"<style|style=|\son[a-z]+=|javascript:|<script(?! type=\"module\" src=\"/static/)",
            text,
        )


def test_static_files_are_kept_for_ever_under_their_mark_alone(browser: FlaskClient) -> None:
    page = browser.get("/login", headers=BROWSER).get_data(as_text=True)
    found = re.search(r'href="(/static/[0-9a-f]+/runhook.css)"', page)
    assert found
    answer = browser.get(found[1])
    assert (answer.status_code, answer.content_type) == (200, "text/css; charset=utf-8")
    assert "immutable" in answer.headers["Cache-Control"]
    older = browser.get("/static/000000000000/runhook.css")
    assert (older.status_code, older.headers["Cache-Control"]) == (200, "no-store")
    assert browser.get("/static/x/..%2f__init__.py").status_code == 404


def _wiring(browser: FlaskClient) -> Any:
    return browser.application.extensions["runhook"]


def _cookies(browser: FlaskClient) -> list[tuple[str, str]]:
    """What it would send."""
    return [(cookie.key, cookie.value) for cookie in (browser._cookies or {}).values()]
