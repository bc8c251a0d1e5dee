"""/new: a form for each model, without scripts: checked, priced and paid by the server alone."""

import io
import re
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from runhook.worker import catalogue
from runhook.worker.errors import StoreUnavailable
from runhook.worker.flows import create
from runhook.worker.store import JobFilter
from tests.conftest import IMAGE, SHOP, Build, House
from tests.filled_forms import FilledForm

VIDU = "vidu/text-to-video-q3-turbo"
TO_VIDEO = "vidu/image-to-video-q2-pro"
OTHER_FILM = "vidu/image-to-video-q2-turbo"
HOSTILE = "</textarea><script>alert(1)</script>"
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
    b"\x1f\x15\xc4\x89\x00\x00\x00\nIDATx\x9cc\x00\x01\x00\x00\x05\x00\x01\r\n-\xb4\x00\x00\x00"
    b"\x00IEND\xaeB`\x82"
)


@pytest.fixture
def client(house: House) -> FlaskClient:
    """A browser on this machine."""
    return house.app.test_client()


def _open(client: FlaskClient, path: str) -> Any:
    """A form as a browser has it, which follows to the address with its key."""
    return client.get(path, follow_redirects=True)


def _form(client: FlaskClient, path: str) -> FilledForm:
    answer = _open(client, path)
    assert answer.status_code == 200, answer.data
    return FilledForm(answer.get_data(as_text=True), "/new/")


def _post(client: FlaskClient, form: FilledForm, **changes: Any) -> Any:
    return client.post(form.action, data=form.posts(**changes))


def _price(answer: Any) -> str:
    text = answer.get_data(as_text=True)
    found = re.search(r'id="price" role="status"><strong>([^<]*)</strong>', text)
    assert found, text
    button = re.search(r'id="pay"[^>]*>.*?<span>([^<]*)</span>', text, re.DOTALL)
    assert button
    assert button[1].endswith(found[1])
    return found[1]


def _jobs(house: House) -> list[Any]:
    found: list[Any] = house.app.test_client().get("/v1/jobs").get_json()["items"]
    return found


def test_models_are_found_by_words_and_by_what_they_make(client: FlaskClient) -> None:
    whole = client.get("/new").get_data(as_text=True)
    assert "337 models" in whole
    shown, where = set[str](), "/new"
    while where:
        text = client.get(where).get_data(as_text=True)
        shown |= set(re.findall(r'href="/new/([^"?]+)"', text))
        found = re.search(r'href="(/new\?[^"]*skip=\d+)"', text)
        where = (found and unescape(found[1])) or ""
    assert len(shown) == 337
    assert client.get("/new?skip=-1").status_code == 422
    some = client.get("/new?q=vidu+text&output=video").get_data(as_text=True)
    assert f'href="/new/{VIDU}"' in some
    assert "0.18 to 0.35 CNY a second" in some
    assert "1 model" in client.get("/new?q=workflow/1904136902449209346").get_data(as_text=True)
    assert client.get("/new?output=smell").status_code == 422
    assert HOSTILE not in client.get("/new", query_string={"q": HOSTILE}).get_data(as_text=True)


def test_each_model_has_a_form_of_at_most_60_kb(client: FlaskClient) -> None:
    for model in catalogue.models():
        answer = _open(client, f"/new/{model.endpoint}")
        assert answer.status_code == 200
        assert len(answer.data) <= 60_000
        named = set(re.findall(r'name="input\.(\w+)"', answer.get_data(as_text=True)))
        assert named == {param.name for param in model.params}


def test_a_model_that_is_not_there_is_404_with_the_nearest(client: FlaskClient) -> None:
    answer = client.get("/new/vidu/text-to-vide-q3-turbo", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert VIDU in answer.get_data(as_text=True)


def test_another_resolution_changes_the_price_before_the_prompt_is_there(
    client: FlaskClient,
) -> None:
    form = _form(client, f"/new/{VIDU}")
    assert _price(_open(client, f"/new/{VIDU}")) == "¥1.35"
    dearer = _post(client, form, do="check", input__resolution="1080p")
    assert (dearer.status_code, _price(dearer)) == (200, "¥1.75")


def test_the_price_of_a_good_form_is_runninghubs_own(house: House, client: FlaskClient) -> None:
    form = _form(client, f"/new/{VIDU}")
    text = _post(client, form, do="check", input__prompt="waves").get_data(as_text=True)
    assert "RunningHub's price now" in text.replace("&#39;", "'")
    assert "aria-invalid" not in text
    assert _jobs(house) == []


def test_each_fault_stands_at_its_field_and_nothing_is_kept(
    house: House, client: FlaskClient
) -> None:
    form = _form(client, f"/new/{VIDU}")
    answer = _post(
        client,
        form,
        do="submit",
        input__duration="99",
        options__retries="many",
        metadata="no equals",
        priority="12",
    )
    assert answer.status_code == 422
    told = FilledForm(answer.get_data(as_text=True), "/new/").attributes
    for name in ("input-prompt", "input-duration", "options-retries", "metadata", "priority"):
        assert told[f"f-{name}"].get("aria-invalid") == "true", name
        described = str(told[f"f-{name}"]["aria-describedby"]).split()
        assert f"f-{name}-fault" in described
        assert set(described) <= told.keys()
    assert "aria-invalid" not in told["f-input-resolution"]
    assert _jobs(house) == []


def test_a_number_that_no_machine_holds_is_a_fault_of_its_field(client: FlaskClient) -> None:
    form = _form(client, f"/new/{VIDU}")
    answer = _post(client, form, do="check", input__prompt="waves", input__duration="9" * 5000)
    assert answer.status_code == 200, answer.data
    assert "aria-invalid" in answer.text


def test_a_form_makes_its_job_and_sent_again_it_makes_no_other(
    house: House, client: FlaskClient
) -> None:
    form = _form(client, f"/new/{VIDU}")
    typed = {"do": "submit", "input__prompt": "waves", "options__retries": "1", "metadata": "a=7"}
    first, second = _post(client, form, **typed), _post(client, form, **typed)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["Location"] == second.headers["Location"]
    (job,) = _jobs(house)
    assert first.headers["Location"] == f"/jobs/{job['id']}"
    assert (job["input"]["prompt"], job["input"]["duration"]) == ("waves", "5")
    assert (job["options"], job["metadata"]) == ({"retries": 1}, {"a": 7})


def test_no_other_price_is_paid_than_the_one_on_the_button(
    house: House, client: FlaskClient
) -> None:
    form = _form(client, f"/new/{VIDU}")
    cheap = _post(client, form, do="check", input__prompt="waves", input__resolution="720p")
    seen = FilledForm(cheap.get_data(as_text=True), "/new/")
    dear = _post(client, seen, do="submit", input__resolution="1080p")
    assert dear.status_code == 422
    assert f"the button said Pay {_price(cheap)}, and this is Pay {_price(dear)}." in dear.text
    assert _jobs(house) == []
    again = FilledForm(dear.get_data(as_text=True), "/new/")
    assert _post(client, again, do="submit").status_code == 303
    assert len(_jobs(house)) == 1


def test_a_form_that_was_sent_and_then_changed_says_so_and_can_be_sent_as_another(
    house: House, client: FlaskClient
) -> None:
    form = _form(client, f"/new/{VIDU}")
    _post(client, form, do="submit", input__prompt="waves")
    answer = _post(client, form, do="submit", input__prompt="dunes")
    assert answer.status_code == 409
    text = answer.get_data(as_text=True)
    assert "cost nothing" in text
    again = FilledForm(text, "/new/")
    assert again.values["input.prompt"] == ["dunes"]
    assert _post(client, again, do="submit").status_code == 303
    assert len(_jobs(house)) == 2


def test_whoever_comes_back_to_a_form_finds_its_key_and_what_it_made(
    house: House, client: FlaskClient
) -> None:
    where = client.get(f"/new/{VIDU}").headers["Location"]
    form = _form(client, where)
    assert "was sent" not in client.get(where).text
    assert _post(client, form, do="submit", input__prompt="waves").status_code == 303
    again = client.get(where)
    (job,) = _jobs(house)
    assert f'made <a href="/jobs/{job["id"]}">' in again.text
    assert f'href="/new/{VIDU}?from={job["id"]}"' in again.text
    form = FilledForm(again.text, "/new/")
    answer = _post(client, form, do="submit", input__prompt="waves")
    assert answer.headers["Location"] == f"/jobs/{job['id']}"
    changed = _post(client, form, do="submit", input__prompt="dunes")
    twice = _post(client, form, do="submit", input__prompt="dunes")
    for answer in (changed, twice):  # a browser that asks once more, as after a lost answer
        sent = _post(client, FilledForm(answer.text, "/new/"), do="submit")
        assert sent.status_code == 303
    assert len(_jobs(house)) == 2


def test_a_form_opened_anew_is_another_job(house: House, client: FlaskClient) -> None:
    for _ in range(2):
        _post(client, _form(client, f"/new/{VIDU}"), do="submit", input__prompt="waves")
    assert len(_jobs(house)) == 2


def test_a_changed_model_keeps_its_key_when_the_browser_asks_again(
    house: House, client: FlaskClient
) -> None:
    form = _form(client, f"/new/{VIDU}")
    for _ in range(2):
        switched = _post(client, form, do="switch", other=IMAGE, input__prompt="a lighthouse")
        other = FilledForm(switched.text, f"/new/{IMAGE}")
        assert _post(client, other, do="submit").status_code == 303
    assert len(_jobs(house)) == 1
    assert other.values["key"] != form.values["key"]
    assert "was sent, and made" in _post(client, form, do="switch", other=IMAGE).text


def test_a_form_that_has_made_its_job_leads_to_it_whatever_it_would_cost_now(
    house: House, client: FlaskClient
) -> None:
    form = _form(client, f"/new/{VIDU}")
    priced = FilledForm(_post(client, form, input__prompt="waves").text, "/new/")
    _post(client, priced, do="submit")  # its answer is lost, and then the price changes
    again = _post(client, priced, do="submit", agreed="Pay 0.01 CNY")
    (job,) = _jobs(house)
    assert again.headers["Location"] == f"/jobs/{job['id']}"


def test_no_address_has_a_key_that_is_no_forms(client: FlaskClient) -> None:
    for key in ("form-", "x", "form-" + "a" * 500, "form-%ED%B3%BF" + "a" * 21):
        assert client.get(f"/new/{VIDU}?key={key}").status_code == 422


def test_a_form_whose_answer_is_lost_keeps_its_key_and_pays_once(
    house: House, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = _form(client, f"/new/{VIDU}")
    keep = create.accept

    def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("it does not answer")

    def lost(*given: Any, **more: Any) -> Any:
        keep(*given, **more)
        monkeypatch.setattr(create, "trial", away)
        return away()

    monkeypatch.setattr(create, "accept", lost)
    answer = _post(client, form, do="submit", input__prompt="waves")
    assert answer.status_code == 503
    form = FilledForm(answer.get_data(as_text=True), "/new/")
    answer = _post(client, form, do="submit")
    assert answer.status_code == 503, "it is still away"
    monkeypatch.undo()
    again = FilledForm(answer.get_data(as_text=True), "/new/")
    assert "paid once" in answer.get_data(as_text=True)
    assert _post(client, again, do="submit").status_code == 303
    assert [job["input"]["prompt"] for job in _jobs(house)] == ["waves"]


def test_a_form_without_its_key_is_not_sent(house: House, client: FlaskClient) -> None:
    form = _form(client, f"/new/{VIDU}")
    answer = _post(client, form, do="submit", input__prompt="waves", key="")
    assert answer.status_code == 422
    assert "paid twice" in answer.get_data(as_text=True)
    assert _jobs(house) == []


def test_files_of_a_form_are_kept_and_stand_in_their_fields(client: FlaskClient) -> None:
    form = _form(client, f"/new/{TO_VIDEO}")
    picture = (io.BytesIO(PNG), "a.png")
    sent = form.posts(do="check") | {"file.input.imageUrl": picture}
    answer = client.post(form.action, data=sent, content_type="multipart/form-data")
    kept = FilledForm(answer.get_data(as_text=True), "/new/")
    assert kept.values["input.imageUrl"][0].startswith("asset:")
    empty = form.posts(do="check") | {"file.input.imageUrl": (io.BytesIO(b""), "e.png")}
    told = client.post(form.action, data=empty, content_type="multipart/form-data")
    attributes = FilledForm(told.get_data(as_text=True), "/new/").attributes
    assert attributes["f-input-imageUrl"].get("aria-invalid") == "true"


def test_several_files_stand_in_a_field_that_takes_several(client: FlaskClient) -> None:
    model = next(
        one
        for one in catalogue.models()
        if any(param.list and param.type == "image" for param in one.params)
    )
    name = next(p.name for p in model.params if p.list and p.type == "image")
    form = _form(client, f"/new/{model.endpoint}")
    files = [(io.BytesIO(PNG + bytes([n])), f"{n}.png") for n in (0, 1, 1)]
    sent = form.posts(do="check") | {
        f"input.{name}": "https://files.example.com/a.png",
        f"file.input.{name}": files,
    }
    answer = client.post(form.action, data=sent, content_type="multipart/form-data")
    (text,) = FilledForm(answer.get_data(as_text=True), "/new/").values[f"input.{name}"]
    lines = text.split("\n")
    assert lines[0] == "https://files.example.com/a.png"
    assert [line[:6] for line in lines[1:]] == ["asset:", "asset:"]


def test_the_model_changes_and_what_both_take_is_kept(client: FlaskClient) -> None:
    form = _form(client, f"/new/{VIDU}")
    typed = {"do": "switch", "input__prompt": HOSTILE, "input__duration": "16"}
    answer = _post(client, form, other=TO_VIDEO, **typed)
    text = answer.get_data(as_text=True)
    other = FilledForm(text, f"/new/{TO_VIDEO}")
    assert other.values["input.prompt"] == [HOSTILE]
    assert HOSTILE not in text
    assert "duration: 16" in text
    assert other.values["of"] == [TO_VIDEO]
    missing = _post(client, form, other="vidu/text-to-vide-q3-turbo", **typed)
    told = FilledForm(missing.get_data(as_text=True), f"/new/{VIDU}")
    assert told.attributes["f-other"].get("aria-invalid") == "true"
    assert told.values["input.prompt"] == [HOSTILE]


def test_a_form_begins_with_another_jobs_input(house: House, client: FlaskClient) -> None:
    job = house.ask(VIDU, "waves\nand wind", options={"retries": 2})
    led = client.get(f"/new?from={job.id}")
    assert led.headers["Location"] == f"/new/{VIDU}?from={job.id}"
    form = _form(client, led.headers["Location"])
    assert form.values["input.prompt"] == ["waves\nand wind"]
    assert form.values["options.retries"] == ["2"]
    assert client.get(f"/new/{VIDU}?from=job_nothing").status_code == 422
    gone = f"job_{'0' * 28}"
    assert client.get(f"/new/{VIDU}?from={gone}").status_code == 404


def test_another_tenants_job_fills_no_form(build: Build) -> None:
    house = build(RUNHOOK_API_TOKENS=f"shop:{SHOP}:submit,office:{SHOP}2")
    client = house.app.test_client()
    job = house.ask(IMAGE, "a secret", tenant="office")
    shown = {"Authorization": f"Bearer {SHOP}"}
    for path in (f"/new?from={job.id}", f"/new/{VIDU}?from={job.id}"):
        assert client.get(path, headers=shown).status_code == 404


def _signed_in(build: Build, name: str, scopes: str) -> tuple[House, FlaskClient]:
    house = build(RUNHOOK_API_TOKENS=f"{name}:{SHOP}:{scopes}")
    client = house.app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {SHOP}"
    return house, client


def test_another_of_a_tenants_job_is_that_tenants_too_whichever_model_makes_it(
    build: Build,
) -> None:
    house, client = _signed_in(build, "ops", "admin")
    picture = house.ask(tenant="shop")
    given = {"prompt": "a boat", "imageUrl": f"output:{picture.id}/0"}
    film = house.ask(TO_VIDEO, input=given, tenant="shop")
    answer = _open(client, f"/new/{TO_VIDEO}?from={film.id}")
    for change in ({"do": "check"}, {"do": "switch", "other": OTHER_FILM}):
        text = answer.get_data(as_text=True)
        assert "For the tenant <strong>shop</strong>" in text
        assert "no such job" not in text
        answer = _post(client, FilledForm(text, "/new/"), **change)
    form = FilledForm(answer.get_data(as_text=True), f"/new/{OTHER_FILM}")
    sent = _post(client, form, do="submit")
    assert sent.status_code == 303, sent.get_data(as_text=True)
    made = house.w.store.jobs.get(sent.headers["Location"].rpartition("/")[2].partition("?")[0])
    assert (made.spec.model, made.tenant, made.spec.parent) == (OTHER_FILM, "shop", picture.id)


def test_who_asks_for_his_own_jobs_alone_makes_another_of_anybodys_for_himself(
    build: Build,
) -> None:
    house, client = _signed_in(build, "office", "read+submit")
    theirs = house.ask(VIDU, tenant="shop")
    form = _form(client, f"/new/{VIDU}?from={theirs.id}")
    assert _post(client, form, do="submit", tenant="shop").status_code == 422
    sent = _post(client, form, do="submit")
    assert sent.status_code == 303, sent.get_data(as_text=True)
    made = house.w.store.listing.page(JobFilter(), None, 1).jobs[0]
    assert (made.spec.input["prompt"], made.tenant) == ("a cat", "office")


def test_a_workflow_is_asked_for_with_a_value_for_each_node(
    house: House, client: FlaskClient
) -> None:
    form = _form(client, "/new/workflow/1904136902449209346")
    rows = {"row__0__name": "6.text", "row__0__value": "a cat", "row__1__name": "nonsense"}
    wrong = _post(client, form, do="submit", **rows)
    assert wrong.status_code == 422
    told = FilledForm(wrong.get_data(as_text=True), "/new/")
    assert told.attributes["f-row-1-value"].get("aria-invalid") == "true"
    right = _post(client, told, do="submit", row__1__name="3.seed", row__1__value="7")
    assert right.status_code == 303
    assert _jobs(house)[0]["input"] == {"6.text": "a cat", "3.seed": "7"}


def test_a_workflow_of_many_nodes_is_posted_whole(house: House, client: FlaskClient) -> None:
    form = _form(client, "/new/workflow/1904136902449209346")
    rows: dict[str, Any] = {}
    for n in range(900):
        rows |= {f"row.{n}.name": f"{n}.text", f"row.{n}.value": "é" * 500}
        rows |= {f"file.row.{n}.value": (io.BytesIO(b""), "")}
    sent = form.posts(do="submit") | rows
    answer = client.post(form.action, data=sent, content_type="multipart/form-data")
    assert answer.status_code == 303, answer.get_data(as_text=True)[:2000]
    assert len(_jobs(house)[0]["input"]) == 900


def test_a_budget_that_has_no_room_leaves_the_form_as_it_was(build: Build) -> None:
    house = build(RUNHOOK_BUDGET_DAY="1")
    client = house.app.test_client()
    form = _form(client, f"/new/{VIDU}")
    answer = _post(client, form, do="submit", input__prompt="waves")
    assert answer.status_code == 402
    text = answer.get_data(as_text=True)
    assert "budget" in text
    assert FilledForm(text, "/new/").values["input.prompt"] == ["waves"]


def test_names_that_the_form_does_not_have_are_told_and_not_taken(
    house: House, client: FlaskClient
) -> None:
    form = _form(client, f"/new/{VIDU}")
    answer = _post(client, form, do="submit", input__prompt="waves", input__evil="x", group="y")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "input.evil" in text
    assert "<code>group</code>" in text
    assert _jobs(house) == []
