"""What a refusal says was probably meant: a word that is near, and never another number."""

import pytest

from runhook.worker.domain.faults import nearest


@pytest.mark.parametrize("number", ["8", "15", "-1", "1.5", "720p", "16:8", "1024x769", "6s"])
def test_of_a_number_no_other_is_said_to_be_meant(number: str) -> None:
    allowed = ("5", "9", "10", "1080p", "16:9", "1024x768", "10s")
    assert nearest(number, allowed) == []


def test_words_that_hold_digits_are_words_and_units_have_two_spellings() -> None:
    assert nearest("vidu-q4", ("vidu-q3", "kling")) == ["vidu-q3"]
    assert nearest("2K", ("1k", "2k")) == ["2k"]
    assert nearest("720", ("540p", "720p")) == ["720p"]
    assert nearest("5s", ("5", "10")) == ["5"]
    assert nearest("aut0", ("9", "auto")) == ["auto"]
