"""Doctor: each thing that can be wrong is named with what to do; repair makes indices right."""

import secrets
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

import pytest

from runhook.config import private
from runhook.config.settings import Settings, SettingsError
from runhook.config.web import WRITTEN
from runhook.worker.delivery import subscriptions
from runhook.worker.domain.handlers import Handler, Registry
from runhook.worker.domain.jobs import State
from runhook.worker.flows.doctor import Finding, examine
from runhook.worker.flows.pump import published
from runhook.worker.secrets.signing import PROBE, probe_answer
from runhook.worker.store import JobFilter
from runhook.worker.wiring import assemble, check_secrets, check_server
from tests.conftest import IMAGE, SECRET, Build, House, eventually
from tests.receiver import a_receiver


def _found(house: House, what: str) -> list[Finding]:
    return [finding for finding in examine(house.w, {}) if finding.what == what]


def _one(house: House, what: str) -> Finding:
    found = _found(house, what)
    assert len(found) == 1, found
    return found[0]


def test_a_good_installation_is_found_good(house: House) -> None:
    house.w.store.processes.beat("worker", "here:1", 4)
    house.w.store.processes.beat("handlers", "here:2", 2)
    words = {found.what: found.word for found in examine(house.w, {})}
    for what in ("server", "persistence", "worker", "handlers", "public URL", "key", "limit"):
        assert words[what] == "good", what
    assert words["queue"] == words["duties"] == "good"
    assert all(found.word == "good" or found.advice for found in examine(house.w, {}))


def test_missing_settings_are_named(house: House) -> None:
    texts = [found.says for found in _found(house, "settings")]
    assert any("RUNNINGHUB_API_KEY" in text for text in texts)
    found = examine(house.w, {"RUNHOOK_CONCURENCY": "1"})
    assert any("RUNHOOK_CONCURENCY" in item.says for item in found)


@pytest.mark.parametrize("name", ["RUNHOOK_SECRET", "RUNHOOK_API_TOKENS"])
def test_a_long_secret_that_nobody_drew_by_lot_is_named_unshown(build: Build, name: str) -> None:
    made_up = "password" * 8
    house = build(**{name: f"shop:{made_up}" if name.endswith("TOKENS") else made_up})
    (told,) = [one for one in _found(house, "settings") if one.word == "warning"]
    assert name in told.says
    assert made_up not in told.says + told.advice


def test_a_process_with_another_budget_is_named(build: Build) -> None:
    web = build(RUNHOOK_BUDGET_DAY="10.00,shop=3")
    check_server(web.w, {}, role="web")
    check_server(build(RUNHOOK_BUDGET_DAY="shop=3.0,10").w, {}, role="handlers")
    assert _found(web, "budgets") == []
    worker = build()  # without any
    check_server(worker.w, {}, role="worker")
    told = _one(web, "budgets")
    assert told.word == "warning"
    assert told.says == "RUNHOOK_BUDGET_DAY here differs from that of worker"
    assert "differs from that of handlers, web" in _one(worker, "budgets").says
    check_server(web.w, {}, role="worker")
    assert _found(web, "budgets") == []


def test_a_server_that_evicts_is_bad(house: House) -> None:
    house.raw.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert _one(house, "eviction").word == "bad"
    finally:
        house.raw.config_set("maxmemory-policy", "noeviction")


def test_a_handler_for_a_model_that_there_is_not_is_named(build: Build) -> None:
    registry = Registry()
    for name, model in {"lost": IMAGE[:-1], "good": IMAGE}.items():
        registry.add(Handler(name=name, types=("job.succeeded",), model=model, target=print))
    house = build(registry)
    house.w.store.processes.publish_handlers(published(house.w))
    (deaf,) = [one.says for one in _found(house, "handlers") if "hears nothing" in one.says]
    assert deaf.startswith(f"'lost' hears nothing: there is no model {IMAGE[:-1]!r}")


def test_processes_that_are_not_there_are_named(house: House) -> None:
    assert (_one(house, "worker").word, _one(house, "handlers").word) == ("bad", "bad")


def test_a_public_url_is_proved_by_a_signed_callback_of_our_own(build: Build, house: House) -> None:
    before = house.w.store.callbacks.strays()
    assert _one(house, "public URL").word == "good"
    assert house.w.store.callbacks.strays() == before
    assert _one(build(RUNHOOK_PUBLIC_URL=""), "public URL").word == "warning"
    away = _one(build(RUNHOOK_PUBLIC_URL="http://127.0.0.1:9"), "public URL")
    assert (away.word, "does not answer" in away.says) == ("bad", True)
    elsewhere = build(RUNHOOK_PUBLIC_URL=house.sandbox.url)
    assert "HTTP 404" in _one(elsewhere, "public URL").says
    stranger = build(RUNHOOK_PUBLIC_URL=house.web, RUNHOOK_SECRET=SECRET[::-1])
    assert _one(stranger, "public URL").word == "bad"


def test_web_is_looked_for_where_up_of_this_folder_runs_it(
    build: Build, house: House, tmp_path: Path
) -> None:
    private.replace(tmp_path / WRITTEN, house.web)
    told = _one(build(RUNHOOK_DATA_DIR=str(tmp_path)), "web")
    assert (told.word, told.says) == ("good", f"answers at {house.web}")


def test_a_probe_cannot_be_answered_without_the_secret(house: House) -> None:
    assert probe_answer(SECRET, 1) != probe_answer(SECRET, 2) != probe_answer("x" * 40, 2)


def test_what_web_answers_to_a_probe_opens_no_door(house: House) -> None:
    probe = house.w.callback_url(PROBE, 7)
    assert probe
    with urllib.request.urlopen(urllib.request.Request(probe, b"{}", method="POST")) as said:
        answer = said.read().decode()
    assert answer == probe_answer(SECRET, 7)
    before = sorted(house.raw.scan_iter("*"))
    for job in ("probe answer", "probe", "job_1"):
        path = f"{house.web}/callbacks/{quote(job)}/7/{answer}"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(path, b"{}", method="POST"))
        assert refused.value.code == 404
    assert sorted(house.raw.scan_iter("*")) == before


def test_a_key_that_is_refused_or_a_provider_that_is_away_is_said(
    build: Build, house: House
) -> None:
    away = build(RUNNINGHUB_BASE_URL="http://127.0.0.1:9")
    assert _one(away, "key").word == "warning"
    settings = Settings.load("client", REDIS_URL=house.w.settings.redis_url, RUNHOOK_SECRET=SECRET)
    keyless = assemble(settings, clock=house.clock)
    assert [f.word for f in examine(keyless, {}) if f.what == "key"] == ["bad"]
    high = build(RUNHOOK_CONCURRENCY=500)
    assert "RunningHub allows 50" in _one(high, "limit").says


def test_a_line_that_stands_still_says_why(house: House) -> None:
    house.w.store.queue.pause(True)
    assert "resume" in _one(house, "queue").advice
    house.w.store.queue.pause(False)
    house.sandbox.faults({"fault": "busy"})
    house.ask()
    house.settle()
    assert "TASK_QUEUE_MAXED" in _one(house, "queue").says


def test_duties_that_nobody_looks_at_are_stuck(house: House) -> None:
    house.ask()
    house.clock.advance(200)
    found = _one(house, "duties")
    assert (found.word, "line" in found.says) == ("bad", True)


def test_days_are_compared_in_words(house: House) -> None:
    assert _one(house, "ledger").says.startswith("no day to compare")
    house.until(house.ask(), "succeeded")
    assert _one(house, "ledger").says == "1 day says what its jobs say"


def test_a_web_that_is_not_here_is_said_also_where_the_public_url_is_good(build: Build) -> None:
    house = build(PORT="1")
    found = _one(house, "web")
    assert found.word == "good"
    assert "none at http://127.0.0.1:1;" in found.says


def test_unconfirmed_jobs_are_counted_with_their_money(house: House) -> None:
    house.sandbox.faults({"fault": "answer_lost_unaccepted"})
    job = house.ask()
    house.until(job, "unconfirmed")
    found = _one(house, "unconfirmed")
    assert "1 may have been charged" in found.says
    assert "0.4 at risk" in found.says


def test_no_sum_is_named_of_unconfirmed_jobs_whose_prices_nobody_knows(house: House) -> None:
    house.sandbox.faults({"fault": "answer_lost_unaccepted"})
    house.until(house.ask("workflow/12", input={}), "unconfirmed")
    assert _one(house, "unconfirmed").says == "1 may have been charged without proof"


def test_strays_and_handlers_that_nobody_has_are_named(build: Build) -> None:
    registry = Registry()
    registry.add(
        Handler(name="gone", types=("job.succeeded",), model=None, target=lambda event: None)
    )
    house = build(handlers=registry)
    house.w.store.processes.publish_handlers(published(house.w))
    house.lost.append("handlers")
    job = house.ask()
    house.until(job, "succeeded")
    house.clock.advance(120)
    assert any("'gone'" in found.says for found in _found(house, "handlers"))
    house.w.store.callbacks.take("job_unknown", 1, "callback", b"{}")
    assert "1 callbacks" in _one(house, "strays").says


def test_repair_makes_every_index_right_from_the_records(house: House) -> None:
    house.sandbox.faults({"fault": "slow", "value": 600})
    running = house.ask()
    house.until(running, "running")
    house.w.store.queue.pause(True)
    queued = house.ask(prompt="b")
    house.raw.delete("runhook:line:main", "runhook:due:reconcile")
    house.raw.zrem("runhook:jobs:state:running", running.id)
    house.raw.zadd("runhook:jobs:state:failed", {queued.id: 0, "job_ghost": 0})
    house.raw.sadd("runhook:holding", running.id)
    assert house.w.store.upkeep.repair() >= 6
    assert house.w.store.upkeep.repair() == 0
    assert house.standing("running") == 1
    assert house.standing("failed") == 0
    assert [job.id for job in house.w.store.listing.page(JobFilter(), None, 5).jobs] == [
        queued.id,
        running.id,
    ]
    house.w.store.queue.pause(False)
    house.sandbox.faults()
    house.until(queued, "succeeded")


@pytest.mark.parametrize("lane", ["send", "intake"])
def test_repair_gives_a_job_its_way_forward_again(house: House, lane: str) -> None:
    house.lost.append(lane)
    job = house.ask()
    house.settle()
    if lane == "intake":
        eventually(lambda: house.raw.exists(f"runhook:raw:{job.id}/1"))
    house.raw.delete(f"runhook:due:{lane}", f"runhook:claims:{lane}")
    house.lost.clear()
    house.settle()
    assert house.job(job).state is not State.SUCCEEDED
    assert house.w.store.upkeep.repair() == 1
    house.until(job, "succeeded")


def test_a_subscriber_that_fails_or_is_disabled_is_named(build: Build) -> None:
    house = build(RUNHOOK_ALLOW_PRIVATE_URLS="true")
    with a_receiver() as receiver:
        receiver.answers(500, 410)
        given = {"url": receiver.url, "events": ["job.succeeded"]}
        made, _ = subscriptions.create(house.w, subscriptions.read_new(house.w, given))
        assert _found(house, "subscriber") == []
        house.until(house.ask(), "succeeded")
        assert "failures since" in _one(house, "subscriber").says
        house.later(10)
    finding = _one(house, "subscriber")
    assert "410" in finding.says
    assert made.id in finding.says
    assert "1 missed" in finding.says


def test_who_waits_for_what_is_never_sent_is_named(build: Build) -> None:
    registry = Registry()
    registry.add(Handler(name="keeper", types=("job.archived",), model=None, target=lambda _: None))
    house = build(registry, RUNHOOK_ARCHIVE="true")
    house.w.store.processes.publish_handlers(published(house.w))
    given = {"url": "https://93.184.216.34/", "events": ["job.archived"]}
    made, _ = subscriptions.create(house.w, subscriptions.read_new(house.w, given))
    assert _found(house, "receivers") == []
    finding = _one(build(registry, RUNHOOK_ARCHIVE="false"), "receivers")
    assert finding.says.startswith(f"keeper, {made.id} want job.archived")


def test_repair_gives_pending_deliveries_their_turn_again(build: Build) -> None:
    heard: list[str] = []
    registry = Registry()
    registry.add(
        Handler(
            name="shop",
            types=("job.succeeded",),
            model=None,
            target=lambda event: heard.append(event.job.id),
        )
    )
    house = build(registry)
    house.w.store.processes.publish_handlers(published(house.w))
    house.lost = ["handlers"]
    job = house.until(house.ask(), "succeeded")
    house.raw.delete("runhook:outbox:shop", "runhook:due:handlers", "runhook:claims:handlers")
    house.raw.delete("runhook:deliveries:of:shop:pending", "runhook:receivers")
    house.lost = []
    house.later(60)
    assert heard == []
    assert house.w.store.upkeep.repair() == 4
    house.settle()
    assert heard == [job.id]
    assert house.w.store.upkeep.repair() == 0


def test_a_secret_that_others_do_not_use_is_named_and_buys_nothing(
    build: Build, house: House
) -> None:
    check_server(house.w, {})
    stranger = build(RUNHOOK_SECRET=secrets.token_urlsafe(32))
    assert _one(stranger, "secrets").word == "bad"
    with pytest.raises(SettingsError, match="RUNHOOK_SECRET"):
        check_secrets(stranger.w)
    check_secrets(house.w)
    assert not _found(house, "secrets")
