"""The whole error table: every row means for a submit what it says, in plain words."""

import json

import pytest

from runhook.worker.domain.provider import Code
from runhook.worker.domain.reports import Busy, Refused, Uncertain
from runhook.worker.runninghub import wire
from runhook.worker.runninghub.codes import (
    CODES,
    OWN_FAILURES,
    UNKNOWN,
    explain,
    heals_by_new_task,
    other_model_may,
)

# What clients of RunningHub agree on. `0` and `200` are no errors.
SURELY_REFUSED = [
    "301",
    "380",
    "412",
    "416",
    "433",
    "435",
    "436",
    "801",
    "802",
    "803",
    "806",
    "808",
    "809",
    "810",
    "811",
    "812",
    "901",
    "1001",
    "1002",
    "1007",
    "1008",
    "1009",
    "1014",
]
BUSY = ["415", "421", "814", "1003", "1520"]
NEVER_AGAIN = [
    "804",
    "805",
    "813",
    "1000",
    "1004",
    "1005",
    "1006",
    "1010",
    "1011",
    "1012",
    "1013",
    "1015",
    "1504",
    "1516",
    "1517",
    "1519",
]


def _answers(code: str) -> list[bytes]:
    """A submit's answer with this code in both generations, as text and as a number."""
    return [
        json.dumps({"taskId": "", "errorCode": code, "errorMessage": "why"}).encode(),
        json.dumps({"taskId": None, "errorCode": int(code), "errorMessage": "why"}).encode(),
        json.dumps({"code": int(code), "msg": "why", "data": None}).encode(),
    ]


@pytest.mark.parametrize(("code", "row"), CODES.items())
def test_a_row_sorts_a_submit_by_who_pays_and_says_what_to_do(code: str, row: Code) -> None:
    for answer in _answers(code):
        found = wire.read_submit(200, answer)
        match row.again:
            case "no":
                assert isinstance(found, Refused)
                error = found.error
                assert (error.code, error.provider_code) == ("rejected", code)
                assert error.detail["kind"] == row.matter
                for words in (row.meaning, "why", "Nothing was paid.", row.advice):
                    assert words in error.message
            case "later":
                assert isinstance(found, Busy)
                assert (found.code, found.own_machines) == (code, code in ("415", "814"))
            case "unknown":
                assert isinstance(found, Uncertain)
                assert found.code == code


@pytest.mark.parametrize(("code", "row"), CODES.items())
def test_a_row_speaks_plainly(code: str, row: Code) -> None:
    assert row.meaning[0].islower() or row.meaning[:3].isupper() or row.meaning.startswith("Run")
    assert row.advice.endswith(".")
    assert "_" not in row.meaning + row.advice.replace("RUNNINGHUB_API_KEY", "").replace(
        "RUNNINGHUB_BASE_URL", ""
    )


@pytest.mark.parametrize(
    ("codes", "again"), [(SURELY_REFUSED, "no"), (BUSY, "later"), (NEVER_AGAIN, "unknown")]
)
def test_the_table_agrees_with_what_clients_learnt(codes: list[str], again: str) -> None:
    assert {code: explain(code).again for code in codes} == dict.fromkeys(codes, again)


def test_a_code_that_nobody_knows_is_never_resent_and_shown_as_it_came() -> None:
    for answer in _answers("4711"):
        found = wire.read_submit(200, answer)
        assert isinstance(found, Uncertain)
        assert (found.code, found.why) == ("4711", "error 4711: why")
    assert explain("4711") is UNKNOWN


@pytest.mark.parametrize("text", ["[Errno 116] Stale file handle", "Broken pipe", "errno 116"])
def test_runninghubs_own_failures_are_told_from_the_users(text: str) -> None:
    assert heals_by_new_task(text)
    assert not heals_by_new_task("out of memory")


def test_another_model_is_paid_for_only_where_runninghub_or_the_model_failed() -> None:
    assert {explain(code).matter for code in OWN_FAILURES} == {"provider"}
    assert {explain(code).again for code in OWN_FAILURES} == {"unknown"}, "in doubt at a submit"
    users = ("content", "money", "capacity", "state")
    assert not [
        code for code, row in CODES.items() if row.matter in users and other_model_may(code)
    ]
    assert not [code for code, row in CODES.items() if row.refuses_key and other_model_may(code)]
    assert not other_model_may("4711")
    assert not other_model_may("")


def test_a_model_that_is_not_there_is_refused_by_the_status_alone() -> None:
    found = wire.read_submit(404, b"<html>Not Found</html>")
    assert isinstance(found, Refused)
    assert other_model_may(found.error.provider_code or "")
