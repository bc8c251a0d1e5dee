"""The way to a runhook elsewhere: its `web`, over HTTP."""

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import IO
from urllib.parse import quote, urlencode

import orjson

from runhook.worker.client import sse
from runhook.worker.client.errors import (
    InternalError,
    NotFound,
    RateLimited,
    Unavailable,
    unavailable,
)
from runhook.worker.client.jobs import Output
from runhook.worker.client.retrying import Patience, insisting
from runhook.worker.client.spool import Spool
from runhook.worker.client.transport import Act, Document, Query
from runhook.worker.client.web import Web, events, fetched
from runhook.worker.domain import policy
from runhook.worker.net.http import Call, Form, Http
from runhook.worker.net.streaming import Streamed

SCHEMA = "schema"  # behind a model's name, its input; no model is called so
SLOWEST = 64 * 1024  # bytes a second, as web has it for a file on its way


class OverHttp:
    """Calls of /v1."""

    def __init__(
        self,
        url: str,
        token: str,
        seconds: float,
        *,
        repeats: float = math.inf,
        http: Http | None = None,
    ) -> None:
        """Args:
        url: Where `web` is.
        token: What it lets in; empty: nothing is shown.
        seconds: For one call in all.
        repeats: Seconds after which a call is not made again.
        http: Another way there than the network.
        """
        self._url, self._seconds = url, seconds
        self._anew = partial(Web, url, token, repeats, http)
        self._web = self._anew()

    def __str__(self) -> str:
        return f"at {self._url}"

    def close(self) -> None:
        self._web = self._anew()

    def submit(self, body: Document, key: str) -> Document:
        return self._post("/v1/jobs", body, key=key)

    def check(self, body: Document) -> Document:
        return self._post("/v1/jobs?dry_run=true", body)

    def job(self, job_id: str) -> Document:
        return self._get(f"/v1/jobs/{_part(job_id)}")

    def look(self, job_id: str, seconds: float, /) -> Document:
        path, call = f"/v1/jobs/{_part(job_id)}", Call(may_repeat=True)
        return self._web.once("GET", path, None, headers={}, seconds=seconds, call=call)

    def jobs(self, query: Query) -> Document:
        return self._get(_asking("/v1/jobs", query))

    def act(self, job_id: str, what: Act) -> Document:
        # What is retried twice may be paid for twice.
        return self._post(f"/v1/jobs/{_part(job_id)}/{what}", may_repeat=what != "retry")

    def cancel(self, job_id: str, *, tree: bool) -> Document:
        body = None
        if tree:
            body = {"tree": True}
        return self._post(f"/v1/jobs/{_part(job_id)}/cancel", body)

    def forget(self, job_id: str, *, tree: bool) -> int:
        if tree:
            path = _asking("/v1/jobs", {"root": job_id})
            return int(self._change("DELETE", path)["forgotten"])
        self._change("DELETE", f"/v1/jobs/{_part(job_id)}")
        return 1

    def tree(self, job_id: str, query: Query) -> Document:
        return self._get(_asking(f"/v1/jobs/{_part(job_id)}/tree", query))

    def group(self, name: str, query: Query) -> Document:
        return self._get(_asking(f"/v1/groups/{_part(name)}", query))

    def resolve(self, job_id: str, verdict: Document) -> Document:
        return self._post(f"/v1/jobs/{_part(job_id)}/resolve", verdict, may_repeat=False)

    def timeline(self, job_id: str) -> Document:
        return self._get(f"/v1/jobs/{_part(job_id)}/timeline")

    def models(self, query: str) -> Document:
        return self._get(_asking("/v1/models", {"q": query}))

    def model(self, name: str) -> Document:
        return self._get(f"/v1/models/{_model(name)}")

    def input_schema(self, name: str) -> Document:
        return self._get(f"/v1/models/{_model(name)}/{SCHEMA}")

    def queue(self) -> Document:
        return self._get("/v1/queue")

    def pause(self, *, paused: bool) -> Document:
        return self._post("/v1/queue", {"paused": paused})

    def workflow(self, workflow_id: str) -> Document:
        return self._get(f"/v1/workflows/{_part(workflow_id)}")

    def app(self, webapp_id: str) -> Document:
        return self._get(f"/v1/apps/{_part(webapp_id)}")

    def styles(self, webapp_id: str, kind: int) -> Document:
        return self._get(_asking(f"/v1/apps/{_part(webapp_id)}/styles", {"type": str(kind)}))

    def lora(self, body: Document) -> Document:
        return self._post("/v1/loras", body)

    def account(self) -> Document:
        return self._get("/v1/account")

    def costs(self, query: Query) -> Document:
        return self._get(_asking("/v1/costs", query))

    def deliveries(self, query: Query) -> Document:
        return self._get(_asking("/v1/deliveries", query))

    def delivery(self, delivery_id: str) -> Document:
        return self._get(f"/v1/deliveries/{_part(delivery_id)}")

    def redeliver_all(self, body: Document) -> Document:
        return self._post("/v1/deliveries/redeliver", body, may_repeat=False)

    def handlers(self) -> Document:
        return self._get("/v1/handlers")

    def end_handler(self, name: str) -> Document:
        return self._change("DELETE", f"/v1/handlers/{_part(name)}")

    def subscriptions(self) -> Document:
        return self._get("/v1/subscriptions")

    def subscription(self, name: str) -> Document:
        return self._get(f"/v1/subscriptions/{_part(name)}")

    def subscribe(self, body: Document) -> Document:
        return self._post("/v1/subscriptions", body, may_repeat=False)

    def change_subscription(self, name: str, body: Document) -> Document:
        path = f"/v1/subscriptions/{_part(name)}"
        return self._web.ask("PATCH", path, body, seconds=self._seconds)

    def unsubscribe(self, name: str) -> None:
        self._change("DELETE", f"/v1/subscriptions/{_part(name)}")

    def rotate(self, name: str, body: Document) -> Document:
        # Done twice, the secret that was shown would be an old one.
        return self._post(f"/v1/subscriptions/{_part(name)}/rotate", body, may_repeat=False)

    def try_subscription(self, name: str, body: Document) -> Document:
        return self._post(f"/v1/subscriptions/{_part(name)}/test", body, may_repeat=False)

    def trigger(self, body: Document) -> Document:
        return self._post("/v1/events/trigger", body, may_repeat=False)

    def listening_secret(self) -> Document:
        return self._get("/v1/events/secret")

    def hear(self, query: Query, seconds: float) -> Iterator[tuple[str, Document | None]]:
        streaming = self._web.stream(
            "GET",
            _asking("/v1/events/stream", query),
            headers={},
            silence=policy.STREAM_SILENCE,
            seconds=seconds,
        )
        with streaming as answer:
            yield answer.headers.get("Last-Event-ID", ""), None
            for event in events(self._url, answer):
                yield event.get("id", ""), event

    def redeliver(self, delivery_id: str) -> Document:
        return self._post(f"/v1/deliveries/{_part(delivery_id)}/redeliver", may_repeat=False)

    def recover(self, body: Document) -> Document:
        return self._post("/v1/recover", body, may_repeat=False)

    def keep(self, name: str, file: IO[bytes], size: int, /) -> Document:
        start = file.tell()

        def once(left: float) -> Document:
            file.seek(start)
            form = Form({}, name, file, size)
            headers = {"Content-Type": form.content_type, "Content-Length": str(len(form))}
            return self._web.once(
                "POST", "/v1/assets", form, headers=headers, seconds=left, call=Call()
            )

        return insisting(once, self._seconds + size / SLOWEST, repeats=self._web.repeats)

    def follow(self, job_id: str, seconds: float) -> Iterator[Document]:
        path = f"/v1/jobs/{_part(job_id)}/stream"
        streaming = self._web.stream(
            "GET", path, headers={}, silence=policy.STREAM_SILENCE, seconds=seconds
        )
        with streaming as answer:
            yield from events(self._url, answer)

    def batch(self, lines: Spool, key: str, *, dry_run: bool) -> Iterator[Document]:
        """Sent as a whole, because lines may name each other. One that breaks off is sent again
        under the same key, and goes on behind the last line that was answered.
        """
        path = "/v1/jobs/batch"
        if dry_run:
            path += "?dry_run=true"
        patience, done = Patience(self._seconds + len(lines) / SLOWEST, self._web.repeats), 0
        while done < lines.count:
            try:
                for answered in self._behind(done, path, lines, key, patience.left):
                    done += 1
                    patience.renew()
                    yield answered
                if done < lines.count:
                    raise unavailable("the answer to a batch broke off", maybe_done=True)
            except InternalError:
                raise
            except (RateLimited, Unavailable) as error:
                if not patience.bears(error):
                    raise

    def _behind(
        self, done: int, path: str, lines: Spool, key: str, seconds: float
    ) -> Iterator[Document]:
        """What is answered to the lines of a batch, behind so many that were answered before."""
        headers = {
            "Idempotency-Key": key,
            "Content-Type": "application/x-ndjson",
            "Content-Length": str(len(lines)),
        }
        lines.begin()
        streaming = self._web.stream(
            "POST", path, lines, headers=headers, silence=seconds, seconds=math.inf
        )
        with streaming as answer:
            for number, line in enumerate(sse.lines(answer.pieces)):
                if number >= done:
                    yield orjson.loads(line)

    def output(self, output: Output) -> AbstractContextManager[Streamed]:
        # It leads to RunningHub where nothing is kept, and knows better than an output of before.
        path = f"/v1/jobs/{_part(output.job)}/outputs/{output.n}"
        return fetched(self._web, path, silence=self._seconds)

    def _get(self, path: str) -> Document:
        return self._web.ask("GET", path, seconds=self._seconds)

    def _change(self, method: str, path: str) -> Document:
        # Removed twice, the second answer would be that there is none.
        return self._web.ask(method, path, seconds=self._seconds, may_repeat=False)

    def _post(
        self,
        path: str,
        body: Document | None = None,
        *,
        key: str | None = None,
        may_repeat: bool = True,
    ) -> Document:
        return self._web.ask(
            "POST", path, body, key=key, seconds=self._seconds, may_repeat=may_repeat
        )


def _part(name: str) -> str:
    """A name as one part of a path. What would lead to another call is the name of nothing.

    Servers take `%2F` for a slash, so `job_…/stream` would be a stream and no job.

    Raises:
        NotFound: Nothing can be called so.
    """
    if name in ("", ".", "..") or "/" in name:
        raise _none(name)
    return quote(name, safe="")


def _model(name: str) -> str:
    """A model's name or endpoint, slashes and all.

    Raises:
        NotFound: Nothing can be called so.
    """
    *_, last = parts = name.split("/")
    if last == SCHEMA:
        raise _none(name)
    return "/".join(_part(part) for part in parts)


def _none(name: str) -> NotFound:
    return NotFound({"title": "Not found", "status": 404, "detail": f"there is no {name!r}"})


def _asking(path: str, query: Mapping[str, str]) -> str:
    if not query:
        return path
    return f"{path}?{urlencode(query)}"
