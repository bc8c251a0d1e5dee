"""/jobs/<id>: what a job made, its life and what is done about it, without scripts."""

import re
from collections.abc import Callable
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from runhook.webhook.pages.words import cost
from runhook.worker.domain import moves
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.reports import Output
from runhook.worker.store import Change, TimelineEntry
from tests.bodies import asked
from tests.conftest import SHOP, Build, House
from tests.flows.test_timeline import telling
from tests.trips import trips

BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
FILM, SHAPE, TEXT = "vidu/text-to-video-q3-turbo", "hunyuan3d-v3.1/text-to-3d", "kling-lip-sync/tts"
ADMIN = "token-Of-the-admin-77bd3-and-more"
HOSTILE = "</textarea><script>alert(1)</script>{{ 7*7 }}'\"&lt;\u202eXYZ"


class Browser:
    """A person without scripts before one house."""

    def __init__(self, house: House, token: str = "") -> None:
        self.house = house
        self.client: FlaskClient = house.app.test_client()
        if token:
            self.client.post("/login", data={"token": token}, headers=BROWSER)

    def open(self, path: str, status: int = 200) -> str:
        """A page's HTML."""
        answer = self.client.get(path, headers=BROWSER)
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_data(as_text=True)

    def job(self, job: Job, more: str = "") -> str:
        """A job's page."""
        return self.open(f"/jobs/{job.id}{more}")

    def press(self, job: Job, action: str, **fields: str) -> Any:
        """Post a form of the question's page, or of the job's where there is no question."""
        asked = self.client.get(f"/jobs/{job.id}/{action}", headers=BROWSER)
        where = asked.get_data(as_text=True)
        if asked.status_code != 200:
            where = self.job(job)
        word = re.search(r'name="csrf-token" content="([0-9a-f]+)"', where)
        assert word
        fields = {"csrf_token": word[1], **fields}
        for name in ("price", "attempt"):
            if found := re.search(f'name="{name}" value="([^"]*)"', where):
                fields.setdefault(name, unescape(found[1]))
        return self.client.post(f"/jobs/{job.id}/{action}", data=fields, headers=BROWSER)

    def told(self, job: Job, action: str, **fields: str) -> str:
        """The page that a form leads to, which says what was done."""
        answer = self.press(job, action, **fields)
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return self.open(answer.headers["Location"])


@pytest.fixture
def keeping(build: Build, tmp_path: Path) -> Callable[..., Browser]:
    """A browser before a house that keeps its files."""

    def make(**settings: Any) -> Browser:
        values = {"RUNHOOK_ARCHIVE": "true", "RUNHOOK_STORAGE_URL": f"file://{tmp_path}/kept"}
        return Browser(build(**{**values, **settings}))

    return make


@pytest.fixture
def browser(house: House) -> Browser:
    return Browser(house)


@pytest.mark.parametrize(
    ("model", "seen"),
    [
        (None, '<img src="/v1/jobs/{id}/outputs/0"'),
        (FILM, '<video src="/v1/jobs/{id}/outputs/0" controls preload="metadata"'),
        ("minimax/speech-2.8-hd", '<audio src="/v1/jobs/{id}/outputs/0" controls preload="none"'),
        (SHAPE, 'data-glb="/v1/jobs/{id}/outputs/0"'),
    ],
)
def test_what_a_job_made_is_shown_in_place(
    keeping: Callable[..., Browser], model: str | None, seen: str
) -> None:
    browser = keeping()
    job = browser.house.ask()
    if model:
        job = browser.house.ask(model=model, input=asked(model)["input"])
    browser.house.until(job, "succeeded")
    html = browser.job(job)
    assert seen.format(id=job.id) in html
    assert ("glb.js" in html) == (model == SHAPE), "the viewer is loaded where it is needed only"
    assert f'<a href="/v1/jobs/{job.id}/outputs/0" download>' in html
    assert browser.client.get(f"/v1/jobs/{job.id}/outputs/0").status_code == 200


def test_when_runninghub_is_asked_next_is_told_of_what_runs(browser: Browser) -> None:
    ended = browser.house.until(browser.house.ask(), "succeeded")
    browser.house.sandbox.faults({"fault": "slow", "value": 600})
    job = browser.house.until(browser.house.ask(), "running")
    assert "RunningHub is asked next in " in browser.job(job)
    assert "unless it calls back before" in browser.job(job)
    assert "RunningHub is asked" not in browser.job(ended)


def test_a_page_is_read_in_three_round_trips_and_more_only_for_kin(browser: Browser) -> None:
    job = browser.house.until(browser.house.ask(), "succeeded")
    browser.house.settle()
    browser.job(job)
    assert trips(lambda: browser.job(job)) <= 3


def test_money_without_a_currency_is_said_in_the_accounts() -> None:
    told = {"money": "0.4", "currency": None, "coins": None}
    assert cost(told, "CNY") == "¥0.40"
    assert cost(told) == "0.40 (currency not told)"
    assert cost({**told, "currency": "USD"}, "CNY") == "$0.40"


def test_what_is_not_kept_here_leads_to_runninghub_while_that_has_it(browser: Browser) -> None:
    job = browser.house.until(browser.house.ask(), "succeeded")
    url = job.attempt.outputs[0].url
    assert f'<a href="{url}" rel="noreferrer noopener">' in browser.job(job)
    browser.house.clock.advance(25 * 3600)
    html = browser.job(job)
    assert f'href="{url}"' not in html
    assert "RunningHub keeps files for 24 hours only" in html


def test_an_address_that_would_run_is_no_link_and_a_text_is_a_text(browser: Browser) -> None:
    job = browser.house.until(browser.house.ask(), "succeeded")
    outputs = (Output(url="javascript:alert(1)", type="png"), Output(text=HOSTILE, type="txt"))

    def decide(found: Job) -> Change:
        now = browser.house.clock.now()
        return Change(job=moves.with_attempt(found, 1, now, outputs=outputs))

    browser.house.w.store.jobs.change(job.id, decide)
    html = browser.job(job)
    assert "javascript:" not in html
    assert escape(HOSTILE) in html.replace("&#39;", "&#x27;").replace("&#34;", "&quot;")


def test_hostile_prompts_and_answers_are_shown_as_they_are(browser: Browser) -> None:
    job = browser.house.until(
        browser.house.ask(prompt=HOSTILE, metadata={"k": HOSTILE}), "succeeded"
    )
    body = {"call": "GET /x", "seconds": 0.1, "status": 200, "answer": HOSTILE}
    browser.house.w.store.jobs.note(job.id, TimelineEntry("asked RunningHub", body))
    browser.house.w.store.jobs.note(job.id, TimelineEntry(HOSTILE, {"why": HOSTILE}))
    html = browser.job(job)
    assert "<script>alert" not in html
    assert unescape(html).count(HOSTILE) >= 4


def test_a_lost_callback_is_told_in_a_sentence_and_drawn(browser: Browser) -> None:
    browser.house.sandbox.faults({"fault": "callback_lost"})
    job = browser.house.until(browser.house.ask(), "running")
    browser.house.callback_is_over()
    browser.house.later(61)
    browser.house.until(job, "succeeded")
    html = browser.job(job)
    assert re.search(r"Callback lost; found in RunningHub&#39;s record after 6\d s: it succ", html)
    assert '<svg class="life"' in html
    assert "b-running" in html
    assert html.count('data-key="line-') == len(browser.house.w.store.jobs.timeline(job.id))


def test_retry_asks_for_the_sum_and_pays_only_what_was_agreed_to(browser: Browser) -> None:
    browser.house.sandbox.faults({"fault": "failed", "times": 1})
    given = {"prompt": "x", "duration": "5", "resolution": "720p"}
    job = browser.house.until(browser.house.ask(model=FILM, input=given), "failed")
    assert f'href="/jobs/{job.id}/retry"' in browser.job(job)
    asked = browser.job(job, "/retry")
    sum_ = re.search(r"<h1>Pay ([^<]*) to try again\?</h1>", asked)
    assert sum_, asked
    assert re.fullmatch(r"[¥$]\d+\.\d\d+", sum_[1])
    assert f"<span>Pay {sum_[1]}</span>" in asked
    refused = browser.press(job, "retry", price="0.01 CNY")
    assert refused.status_code == 422
    assert "not what was agreed to" in refused.get_data(as_text=True)
    assert browser.house.job(job).state == "failed"
    assert "Attempt 2 was submitted" in browser.told(job, "retry")
    again = browser.press(job, "retry")
    assert "Not done" in browser.open(again.headers["Location"]), "a second click pays nothing"
    assert len(browser.house.job(job).history.attempts) == 2


def test_an_old_question_pays_for_no_attempt_that_came_after_it(browser: Browser) -> None:
    job = browser.house.ask(model="workflow/1", input={"6.text": "x"})
    browser.told(job, "cancel", what="alone")
    browser.told(job, "retry")
    browser.told(job, "cancel", what="alone")
    assert "its last attempt is 2 by now" in browser.told(job, "retry", attempt="1")
    assert "Not done" in browser.told(job, "retry", attempt="")
    assert browser.house.job(job).state == "cancelled"


def test_a_job_whose_price_nobody_knows_says_so(browser: Browser) -> None:
    job = browser.house.ask(model="workflow/1", input={"6.text": "x"})
    browser.told(job, "cancel", what="alone")
    asked = browser.job(job, "/retry")
    assert "an amount that nobody knows before its end" in asked
    assert "Attempt 2 was submitted" in browser.told(job, "retry")


def test_cancel_asks_nothing_about_a_job_that_has_ended(browser: Browser) -> None:
    job = browser.house.until(browser.house.ask(), "succeeded")
    answer = browser.client.get(f"/jobs/{job.id}/cancel")
    assert (answer.status_code, answer.location) == (303, f"/jobs/{job.id}")
    assert "Nothing is left to cancel: it has ended, succeeded." in browser.open(answer.location)


def test_cancel_asks_about_what_waits_for_it(browser: Browser) -> None:
    first = browser.house.ask()
    names = [f"output:{first.id}/0"]
    others = [
        browser.house.ask(
            model="vidu/image-to-video-q2-pro", input={"prompt": "x", "imageUrl": name}
        )
        for name in names * 2
    ]
    asked = browser.job(first, "/cancel")
    assert "2 jobs wait for its output" in asked
    assert all(other.id in asked for other in others)
    assert "It is cancelled." in browser.told(first, "cancel", what="tree")
    browser.house.settle()
    assert {browser.house.job(one).state for one in (first, *others)} == {"cancelled"}
    alone = browser.house.ask()
    assert "Cancel it and all" not in browser.job(alone, "/cancel")
    browser.told(alone, "cancel", what="alone")
    assert "Not done: " in browser.told(
        browser.house.until(browser.house.ask(), "succeeded"), "cancel"
    )


@pytest.fixture
def unconfirmed(browser: Browser) -> Job:
    """A job whose answer and callback are both gone."""
    browser.house.sandbox.faults({"fault": "answer_lost"}, {"fault": "callback_unrecorded"})
    job = browser.house.until(browser.house.ask(), "unconfirmed")
    browser.house.sandbox.faults()
    return job


def test_an_unconfirmed_job_is_given_up_and_its_money_said(
    browser: Browser, unconfirmed: Job
) -> None:
    html = browser.job(unconfirmed)
    assert re.search(r"at risk: ([¥$]\d+\.\d+|–)", html)
    asked = browser.job(unconfirmed, "/resolve")
    assert re.search(r"charged [¥$]\d", asked)
    assert browser.press(unconfirmed, "resolve", what="dance").status_code == 422
    assert browser.house.job(unconfirmed).state == "unconfirmed"
    assert "It was settled; at that moment the job was failed." in browser.told(
        unconfirmed, "resolve", what="failed"
    )
    assert "Send it again" not in browser.job(unconfirmed, "/resolve")


def test_an_unconfirmed_job_is_sent_again_at_the_price_that_was_said(
    browser: Browser, unconfirmed: Job
) -> None:
    asked = browser.job(unconfirmed, "/resolve")
    assert re.search(r"it is paid twice: [¥$]\d+\.\d+ more", asked)
    assert browser.press(unconfirmed, "resolve", what="resubmit", price="1 CNY").status_code == 422
    assert browser.house.job(unconfirmed).state == "unconfirmed"
    old = browser.told(unconfirmed, "resolve", what="resubmit", attempt="0")
    assert "its last attempt is 1 by now" in old
    assert "It was settled; at that moment the job was queued." in browser.told(
        unconfirmed, "resolve", what="resubmit"
    )
    assert browser.house.job(unconfirmed).history.risk
    assert "It may have been paid twice." in browser.job(unconfirmed)


def test_an_unconfirmed_job_is_settled_by_its_task(browser: Browser, unconfirmed: Job) -> None:
    assert browser.press(unconfirmed, "resolve", what="ref", ref="abc").status_code == 422
    unknown = browser.told(unconfirmed, "resolve", what="ref", ref="1")
    assert "Not done: RunningHub knows no task 1" in unknown
    task = str(browser.house.sandbox.books()["tasks"][0]["taskId"])
    told = browser.told(unconfirmed, "resolve", what="ref", ref=f" {task} ", force="true")
    assert re.search(r"at that moment the job was (running|succeeded)\.", told)
    assert browser.house.job(unconfirmed).attempt.ref == task


def test_a_dead_delivery_is_redelivered_from_the_page(build: Build) -> None:
    from runhook import Stop

    answers = iter([Stop("not mine"), None])

    def target(_: object) -> None:
        if answer := next(answers):
            raise answer

    browser = Browser(telling(build, target))
    job = browser.house.until(browser.house.ask(), "succeeded")
    [delivery] = browser.house.w.store.deliveries.of_job(job.id)
    assert delivery.state == "dead"
    html = browser.job(job)
    assert "shop was not reached with job.succeeded: not mine." in unescape(html)
    assert "shop is told of job.succeeded again." in browser.told(
        job, "redeliver", delivery=delivery.id
    )
    browser.house.later(1)
    [delivery] = browser.house.w.store.deliveries.of_job(job.id)
    assert delivery.state == "done"
    other = browser.house.until(browser.house.ask(handlers=[]), "succeeded")
    assert browser.press(other, "redeliver", delivery=delivery.id).status_code == 404


def test_forgetting_is_asked_for_once_more_and_leads_away(browser: Browser) -> None:
    job = browser.house.until(browser.house.ask(), "succeeded")
    assert "Forget this job?" in browser.job(job, "/forget")
    answer = browser.press(job, "forget")
    assert answer.headers["Location"] == "/jobs"
    browser.open(f"/jobs/{job.id}", 404)


def test_a_page_shows_what_its_reader_may_do_and_no_other_tenants_job(build: Build) -> None:
    house = build(RUNHOOK_API_TOKENS=f"ops:{ADMIN},shop:{SHOP}:submit,reader:{ADMIN}-r:read")
    own = house.until(house.ask(tenant="shop"), "succeeded")
    others = house.until(house.ask(tenant="else"), "succeeded")
    shop, reader = Browser(house, SHOP), Browser(house, f"{ADMIN}-r")
    assert "Forget…" in shop.job(own)
    assert "Redeliver" not in shop.job(own)
    shop.open(f"/jobs/{others.id}", 404)
    assert "Forget…" not in reader.job(own)
    assert reader.client.get(f"/jobs/{own.id}/forget", headers=BROWSER).status_code == 403
    stranger = house.app.test_client()
    assert stranger.get(f"/v1/jobs/{own.id}/outputs/0").status_code == 401


def test_what_a_job_belongs_to_is_named_and_led_to(browser: Browser) -> None:
    first = browser.house.until(browser.house.ask(group="set-1", group_size=2), "succeeded")
    given = {"prompt": "x", "imageUrl": f"output:{first.id}/0"}
    film = "vidu/image-to-video-q2-pro"
    second = browser.house.ask(model=film, input=given, parent=first.id)
    above, below = browser.job(first), browser.job(second)
    assert f'href="/jobs/{second.id}"' in above
    assert f'href="/jobs/{first.id}"' in below
    assert f'href="/jobs?root={first.id}"' in below
    assert "set-1</a>, 1 job: 1 succeeded" in above
    assert 'href="/jobs?group=set-1&amp;tenant=local"' in above


def test_whatever_a_job_has_too_many_of_its_page_stays_one(browser: Browser) -> None:
    metadata = {f"k{n}": "" for n in range(900)}
    job = browser.house.until(browser.house.ask(metadata=metadata), "succeeded")

    def decide(found: Job) -> Change:
        outputs = tuple(Output(url=f"https://a.example/{n}.png", type="png") for n in range(300))
        now = browser.house.clock.now()
        return Change(job=moves.with_attempt(found, 1, now, outputs=outputs))

    browser.house.w.store.jobs.change(job.id, decide)
    html = browser.job(job)
    assert "and more, which its JSON has" in html
    assert html.count("<figure") == 60
    assert len(html) <= 60_000


def test_nothing_is_done_for_a_form_of_another_site(browser: Browser) -> None:
    job = browser.house.ask()
    foreign = BROWSER | {"Sec-Fetch-Site": "cross-site"}
    for action in ("cancel", "retry", "reconcile", "resolve", "redeliver", "forget"):
        answer = browser.client.post(f"/jobs/{job.id}/{action}", data={}, headers=foreign)
        assert answer.status_code in (401, 403), action
    assert browser.house.job(job).state == "queued"


def test_a_long_timeline_is_read_page_by_page(browser: Browser) -> None:
    job = browser.house.until(browser.house.ask(), "succeeded")
    said = {"call": "POST /x", "seconds": 0.1, "status": 200, "answer": "x" * 4096}
    entries = [TimelineEntry("asked RunningHub", said) for _ in range(150)]
    browser.house.w.store.jobs.note(job.id, *entries)
    count = len(browser.house.w.store.jobs.timeline(job.id))
    html, seen = browser.job(job), []
    while html:
        assert len(html) <= 60_000
        seen += re.findall(r'data-key="line-(\d+)"', html)
        earlier = re.search(r'href="([^"]*\?until=\d+)#life">Earlier', html)
        html = browser.open(earlier[1]) if earlier else ""
    assert [int(n) for n in seen] == list(range(count))[::-1]
    browser.open(f"/jobs/{job.id}?until=x", 422)
    browser.open(f"/jobs/{job.id}?nothing=1", 422)
