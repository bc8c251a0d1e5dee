"""/deliveries and /subscriptions as pages without scripts: what they show, and what they do."""

import re
from functools import partial
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from runhook.worker.delivery.trigger import TriggerRequest, trigger
from runhook.worker.store import Delivery
from tests.conftest import Build, House
from tests.filled_forms import FilledForm
from tests.receiver import Receiver, Reply
from tests.trips import trips

HOSTILE = "</pre><script>alert(1)</script>"
WORD = re.compile(r'name="csrf_token" value="([0-9a-f]{64})"')


class Browser:
    """One on this machine, before a house whose subscriber can be out of order."""

    def __init__(self, house: House, receiver: Receiver) -> None:
        self.house, self.receiver = house, receiver
        self.client: FlaskClient = house.app.test_client()
        found = WORD.search(self.text("/deliveries"))
        assert found
        self.word = found[1]

    def text(self, path: str) -> str:
        """A page."""
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.data
        return answer.get_data(as_text=True)

    def post(self, path: str, **fields: Any) -> Any:
        """Press a button."""
        return self.client.post(path, data=fields | {"csrf_token": self.word})

    def notice(self, answer: Any) -> str:
        """What the page says that a button leads to."""
        assert answer.status_code == 303, answer.data
        text = self.text(answer.location)
        found = re.search(r'class="notice.*?<span>(.*?)</span>', text, re.DOTALL)
        assert found
        return unescape(found[1])

    def subscribe(self) -> tuple[str, str]:
        """Make a subscription by its form; its id, and the secret that is shown."""
        answer = self.post("/subscriptions", url=self.receiver.url, events="job.succeeded")
        assert answer.status_code == 201
        text = answer.get_data(as_text=True)
        named, secret = (
            re.search(r"/subscriptions/(sub_\w+)", text),
            re.search(r"whsec_[^<]+", text),
        )
        assert named
        assert secret
        return named[1], secret[0]

    def dead(self, count: int) -> list[Delivery]:
        """So many deliveries that nobody takes."""
        self.receiver.answers(500)
        jobs = [self.house.until(self.house.ask(), "succeeded") for _ in range(count)]
        found = [one for job in jobs for one in self.house.w.store.deliveries.of_job(job.id)]
        assert [one.state for one in found] == ["dead"] * count
        return found


@pytest.fixture
def browser(build: Build, receiver: Receiver) -> Browser:
    """One whose subscribers get one attempt."""
    settings = {"RUNHOOK_ALLOW_PRIVATE_URLS": "true", "RUNHOOK_RETRY_SCHEDULE": "0"}
    return Browser(build(**settings), receiver)


def test_a_secret_is_shown_once(browser: Browser) -> None:
    name, secret = browser.subscribe()
    assert secret not in browser.text(f"/subscriptions/{name}")
    assert secret not in browser.text("/subscriptions")
    rotated = browser.post(f"/subscriptions/{name}/rotate").get_data(as_text=True)
    assert "whsec_" in rotated
    assert secret not in rotated


def test_a_wrong_subscription_is_told_at_its_fields(browser: Browser) -> None:
    answer = browser.post("/subscriptions", url="ftp://a/", events="job.won", models="vidu/*")
    assert answer.status_code == 422
    form = FilledForm(answer.get_data(as_text=True), "/subscriptions")
    assert form.attributes["f-url"].get("aria-invalid") == "true"
    assert "f-events-fault" in form.attributes
    assert form.values["models"] == ["vidu/*"]
    assert browser.house.w.store.subscriptions.all() == []


def test_a_subscription_is_changed_disabled_and_enabled(browser: Browser) -> None:
    name, _ = browser.subscribe()
    url = f"{browser.receiver.url}/other"
    changed = browser.post(f"/subscriptions/{name}", url=url, events="", models="vidu/*\r\n\r\na/*")
    assert browser.notice(changed) == "Changed."
    now = browser.house.w.store.subscriptions.get(name)
    assert (now.url, now.events, now.models) == (url, (), ("vidu/*", "a/*"))
    browser.post(f"/subscriptions/{name}/enabled", enabled="false")
    assert not browser.house.w.store.subscriptions.get(name).enabled
    assert "disabled" in browser.text(f"/subscriptions/{name}")
    browser.post(f"/subscriptions/{name}/enabled", enabled="true")
    assert browser.house.w.store.subscriptions.get(name).enabled


def test_a_test_says_what_the_subscriber_answered_literally(browser: Browser) -> None:
    name, _ = browser.subscribe()
    browser.receiver.replies = [Reply(status=418, body=HOSTILE.encode())]
    text = browser.post(f"/subscriptions/{name}/test", type="job.failed").get_data(as_text=True)
    assert "HTTP 418" in text
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text
    assert browser.receiver.requests[-1].event["type"] == "job.failed"
    live = re.findall(r"<section[^>]* data-live=[^>]*>", text)
    assert live
    for section in live:
        assert f'data-live-url="/subscriptions/{name}"' in section, "its own address takes no GET"


def test_removing_says_first_what_ends_with_it(browser: Browser) -> None:
    name, _ = browser.subscribe()
    browser.dead(2)
    asked = browser.post(f"/subscriptions/{name}/remove").get_data(as_text=True)
    assert "2 dead end with it" in asked
    assert browser.house.w.store.subscriptions.get(name)
    assert "removed" in browser.notice(browser.post(f"/subscriptions/{name}/remove", confirmed="1"))
    assert browser.house.w.store.subscriptions.all() == []


def test_deliveries_are_shown_with_each_answer_and_filtered(browser: Browser) -> None:
    name, _ = browser.subscribe()
    browser.receiver.replies = [Reply(status=500, body=HOSTILE.encode())]
    job = browser.house.until(browser.house.ask(), "succeeded")
    text = browser.text("/deliveries?state=&handler=&job=")
    assert job.id in text
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text
    assert browser.receiver.url in text
    assert job.id in browser.text(f"/deliveries?state=dead&handler={name}")
    assert job.id not in browser.text("/deliveries?state=done")
    assert browser.client.get("/deliveries?state=deaf").status_code == 422


def test_what_tells_of_nothing_that_happened_is_marked(browser: Browser) -> None:
    name, _ = browser.subscribe()
    browser.dead(1)
    assert 'class="sample"' not in browser.text("/deliveries")
    trigger(browser.house.w, TriggerRequest(type="job.succeeded"))
    browser.house.settle()
    for path in ("/deliveries", f"/subscriptions/{name}"):
        rows = browser.text(path).split("<tr data-key=")
        assert ["/jobs/job_" in row for row in rows if 'class="sample"' in row] == [False], path


def test_lists_are_read_in_four_round_trips(browser: Browser) -> None:
    name, _ = browser.subscribe()
    browser.dead(2)
    paths = ("/deliveries", "/deliveries?state=dead", f"/deliveries?handler={name}")
    for path in (*paths, "/subscriptions"):
        browser.text(path)
        assert trips(partial(browser.text, path)) <= 4, path


def test_one_is_redelivered(browser: Browser) -> None:
    name, _ = browser.subscribe()
    (one,) = browser.dead(1)
    browser.receiver.answers(200)
    answer = browser.post(f"/deliveries/{one.id}/redeliver", subscription=name)
    assert answer.location == f"/subscriptions/{name}"
    browser.house.later(200)
    assert browser.house.w.store.deliveries.get(one.id).state == "done"


def test_why_one_cannot_be_redelivered_is_said(browser: Browser) -> None:
    name, _ = browser.subscribe()
    (one,) = browser.dead(1)
    browser.post(f"/subscriptions/{name}/enabled", enabled="false")
    assert "is disabled" in browser.notice(browser.post(f"/deliveries/{one.id}/redeliver"))
    gone = browser.post("/deliveries/dlv_1-1_nobody/redeliver")
    assert "there is no delivery" in browser.notice(gone)


def test_a_subscriptions_page_can_redeliver_also_what_was_taken(browser: Browser) -> None:
    name, _ = browser.subscribe()
    browser.house.until(browser.house.ask(), "succeeded")
    text = browser.text(f"/subscriptions/{name}")
    assert 'name="id"' in text
    assert "Redeliver those chosen" in text
    assert "Redeliver all dead" not in text


def test_those_chosen_are_counted_and_redelivered_once_confirmed(browser: Browser) -> None:
    browser.subscribe()
    first, second, _ = browser.dead(3)
    asked = browser.post("/deliveries/redeliver", id=[first.id, second.id], chosen="true")
    text = asked.get_data(as_text=True)
    assert "Redeliver 2?" in text
    assert len(browser.receiver.requests) == 3
    browser.receiver.answers(200)
    form = FilledForm(text, "/deliveries/redeliver")
    told = browser.notice(browser.client.post(form.action, data=form.values))
    assert told.startswith("2 are delivered again")
    browser.house.later(200)
    browser.house.later(200)
    assert len(browser.receiver.requests) == 5
    nothing = browser.post("/deliveries/redeliver", chosen="true")
    assert "No delivery is chosen" in browser.notice(nothing)


def test_all_that_match_are_counted_and_redelivered_once_confirmed(browser: Browser) -> None:
    name, _ = browser.subscribe()
    browser.dead(3)
    text = browser.post("/deliveries/redeliver", all="true", handler=name).get_data(as_text=True)
    assert "3 dead deliveries" in text
    browser.receiver.answers(200)
    form = FilledForm(text, "/deliveries/redeliver")
    led = browser.client.post(form.action, data=form.values)
    assert led.location == f"/deliveries?handler={name}"
    for _ in range(4):
        browser.house.later(200)
    assert browser.house.w.store.deliveries.count("dead", name) == 0


def test_what_dies_after_the_count_is_not_redelivered_by_its_confirmation(
    browser: Browser,
) -> None:
    name, _ = browser.subscribe()
    browser.dead(2)
    text = browser.post("/deliveries/redeliver", all="true", handler=name).get_data(as_text=True)
    assert "2 dead deliveries" in text
    browser.house.later(1)
    browser.dead(1)
    form = FilledForm(text, "/deliveries/redeliver")
    assert "2 are delivered again" in browser.notice(
        browser.client.post(form.action, data=form.values)
    )


def test_recovering_counts_by_receiver_before_it_does_anything(browser: Browser) -> None:
    name, _ = browser.subscribe()
    browser.dead(2)
    for path in ("/deliveries/recover", f"/subscriptions/{name}/recover"):
        text = browser.post(path, since="2h").get_data(as_text=True)
        assert re.search(r"<button[^>]*>.*<span>Deliver 2", text, re.DOTALL)
    assert len(browser.receiver.requests) == 2
    browser.receiver.answers(200)
    form = FilledForm(text, f"/subscriptions/{name}/recover")
    assert form.values["since"][0].endswith("Z")
    told = browser.notice(browser.client.post(form.action, data=form.values))
    assert "2 dead ones again" in told
    wrong = browser.post("/deliveries/recover", since="yesterday")
    assert "since must be a time" in browser.notice(wrong)


def test_a_change_without_the_pages_word_is_refused(browser: Browser) -> None:
    name, _ = browser.subscribe()
    (one,) = browser.dead(1)
    for path in (
        "/subscriptions",
        f"/subscriptions/{name}/remove",
        f"/deliveries/{one.id}/redeliver",
        "/new/vidu/text-to-video-q3-turbo",
        "/new/files",
    ):
        assert browser.client.post(path, data={"confirmed": "1"}).status_code == 403
    assert browser.house.w.store.subscriptions.get(name)


def test_a_subscription_is_switched_by_a_word_that_is_one(browser: Browser) -> None:
    name, _ = browser.subscribe()
    answer = browser.post(f"/subscriptions/{name}/enabled", enabled="maybe")
    assert answer.status_code == 422
    assert browser.house.w.store.subscriptions.get(name).enabled


def test_nothing_is_said_to_be_tried_while_its_subscribers_breaker_is_open(
    build: Build, receiver: Receiver
) -> None:
    settings = {"RUNHOOK_ALLOW_PRIVATE_URLS": "true", "RUNHOOK_RETRY_SCHEDULE": "0,1,1"}
    browser = Browser(build(**settings), receiver)
    name, _ = browser.subscribe()
    receiver.answers(500)
    for _ in range(12):
        browser.house.until(browser.house.ask(), "succeeded")
        browser.house.settle()
    for path in ("/deliveries?state=pending", f"/subscriptions/{name}"):
        text = browser.text(path)
        opens = re.search(r"breaker open, tried again (<time.*?</time>|[^<]+)<", text)
        tried = re.findall(r"<small>next (<time.*?</time>|[^<]+)</small>", text)
        assert opens, "the breaker is not open"
        assert len(tried) > 3
        assert set(tried) == {opens[1]}
