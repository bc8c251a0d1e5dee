"""The bar of an upload says nothing that it does not know."""

import io

from rich.progress import Progress

from runhook.worker.cli.busy import ShownFile, Speed


def test_how_fast_a_file_goes_is_said_once_it_is_known() -> None:
    bar = Progress()
    bar.add_task("a.png", total=10)
    assert Speed().render(bar.tasks[0]).plain == ""
    bar.tasks[0].finished_speed = 2_000_000
    assert Speed().render(bar.tasks[0]).plain == "2.0 MB/s"


def test_a_file_is_read_up_to_where_it_ended_when_it_was_opened() -> None:
    with ShownFile(io.BytesIO(b"0123456789"), 4, "a.png") as file:
        assert (file.read(3), file.read(), file.read()) == (b"012", b"3", b"")
