"""Settings: a wrong one stops a process at its start with one line that names it."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from runhook.config import generated
from runhook.config.settings import Role, Settings, SettingsError, unknown_names
from runhook.worker.cli.machine import welcome
from runhook.worker.wiring import assemble

STRONG = "a-strong-secret-0123456789-abcdefg"
KEY = {"RUNNINGHUB_API_KEY": "k", "RUNHOOK_SECRET": STRONG}


@pytest.mark.parametrize(
    ("role", "values", "named"),
    [
        ("worker", {"RUNHOOK_SECRET": STRONG}, "RUNNINGHUB_API_KEY"),
        ("worker", {"RUNNINGHUB_API_KEY": "k"}, "RUNHOOK_SECRET"),
        ("web", {"RUNHOOK_SECRET": "short"}, "RUNHOOK_SECRET"),
        ("web", {**KEY, "RUNHOOK_PUBLIC_URL": "https://a.example"}, "RUNHOOK_API_TOKENS"),
        ("web", {**KEY, "RUNHOOK_PUBLIC_URL": "http://a.example"}, "RUNHOOK_PUBLIC_URL"),
        ("web", {**KEY, "RUNHOOK_API_TOKENS": "nocolon"}, "RUNHOOK_API_TOKENS"),
        ("client", {"RUNNINGHUB_BASE_URL": "runninghub.ai"}, "RUNNINGHUB_BASE_URL"),
        ("client", {"REDIS_URL": "mysql://x"}, "REDIS_URL"),
        ("client", {"PORT": "http"}, "PORT"),
        ("client", {"RUNHOOK_UNCONFIRMED": "retry"}, "RUNHOOK_UNCONFIRMED"),
        *[
            ("client", {"RUNHOOK_RATE_LIMIT": value}, "RUNHOOK_RATE_LIMIT")
            for value in ("-1", "many", "1.5", "1000001", "9" * 400, "inf", "nan", "600/minute")
        ],
        ("client", {"RUNHOOK_RETRY_SCHEDULE": "0,x"}, "RUNHOOK_RETRY_SCHEDULE"),
        ("client", {"RUNHOOK_RETRY_SCHEDULE": "0,-5"}, "RUNHOOK_RETRY_SCHEDULE"),
        ("client", {"RUNHOOK_RETRY_SCHEDULE": ","}, "RUNHOOK_RETRY_SCHEDULE"),
        *[
            ("client", {"RUNHOOK_BUDGET_DAY": value}, "RUNHOOK_BUDGET_DAY")
            for value in ("ten", "1e3", "-1", "1,5,2", "a=", "=1", "a b=1", "1.0000001", ",")
        ],
        ("client", {"RUNHOOK_BUDGET_DAY": "10000000.01"}, "10,000,000"),
        ("client", {"RUNHOOK_BUDGET_DAY": "1.00,2.00"}, "the whole day has 2 budgets"),
        ("client", {"RUNHOOK_BUDGET_DAY": "a=1,a=2"}, "tenant a has 2 budgets"),
        ("client", {"RUNHOOK_INDEX_METADATA": "an order"}, "RUNHOOK_INDEX_METADATA"),
        ("client", {"RUNHOOK_INDEX_METADATA": "a,b,c,d,e,f,g,h,i,j,k"}, "11 keys"),
        *[
            ("client", {name: value}, name)
            for name in ("RUNNINGHUB_BASE_URL", "RUNHOOK_PUBLIC_URL")
            for value in (
                "https://a@b.example",
                "https://b.example\\@c.example",
                "https://b.%65xample",
                "https://b.example:99999",
                "https://b.example/a\tb",
                "https://bücher.example",
                "https://[fe80::1%25eth0]",
            )
        ],
        *[
            ("client", {"RUNNINGHUB_BASE_URL": value}, "https")
            for value in (
                "http://www.runninghub.ai",
                "HTTP://WWW.RunningHub.CN:80",
                "http://www.runninghub.ai.",
                "http://runninghub.cn:8080",
            )
        ],
        *[
            ("client", {name: f"{given}{added}"}, name)
            for name, given in (
                ("RUNNINGHUB_API_KEY", "canary-key"),
                ("RUNHOOK_SECRET", "canary-" * 6),
                ("RUNHOOK_API_TOKENS", "me:canary-token"),
            )
            for added in ("\x00end", "\x7f", "a b", "\u2028b")
        ],
        ("client", {"RUNNINGHUB_API_KEY": "canary\nkey"}, "RUNNINGHUB_API_KEY"),
        ("client", {"RUNNINGHUB_API_KEY": "kéy"}, "RUNNINGHUB_API_KEY"),
        ("client", {"RUNHOOK_CONCURRENCY": "0"}, "RUNHOOK_CONCURRENCY"),
        ("client", {"RUNHOOK_TENANT_CONCURRENCY": "none"}, "RUNHOOK_TENANT_CONCURRENCY"),
        ("client", {"RUNHOOK_JOB_TIMEOUT": "nan"}, "RUNHOOK_JOB_TIMEOUT"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    role: Role, values: dict[str, Any], named: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load(role, **{"REDIS_URL": "redis://h", **values})
    assert named in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "allowed", "beyond"),
    [
        ("RUNHOOK_JOB_TIMEOUT", "0.001 to 315,360,000", ("inf", "1e17", "1" * 400, "0")),
        ("RUNHOOK_OVERDUE_AFTER", "0.001 to 315,360,000", ("inf", "315360001", "nan")),
        ("RUNHOOK_UNCONFIRMED_AFTER", "0 to 315,360,000", ("inf", "1e9", "-1")),
        ("RUNHOOK_RETRY_SCHEDULE", "0 to 315,360,000", ("0,1e17,5", "inf", "nan", "0,-5")),
        ("RUNHOOK_RETENTION_DAYS", "0.001 to 3,650", ("36500", "inf", "1e-9", "0")),
        ("RUNHOOK_CONCURRENCY", "1 to 1,000,000", ("9" * 20, "1000001", "0")),
        ("RUNHOOK_TENANT_CONCURRENCY", "1 to 1,000,000", ("9" * 20, "0")),
        ("RUNHOOK_RATE_LIMIT", "0 to 1,000,000", ("9" * 20, "-1")),
        ("WEB_CONCURRENCY", "1 to 1,000", ("8080", "0")),
    ],
)
def test_a_number_that_could_not_be_written_down_later_is_refused_with_those_allowed(
    name: str, allowed: str, beyond: tuple[str, ...]
) -> None:
    for value in beyond:
        with pytest.raises(SettingsError, match=rf"^{name}: must be a .* from {allowed}$"):
            Settings.load("client", **{name: value})


def test_all_wrong_settings_are_named_together() -> None:
    with pytest.raises(SettingsError, match=r"PORT.*WEB_CONCURRENCY"):
        Settings.load(PORT="x", WEB_CONCURRENCY="y")


def test_a_secret_never_shows_in_a_message_or_a_print() -> None:
    settings = Settings.load(
        "worker",
        RUNNINGHUB_API_KEY="verysecretkey",
        RUNHOOK_SECRET=STRONG,
        RUNHOOK_API_TOKENS="me:verysecrettoken-0123456789",
        REDIS_URL="redis://:verysecretpassword@h",
    )
    assert "verysecret" not in repr(settings)
    assert STRONG not in repr(settings)
    assert "verysecrettoken" not in repr(settings)
    with pytest.raises(SettingsError) as caught:
        Settings.load(RUNHOOK_SECRET="tooshortbutsecret")
    assert "tooshortbutsecret" not in str(caught.value)


def test_without_redis_url_everybody_finds_the_embedded_server(tmp_path: Path) -> None:
    settings = Settings.load(RUNHOOK_DATA_DIR=tmp_path)
    assert settings.embedded
    assert settings.redis_url == f"unix://{tmp_path}/redis.sock"
    assert settings.shares_broker


def test_a_long_folder_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    assert len(str(Settings.load(RUNHOOK_DATA_DIR=deep).embedded_socket)) < 100


def test_the_generated_secret_is_kept_and_only_ours_to_read(tmp_path: Path) -> None:
    settings = Settings.load(RUNHOOK_DATA_DIR=tmp_path / "data")
    settings.make_secret()
    first = settings.secrets
    settings.make_secret()
    assert Settings.load(RUNHOOK_DATA_DIR=tmp_path / "data").secrets == first
    assert settings.secret_file.stat().st_mode & 0o077 == 0


def test_the_generated_token_is_kept_hidden_and_only_ours_to_read(tmp_path: Path) -> None:
    settings = Settings.load(RUNHOOK_DATA_DIR=tmp_path / "data")
    settings.own_data_dir()
    made = generated.token(settings.token_file)
    assert generated.token(settings.token_file) == made
    assert settings.token_file.stat().st_mode & 0o077 == 0
    assert made in Settings.load(RUNHOOK_DATA_DIR=tmp_path / "data").to_hide
    Settings.load("web", **{**KEY, "RUNHOOK_API_TOKENS": f"local:{made}"})
    settings.token_file.write_text("canary")
    with pytest.raises(
        SettingsError, match=r"token has no strong token in it; remove it"
    ) as caught:
        generated.token(settings.token_file)
    assert "canary" not in str(caught.value)


def test_up_shows_the_token_on_a_terminal_only(tmp_path: Path) -> None:
    settings = Settings.load(RUNHOOK_DATA_DIR=tmp_path / "my data")
    settings.own_data_dir()
    made = generated.token(settings.token_file)
    shown = welcome(settings, "http://127.0.0.1:8080", made=True, terminal=True)
    assert shown.startswith(f"ready at http://127.0.0.1:8080/?token={made}\n")
    kept = welcome(settings, "http://127.0.0.1:8080", made=True, terminal=False)
    assert made not in kept
    assert f"Bearer $(cat '{settings.token_file}')" in kept
    theirs = welcome(settings, "http://127.0.0.1:8080", made=False, terminal=True)
    assert made not in theirs
    assert "Bearer TOKEN" in theirs
    assert "another terminal, where RUNHOOK_TOKEN or .env says one of RUNHOOK_API_TOKENS:" in theirs


def test_a_file_of_settings_that_is_no_utf8_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes("RUNHOOK_HANDLERS=caf\xe9\n".encode("latin-1"))
    with pytest.raises(
        SettingsError, match=r"^\.env cannot be read: .*; it must be text in UTF-8$"
    ):
        Settings.load()


@pytest.mark.parametrize("blank", ["", " ", " \t "])
def test_a_blank_variable_says_nothing_and_the_file_or_the_default_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"RUNHOOK_BUDGET_DAY=10.00\nRUNHOOK_VERIFY='{blank}'\n")
    for name in ("RUNHOOK_DATA_DIR", "RUNHOOK_BUDGET_DAY", "PORT"):
        monkeypatch.setenv(name, blank)
    for settings in (Settings.load(), Settings.of({"RUNHOOK_DATA_DIR": blank}, "client")):
        assert settings.data_dir == Path(".runhook")
        assert settings.budgets.limits("") == {"": Decimal("10.00")}
        assert (settings.verify, settings.port) == ("token", 8080)


def test_misspelt_names_are_found() -> None:
    environ = {"RUNHOOK_UNCONFIRMD": "fail", "RUNHOOK_SECRET": "x", "PATH": "/bin"}
    assert unknown_names(environ) == ["RUNHOOK_UNCONFIRMD"]


def test_env_example_names_every_setting() -> None:
    text = Path(__file__).parents[2].joinpath("config", "env.example").read_text()
    for field in Settings.model_fields.values():
        assert f"{field.alias}=" in text


@pytest.mark.parametrize(
    ("site", "currency"),
    [("https://www.runninghub.cn", "CNY"), ("https://www.runninghub.ai/", None)],
)
def test_both_of_runninghubs_sites_are_good_and_tell_their_currency(
    site: str, currency: str | None
) -> None:
    settings = Settings.load("client", RUNNINGHUB_BASE_URL=site)
    assert (settings.base_url, settings.currency) == (site.rstrip("/"), currency)


def test_a_command_beside_a_sandbox_means_it_unless_it_is_told_another(tmp_path: Path) -> None:
    told = {"RUNNINGHUB_BASE_URL": "http://127.0.0.1:8090", "RUNNINGHUB_API_KEY": "sandbox"}
    (tmp_path / "sandbox.json").write_text(json.dumps(told))
    beside = Settings.load("client", RUNHOOK_DATA_DIR=tmp_path)
    assert (beside.base_url, beside.api_key) == ("http://127.0.0.1:8090", "sandbox")
    mine = Settings.load("client", RUNHOOK_DATA_DIR=tmp_path, RUNNINGHUB_API_KEY="mine")
    assert (mine.base_url, mine.api_key) == ("https://www.runninghub.ai", "mine")
    with pytest.raises(SettingsError, match="RUNNINGHUB_API_KEY"):
        Settings.load("worker", RUNHOOK_DATA_DIR=tmp_path, RUNHOOK_SECRET=STRONG)


@pytest.mark.parametrize("name", ["REDIS_URL", "CELERY_BROKER_URL", "CELERY_HANDLER_BROKER_URL"])
@pytest.mark.parametrize("scheme", ["redis", "rediss", "sentinel"])
@pytest.mark.parametrize("sign", ["/", "#", "?", "@", ":", "%", "[", "]", " / "])
def test_a_password_with_signs_of_urls_is_refused_unshown_with_how_to_write_it(
    name: str, scheme: str, sign: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load("client", **{name: f"{scheme}://:topsecret{sign}word@h:6379/0"})
    said = str(caught.value)
    assert said.startswith(f"{name}: ")
    assert "%2F %23 %3F %40 %3A %25" in said
    assert "topsecret" not in said
    assert "word@" not in said
    settings = Settings.load(
        "client", **{name: f"{scheme}://:topsecret{quote(sign, safe='')}word@h:6379/0"}
    )
    assert "topsecret" not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "rediss://user:pass@h:6380/3?ssl_cert_reqs=none",
        "unix:///run/redis.sock?db=2",
        "sentinel://:pass@h1:26379,h2:26379/mymaster/1",
        "redis://[::1]:6379/0",
    ],
)
def test_every_usual_spelling_of_a_redis_is_good(url: str) -> None:
    assert Settings.load(REDIS_URL=url).redis_url == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://h:6379/0?canary=bar", "nothing"),
        ("redis://h:6379/0?db=3", "/NUMBER for the database"),
        ("redis://h:6379/0?decode_responses=true", "nothing"),
        ("redis://h:6379/0?socket_timeout=abc", "nothing"),
        ("rediss://h:6379/0?ssl_cert_reqs=CERT_NONE", "ssl_cert_reqs=none, optional or required"),
        ("unix:///run/redis.sock?db=one", "nothing but db=NUMBER"),
        ("sentinel://h:26379/mymaster/0?db=1", "nothing"),
        ("unix://", "must be unix:///PATH/TO/SOCKET"),
    ],
)
def test_what_no_redis_could_be_reached_by_is_refused_with_what_may_stand_there(
    url: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=f"^REDIS_URL: .*{said}") as caught:
        Settings.load(REDIS_URL=url)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("name", ["CELERY_BROKER_URL", "CELERY_HANDLER_BROKER_URL"])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("amqp://h//?foo=bar", "has an option behind the question mark that Celery does not know"),
        ("nowhere://h", "No such transport: nowhere"),
    ],
)
def test_a_broker_that_celery_cannot_have_is_refused_before_celery_starts(
    name: str, url: str, said: str
) -> None:
    settings = Settings.load("client", **{"REDIS_URL": "redis://h", name: url})
    with pytest.raises(SettingsError, match=f"^{name}: {said}$"):
        assemble(settings)


@pytest.mark.parametrize("url", ["amqp://guest:p@h:5672//", "amqp://a:b@h1//;amqp://a:b@h2//"])
def test_other_brokers_are_good(url: str) -> None:
    assert Settings.load(CELERY_BROKER_URL=url).broker_url == url


@pytest.mark.parametrize(
    "url", ["file://kept", "file://./kept", "file:kept", "kept/files", "local://kept", "file://"]
)
def test_a_place_for_files_that_each_process_would_have_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^RUNHOOK_STORAGE_URL: .* file:///PATH/TO/FOLDER: "):
        Settings.load(RUNHOOK_STORAGE_URL=url)


@pytest.mark.parametrize(
    "url",
    [
        *("file:///srv/kept", "file:/srv/kept", "/srv/kept", "~/kept", "s3://bucket/folder"),
        *("sftp://h/kept", "simplecache::s3://bucket/folder"),
    ],
)
def test_a_place_for_files_that_is_the_same_for_all_is_good(url: str) -> None:
    assert Settings.load(RUNHOOK_STORAGE_URL=url).storage_url == url


@pytest.mark.parametrize("name", ["CELERY_BROKER_URL", "CELERY_HANDLER_BROKER_URL"])
@pytest.mark.parametrize("url", ["memory://", "Memory://localhost", "amqp://h//;memory://"])
def test_a_broker_that_no_other_process_would_find_is_refused(name: str, url: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: memory is each process's own"):
        Settings.load("client", **{name: url})


@pytest.mark.parametrize("name", ["RUNNINGHUB_BASE_URL", "RUNHOOK_PUBLIC_URL"])
@pytest.mark.parametrize("url", ["https://me:topsecret@a.example", "https://topsecret@a.example"])
def test_a_base_url_with_a_password_is_refused_unshown(name: str, url: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}: must have no user") as caught:
        Settings.load("client", **{name: url})
    assert "topsecret" not in str(caught.value)


def test_a_line_end_within_a_setting_is_refused_and_one_behind_it_is_nothing() -> None:
    with pytest.raises(SettingsError, match="RUNNINGHUB_API_KEY: contains a line break") as caught:
        Settings.load(RUNNINGHUB_API_KEY="topsecret\r\nX-Other: 1")
    assert "topsecret" not in str(caught.value)
    assert Settings.load(RUNNINGHUB_API_KEY="key\n").api_key == "key"
    assert Settings.load(RUNHOOK_HANDLERS="a,\n  b\n").handlers == ("a", "b")


@pytest.mark.parametrize(
    ("site", "said", "only"),
    [
        ("https://WWW.runninghub.ai.", None, True),
        ("https://www.runninghub.cn:443/", None, True),
        ("http://127.0.0.1:8090", None, False),
        ("https://www.runninghub.ai", "false", False),
        ("http://127.0.0.1:8090", "true", True),
        ("https://www.runninghub.ai", "", True),
    ],
)
def test_subscribers_must_be_https_where_jobs_are_real_or_where_it_is_said(
    site: str, said: str | None, only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNNINGHUB_BASE_URL", site)
    if said is not None:
        monkeypatch.setenv("RUNHOOK_HTTPS_ONLY", said)
    assert Settings.load("client").https_only is only


def test_all_that_is_wrong_with_budgets_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as wrong:
        Settings.load("client", RUNHOOK_BUDGET_DAY="ten,a=1,a=2,b c=1")
    for named in ("'ten' is no amount", "tenant a has 2 budgets", "'b c=1' names no tenant"):
        assert named in str(wrong.value)
    with pytest.raises(SettingsError) as wrong:
        Settings.load("client", RUNHOOK_BUDGET_DAY="1,x")
    assert "budgets" not in str(wrong.value), "what is no amount is no budget either"


def test_budgets_are_exact_and_of_everybody_and_of_single_tenants() -> None:
    settings = Settings.load("client", RUNHOOK_BUDGET_DAY=" 10.00 , a=2.5,b=0")
    assert settings.budgets.limits("a") == {"": Decimal("10.00"), "a": Decimal("2.5")}
    assert settings.budgets.limits("c") == {"": Decimal("10.00")}
    assert Settings.load("client").budgets.limits("a") == {}
    assert Settings.load("client", RUNHOOK_INDEX_METADATA="b,a,b").indexed == ("b", "a")


@pytest.mark.parametrize(
    ("url", "currency"),
    [
        ("https://www.runninghub.cn", "CNY"),
        ("https://www.runninghub.ai", None),
        ("http://127.0.0.1:8090", "CNY"),
    ],
)
def test_budgets_are_in_what_the_account_pays_in_as_far_as_it_is_known(
    url: str, currency: str | None
) -> None:
    assert Settings.load("client", RUNNINGHUB_BASE_URL=url).budget_currency == currency
