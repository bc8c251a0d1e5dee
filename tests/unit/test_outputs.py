"""Names of other jobs' outputs, as inputs hold them."""

import pytest

from runhook.worker.domain.outputs import output_name, output_names, with_jobs

JOB = "job_" + "0" * 27 + "7"


@pytest.mark.parametrize(
    ("text", "job", "line", "n"),
    [
        (f"output:{JOB}/0", JOB, "", 0),
        (f"output:{JOB}/9999", JOB, "", 9999),
        ("output:@pic/2", "", "pic", 2),
        ("output:@a.b-c_7/0", "", "a.b-c_7", 0),
    ],
)
def test_what_is_spelt_right_is_read(text: str, job: str, line: str, n: int) -> None:
    found = output_name(text)
    assert found
    assert (found.spelt, found.job, found.line, found.n) == (True, job, line, n)


MISSPELT = [
    "output:@",
    "output:@pic",
    "output:@pic/x",
    "output:@pic/-1",
    "output:@pic/\u0660",
    "output:job_7/0",
]


@pytest.mark.parametrize("text", [*MISSPELT, f"output:{JOB}"])
def test_what_is_meant_and_misspelt_is_known_as_that(text: str) -> None:
    found = output_name(text)
    assert found
    assert not found.spelt


@pytest.mark.parametrize("text", ["output: a cat", "output:", "the output:@pic/0", "", "asset:7"])
def test_any_other_text_is_a_text(text: str) -> None:
    assert output_name(text) is None


def test_names_are_found_however_deep_with_their_paths() -> None:
    given = {"a": ["output:@x/0", {"b": "output:@y/1"}], "c": "text", "d": 7}
    found = [(one.path, one.line) for one in output_names(given)]
    assert found == [(("a", 0), "x"), (("a", 1, "b"), "y")]


def test_lines_become_the_jobs_that_they_made_and_others_stay() -> None:
    given = {"a": ["output:@x/0", "output:@y/0"], "b": f"output:{JOB}/1"}
    assert with_jobs(given, {"x": JOB}) == {
        "a": [f"output:{JOB}/0", "output:@y/0"],
        "b": f"output:{JOB}/1",
    }
