"""Callback URLs: one attempt of one job each."""

from worker.signing import callback_url, fingerprint, signed_by_us

OLD, NEW = "o" * 32, "n" * 32


def _signature(url: str) -> str:
    return url.rsplit("/", 1)[1]


def test_the_first_secret_signs_and_all_verify() -> None:
    before = _signature(callback_url("https://a.example", [OLD], "job_1", 1))
    after = _signature(callback_url("https://a.example", [NEW, OLD], "job_1", 1))
    assert before != after
    assert signed_by_us([NEW, OLD], "job_1", 1, before)
    assert signed_by_us([NEW, OLD], "job_1", 1, after)
    assert not signed_by_us([NEW], "job_1", 1, before)


def test_a_signature_is_good_for_its_attempt_alone() -> None:
    signature = _signature(callback_url("https://a.example", [OLD], "job_1", 1))
    assert not signed_by_us([OLD], "job_1", 2, signature)
    assert not signed_by_us([OLD], "job_2", 1, signature)
    assert not signed_by_us([OLD], "job_1", 1, signature[:-1])
    assert not signed_by_us([OLD], "job_1", 1, "é")


def test_a_fingerprint_tells_secrets_apart() -> None:
    assert fingerprint(OLD) != fingerprint(NEW)
    assert fingerprint(OLD) not in OLD
