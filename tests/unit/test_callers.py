"""Tokens and secrets: one that could be guessed stops a process, and none is ever shown."""

import secrets
import string
import uuid

import pytest

from runhook.config.callers import Caller, read_callers
from runhook.config.settings import Settings, SettingsError
from runhook.config.strength import weakness
from tests.conftest import SECRET, SHOP

CREW = "token-Of-the-crew-8b1f0d"


def _refused(**values: str) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.load("client", **values)
    return str(caught.value)


@pytest.mark.parametrize("_", range(20))
def test_what_the_usual_makers_write_is_strong(_: int) -> None:
    made = (
        secrets.token_urlsafe(24),
        secrets.token_hex(16),
        secrets.token_hex(16).upper(),
        str(uuid.uuid4()),
        "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(24)),
    )
    assert [weakness(one) for one in made] == [None] * len(made)


WEAK = [
    "short",
    "a-long-token",
    "correct-horse",
    "0123456789abcdef0123456789abcde",
    "0123456789ABCDEF0123456789ABCDE",
    "1234567890" * 3,
]


@pytest.mark.parametrize("weak", WEAK)
@pytest.mark.parametrize(
    ("name", "before"), [("RUNHOOK_API_TOKENS", f"crew:{CREW},shop:"), ("RUNHOOK_SECRET", "")]
)
def test_a_weak_one_is_refused_unshown_with_how_to_make_a_better(
    name: str, before: str, weak: str
) -> None:
    said = _refused(**{name: before + weak})
    assert said.startswith(f"{name}: ")
    assert 'python -c "import secrets; print(secrets.token_urlsafe(32))"' in said
    assert weak not in said
    assert CREW not in said
    assert "\n" not in said


def test_a_secret_is_at_least_32_characters_and_each_is_judged() -> None:
    assert "secret 2 of 2" in _refused(RUNHOOK_SECRET=f"{SECRET},{secrets.token_urlsafe(16)}")
    assert "RUNHOOK_SECRET" in _refused(RUNHOOK_SECRET="01234567890123456789012345678901")
    assert Settings.load(RUNHOOK_SECRET=secrets.token_hex(16))


@pytest.mark.parametrize(
    "entries",
    [
        CREW,
        f":{CREW}",
        f"a/b:{CREW}",
        f"käthe:{CREW}",
        f"{'n' * 101}:{CREW}",
        "shop:",
        f"shop:{CREW}é",
        f"{CREW}:shop",
        f"crew:{CREW}:",
        f"crew:{CREW}:write",
        f"crew:{CREW}:read+",
        f"crew:{CREW}:read+read",
        f"crew:{CREW}:READ",
        f"crew:{CREW}:read:submit",
    ],
)
def test_an_entry_that_is_no_name_token_and_scopes_is_refused_unshown(entries: str) -> None:
    said = _refused(RUNHOOK_API_TOKENS=f"shop:{SHOP},{entries}")
    assert said.startswith("RUNHOOK_API_TOKENS: entry 2")
    assert CREW not in said
    assert SHOP not in said


def test_one_token_is_one_callers_and_one_caller_may_have_two() -> None:
    said = _refused(RUNHOOK_API_TOKENS=f"shop:{SHOP},crew:{CREW},ops:{SHOP}")
    assert "entries 1 and 3 have the same token" in said
    assert SHOP not in said
    found = read_callers([f"Shop_7.x-y:{SHOP}", f"Shop_7.x-y:{CREW}"])
    assert [caller.name for caller in found] == ["Shop_7.x-y"] * 2
    assert SHOP not in repr(found)


def test_a_caller_never_shows_the_token() -> None:
    assert CREW not in repr(Caller(name="crew", token=CREW))


@pytest.mark.parametrize(
    ("entry", "scopes"),
    [
        (f"crew:{CREW}", {"admin"}),
        (f"crew:{CREW}:read", {"read"}),
        (f"crew:{CREW}:submit+read", {"read", "submit"}),
        (f"crew:{CREW}:admin", {"admin"}),
    ],
)
def test_scopes_stand_behind_the_token_and_none_is_admin(entry: str, scopes: set[str]) -> None:
    (caller,) = read_callers([entry])
    assert (caller.name, caller.token) == ("crew", CREW)
    assert set(caller.scopes) == scopes
