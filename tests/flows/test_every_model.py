"""Every model of the catalogue, the whole way: asked for, sent, ended, told by its callback."""

from runhook.worker import catalogue
from runhook.worker.domain.jobs import State
from runhook.worker.errors import InvalidRequest
from tests.bodies import invalid, valid
from tests.conftest import Build


def test_every_model_is_accepted_with_a_good_body_and_refused_with_a_bad_one(build: Build) -> None:
    house = build(RUNHOOK_CONCURRENCY=40)
    asked = {}
    for model in catalogue.models():
        asked[model.endpoint] = house.ask(model.endpoint, input=valid(model))
        try:
            house.ask(model.endpoint, input=invalid(model)[0])
        except InvalidRequest:
            continue
        raise AssertionError(f"{model.endpoint} took a bad body")
    for endpoint, job in asked.items():
        ended = house.until(job, "succeeded")
        assert ended.state is State.SUCCEEDED, endpoint
        assert ended.attempt.settled_by == "callback"
    assert house.sandbox.accepted() == len(catalogue.models())
    sent = {task["model"]: task["body"] for task in house.sandbox.books()["tasks"]}
    for model in catalogue.models():
        assert sent[model.endpoint].items() >= valid(model).items()
