"""Calls to RunningHub for one key, as `domain.provider` wants them: the submit, questions, files.

What comes back is read by `wire` and `facts`; here it is only asked for, and what no answer means
is decided: for a submit by whether a byte left, for a question by asking again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

import orjson

from runhook.worker.domain.beliefs import Belief, Sample
from runhook.worker.domain.provider import Capabilities, Code, Submit, Unreadable
from runhook.worker.domain.reports import (
    Account,
    App,
    Capacity,
    Exchange,
    LivePrice,
    NeverLeft,
    Recorded,
    Refused,
    Report,
    Style,
    SubmitAnswer,
    Uncertain,
    Uploaded,
)
from runhook.worker.errors import ProviderRefused, ProviderSilent
from runhook.worker.net import faults, http
from runhook.worker.net.addresses import is_private_host
from runhook.worker.net.http import FAILURES, Call, Form, Http, MayNotLeave, Readable
from runhook.worker.net.untrusted import excerpt
from runhook.worker.net.upload import put
from runhook.worker.runninghub import believed, capabilities, codes, facts, wire
from runhook.worker.runninghub.shapes import Refusal

# Seconds in all. A submit is given long: a minute's wait costs less than one unconfirmed task. Some
# models answer a submit with their results.
SUBMIT, QUESTION = 90.0, 15.0
UPLOAD, SLOWEST = 60.0, 200_000  # seconds in all, and the bytes a second a large file may be slow

Fact = TypeVar("Fact")
Read = Callable[[int, bytes], Fact]


class Client:
    """RunningHub's API for one key. Safe to share between threads.

    Attributes:
        capabilities: What RunningHub does for which kind of job.
        heard: What was asked and answered since `listening`; None for one that does not listen.
    """

    capabilities: Capabilities = capabilities.CAPABILITIES

    def __init__(
        self, base_url: str, api_key: str, *, submit: float = SUBMIT, question: float = QUESTION
    ) -> None:
        """Args:
        base_url: One of RunningHub's sites, or a sandbox.
        api_key: The account's key.
        submit: Seconds in all for a paid submit.
        question: Seconds in all for a free question.
        """
        self._seconds = {"submit": submit, "question": question}
        self._base = base_url
        self._http = Http(base_url, keeps=True)
        self._key = api_key
        self.heard: list[Exchange] | None = None

    def listening(self) -> "Client":
        """The same client for one piece of work: it keeps in `heard` what it asks and hears."""
        other = copy(self)
        other.heard = []
        return other

    def beliefs(self, sample: Sample) -> Sequence[Belief]:
        """What is believed of RunningHub's answers, each with a free question that shows it."""
        stranger = copy(self)
        stranger._key = believed.NOBODYS_KEY
        return believed.beliefs(self, stranger, sample)

    def explain(self, code: str) -> Code:
        """What an error code means; a row that says so for one that nobody has explained."""
        return codes.explain(code)

    def other_model_may(self, code: str) -> bool:
        """Whether another model may do what ended with this error code."""
        return codes.other_model_may(code)

    def line_of(self, options: Mapping[str, Any]) -> str:
        """Which line a job with these options stands in: `main`, or that of its own machines."""
        return capabilities.line_of(options)

    def submit(self, wanted: Submit, leaving: Callable[[], bool]) -> SubmitAnswer | None:
        """Send one paid submit, at most once, and sort the answer by who pays.

        Args:
            wanted: What to send.
            leaving: Called once the connection is open; False, and nothing is sent.

        Returns:
            The answer, or None when `leaving` said no.
        """
        path, body = wire.submit_request(wanted)
        call = Call(leaving=leaving)
        try:
            answer = self._post(path, body, self._seconds["submit"], call)
        except MayNotLeave:
            return None
        except FAILURES as error:
            if call.left:
                return Uncertain(why=f"no answer: {faults.why(error)}", outage=True)
            return NeverLeft(why=f"no connection: {faults.why(error)}")
        return self._with_other_path(wanted, wire.read_submit(answer.status, answer.body))

    def _with_other_path(self, wanted: Submit, answer: SubmitAnswer) -> SubmitAnswer:
        """The answer, marked where the older path may take what this one surely refused."""
        kind = wanted.model.partition("/")[0]
        newer = self.capabilities.kind(kind).older_path is not None and not wanted.legacy
        if newer and isinstance(answer, Refused):
            other = answer.error.provider_code in codes.NOT_THIS_PATH
            return replace(answer, other_path=other)
        return answer

    def read_callback(self, body: bytes) -> Report:
        """What a callback says, in any shape seen, whoever sent it.

        Raises:
            Unreadable: It says nothing of a task's end.
        """
        return wire.read_callback(body)

    def signs_of_life(self) -> Sequence[Callable[[], object]]:
        """Two questions of different kinds, free: one may be out of order for good."""
        return self.capacity, partial(self.report, capabilities.NO_TASK, "image")

    def calls_of_report(self, kind: str, *, legacy: bool) -> int:
        """How many calls it takes at most to ask about a task: one, or the older pair."""
        return 1 + int(self._asks_older(kind, legacy))

    def _asks_older(self, kind: str, legacy: bool) -> bool:
        return legacy or self.capabilities.kind(kind).older_calls

    def report(self, ref: str, kind: str, *, legacy: bool = False) -> Report:
        """What RunningHub says of a task now.

        Args:
            ref: The task's id.
            kind: The kind of its job: it says whether one call or the older pair is asked.
            legacy: It was submitted on the older path, so the pair is asked.

        Raises:
            ProviderSilent: No usable answer.
        """
        asked = {"taskId": ref}
        if not self._asks_older(kind, legacy):
            report = self._ask("/openapi/v2/query", asked, wire.read_query)
            if report.ref not in ("", ref):
                why = f"asked about task {ref}, told about {report.ref}"
                raise ProviderSilent(why, answered=True)
            return replace(report, ref=ref)
        report = self._ask(
            "/task/openapi/outputs",
            asked,
            lambda status, body: wire.read_outputs(status, body, ref),
        )
        if report.state != "succeeded" or report.outputs:
            return report
        # Code 0 without data is "not yet" for some and "done" for others: the status decides.
        state = self._ask("/task/openapi/status", asked, wire.read_status)
        return Report(ref=ref, state=state, cost=report.cost)

    def recorded(self, ref: str) -> Recorded | None:
        """RunningHub's own record of the callback for a task; None when it has none.

        Raises:
            ProviderSilent: No usable answer.
        """
        path = "/task/openapi/getWebhookDetail"
        return self._ask(path, {"taskId": ref}, wire.read_webhook_detail)

    def resend(self, webhook_id: str, webhook_url: str) -> None:
        """Have RunningHub send a recorded callback again, to this URL.

        Raises:
            ProviderSilent: It was not taken, or no usable answer.
        """
        asked = {"webhookId": webhook_id, "webhookUrl": webhook_url}
        self._ask("/task/openapi/retryWebhook", asked, wire.read_done)

    def cancel(self, ref: str) -> None:
        """Ask RunningHub to stop a task.

        Raises:
            ProviderRefused: It says no.
            ProviderSilent: No usable answer.
        """
        self._ask("/task/openapi/cancel", {"taskId": ref}, wire.read_done)

    def capacity(self) -> Capacity:
        """How many tasks the key may run, and runs. Free.

        Raises:
            ProviderSilent: No usable answer.
        """
        return self._ask("/openapi/v2/queue/status", None, facts.read_queue_status)

    def account(self) -> Account:
        """What the account has left.

        Raises:
            ProviderSilent: No usable answer.
        """
        # This call spells the key's name in lower case (api-276642710).
        asked = {"apikey": self._key}
        return self._ask("/uc/openapi/accountStatus", asked, facts.read_account)

    def price(self, model: str, given: Mapping[str, Any]) -> LivePrice:
        """What a model would charge for this input now. Free.

        Raises:
            ProviderRefused: The key may not ask, or the input is wrong.
            ProviderSilent: No usable answer.
        """
        path = f"/openapi/v2/price-preview/{model}"
        return self._ask(path, dict(given), facts.read_price)

    def app(self, webapp_id: str) -> App:
        """An AI app's fields, from its call example. The app must have been run once on the site.

        Raises:
            ProviderRefused: There is no such app, or the key may not see it.
            ProviderSilent: No usable answer.
        """
        asked = urlencode({"apiKey": self._key, "webappId": webapp_id})
        return self._ask(f"/api/webapp/apiCallDemo?{asked}", None, facts.read_app)

    def workflow(self, workflow_id: str) -> dict[str, Any]:
        """A workflow's graph in ComfyUI's API format.

        Raises:
            ProviderRefused: There is no such workflow, or the key may not see it.
            ProviderSilent: No usable answer.
        """
        path = "/api/openapi/getJsonApiFormat"
        return self._ask(path, {"workflowId": workflow_id}, facts.read_workflow)

    def styles(self, webapp_id: str, kind: int) -> list[Style]:
        """The style library of a quick create (doc-7314488).

        Raises:
            ProviderRefused: There is no such app.
            ProviderSilent: No usable answer.
        """
        asked = {"type": kind, "webappId": webapp_id}
        return self._ask("/api/fast/creation/model/params", asked, facts.read_styles)

    def upload(self, name: str, file: Readable, size: int, *, old: bool = False) -> Uploaded:
        """Send a file, streamed: by File upload (new), or Upload Resource where a node needs it.

        Args:
            name: Its name with the ending.
            file: Its bytes.
            size: How many.
            old: Upload Resource (api-276642711), at most 30 MB.

        Raises:
            ProviderRefused: It is too large or of a kind that is not taken.
            ProviderSilent: No usable answer; nothing is paid, send it again.
        """
        path, fields = "/openapi/v2/media/upload/binary", {}
        if old:
            path, fields = "/task/openapi/upload", {"apiKey": self._key, "fileType": "input"}
        form = Form(fields, name, file, size)
        headers = {"Content-Type": form.content_type, "Content-Length": str(len(form))}
        seconds = UPLOAD + size / SLOWEST
        return self._heard(path, "POST", headers, form, seconds, facts.read_upload)

    def lora_url(self, name: str, md5: str) -> tuple[str, str]:
        """Where to put a LoRA file: the name nodes load it by, and a URL that lives an hour.

        Raises:
            ProviderRefused: It says no.
            ProviderSilent: No usable answer.
        """
        asked = {"loraName": name, "md5Hex": md5}
        return self._ask("/api/openapi/getLoraUploadUrl", asked, facts.read_lora_url)

    def put(self, url: str, body: http.Body) -> None:
        """Put a file to a URL that RunningHub signed.

        Raises:
            ProviderSilent: It was not taken.
        """
        self._check_target(url)
        try:
            status = put(url, body, UPLOAD + len(body) / SLOWEST)
        except FAILURES as error:
            raise ProviderSilent(f"the upload broke off: {faults.why(error)}") from error
        if status >= 300:
            raise ProviderSilent(f"the upload was answered with HTTP {status}")

    def _check_target(self, url: str) -> None:
        """A file goes where RunningHub says, but to no private address and not readable by all."""
        try:
            scheme, host, port = http.dialled(url)
            own = (scheme, host, port) == http.dialled(self._base)
        except FAILURES as error:
            raise ProviderSilent(f"it named no URL for the upload: {faults.why(error)}") from error
        if not own and (scheme != "https" or is_private_host(host)):
            raise ProviderSilent(f"it named {scheme}://{host} for the upload; nothing was sent")

    def _ask(self, path: str, asked: dict[str, Any] | None, read: Read[Fact]) -> Fact:
        headers, data = self._json(path, asked)
        method = "POST"
        if asked is None:
            method = "GET"
        return self._heard(path, method, headers, data, self._seconds["question"], read)

    def _heard(
        self,
        path: str,
        method: str,
        headers: Mapping[str, str],
        data: Any,
        seconds: float,
        read: Read[Fact],
    ) -> Fact:
        """One free request and its answer, read."""
        shown = path.partition("?")[0]
        try:
            answer = self._request(method, path, headers, data, seconds)
        except FAILURES as error:
            raise ProviderSilent(f"{shown}: {faults.why(error)}") from error
        # Below 500 it was RunningHub that answered, and not what stands before it.
        there = answer.status < 500
        if wire.asks_to_slow_down(answer.status, answer.body):
            raise ProviderSilent(f"{shown}: RunningHub asks to slow down", busy=True, there=there)
        # What stands before RunningHub refuses large bodies with a page of HTML and no code.
        if answer.status == 413:
            raise ProviderRefused(f"{shown}: HTTP 413, too large", codes.TOO_LARGE)
        try:
            return read(answer.status, answer.body)
        except Refusal as error:
            answered = there and not codes.explain(error.code).outage
            raise ProviderRefused(f"{shown}: {error}", error.code, answered=answered) from error
        except Unreadable as error:
            raise ProviderSilent(f"{shown}: {error}", answered=there) from error

    def _post(self, path: str, body: dict[str, Any], seconds: float, call: Call) -> http.Answer:
        headers, data = self._json(path, body)
        return self._request("POST", path, headers, data, seconds, call)

    def _request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        data: Any,
        seconds: float,
        call: Call | None = None,
    ) -> http.Answer:
        """One request; whoever listens hears what came of it."""
        start, shown = time.monotonic(), f"{method} {path.partition('?')[0]}"
        headers = {"Authorization": f"Bearer {self._key}", **headers}
        try:
            answer = self._http.request(
                method, path, headers=headers, data=data, seconds=seconds, call=call
            )
        except FAILURES as error:
            why = f"no answer: {faults.why(error)}"
            self._keep(shown, start, None, why.encode())
            raise
        self._keep(shown, start, answer.status, answer.body)
        return answer

    def _keep(self, call: str, start: float, status: int | None, said: bytes) -> None:
        if self.heard is None:
            return
        seconds = round(time.monotonic() - start, 3)
        self.heard.append(Exchange(call=call, seconds=seconds, status=status, answer=excerpt(said)))

    def _json(self, path: str, body: dict[str, Any] | None) -> tuple[dict[str, str], bytes | None]:
        """Headers and bytes; legacy paths want the key in the body, the V2 ones only as Bearer."""
        if body is None:
            return {}, None
        if not path.startswith("/openapi/v2/") and "apikey" not in body:
            body = {"apiKey": self._key, **body}
        return {"Content-Type": "application/json"}, orjson.dumps(body)
