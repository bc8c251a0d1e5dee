"""Lines of a timeline as they lie in Redis: short, and read by every later version."""

import json

import pytest

from runhook.worker.store import notes

BODY = json.dumps(
    {
        "event": "TASK_END",
        "taskId": "2132613632068534950",
        "eventData": {"status": "SUCCESS", "results": [{"url": "https://rh.example/a.png"}]},
        "usage": {"consumeMoney": None},
    }
)
CAME = {"what": "callback came", "attempt": 1, "via": "callback", "bytes": 173, "body": BODY}
# As the first version with such lines wrote it; no later one may lose it.
WRITTEN = (
    "7aa328d20dcd8d498e742343632333436333632303330b5363134b5303ece900"
    "67ac138ac8a20cbdd48ac4dc829c54fd443d706cd5c61215bcb5b54ab500"
)


def test_a_line_that_quotes_a_body_is_a_third_of_its_json_and_stays_what_it_was() -> None:
    line = notes.packed(CAME)
    assert len(line) < len(json.dumps(CAME)) / 3
    assert notes.opened(line) == CAME
    assert notes.opened(bytes.fromhex(WRITTEN)) == CAME


def test_a_line_of_a_few_words_is_json_that_people_can_read() -> None:
    moved = {"what": "accepted", "attempt": 1, "ref": "2132613632068534950"}
    assert json.loads(notes.packed(moved)) == moved
    assert notes.opened(notes.packed(moved)) == moved


@pytest.mark.parametrize("size", range(20, 120, 7))
def test_no_line_is_longer_than_its_json(size: int) -> None:
    # Letters that are hardly ever the same, as of Chinese: 3 bytes each, and nothing to deflate.
    line = {"what": "refused", "why": "".join(chr(0x4E00 + 331 * n % 20_000) for n in range(size))}
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()
    assert len(notes.packed(line)) <= len(text)
    assert notes.opened(notes.packed(line)) == line


@pytest.mark.parametrize("size", [0, 160, 4096, 1_000_000])
def test_a_body_of_any_size_and_of_any_letters_comes_back(size: int) -> None:
    line = {"what": "callback came", "body": ('zß"\\\u0000' * size)[:size]}
    assert notes.opened(notes.packed(line)) == line


@pytest.mark.parametrize("note", [b"", b"z", b"z\xff", b"{", b"17", b"zz", notes.packed(CAME)[:-9]])
def test_a_line_that_cannot_be_read_says_so(note: bytes) -> None:
    assert notes.opened(note) == notes.UNREADABLE
