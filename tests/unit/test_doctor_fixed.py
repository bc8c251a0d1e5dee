"""What `runhook doctor --fix` says that it did."""

from runhook.worker.cli.doctor import Fixed, lines_of


def test_a_parked_duty_that_tries_again_is_no_wrong_entry_of_an_index() -> None:
    assert list(lines_of(Fixed(repaired=0, released=2))) == [
        "\nindexes: none was wrong",
        "parked duties: 2 try once more",
    ]
    assert list(lines_of(Fixed(repaired=3, released=0))) == [
        "\nindexes: 3 entries were wrong and have been repaired"
    ]


def test_nothing_is_said_where_nothing_was_to_be_fixed() -> None:
    assert not list(lines_of(None))
