"""Calls about what jobs need and cost: files, models, workflows, the queue, the account."""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import IO, Any

from runhook.worker.client.answers import (
    Account,
    Asset,
    Costs,
    Group,
    Model,
    Queue,
    read,
    read_costs,
    read_model,
)
from runhook.worker.client.files import opened
from runhook.worker.client.inputs import Input, Moment, name_of, text_of, words
from runhook.worker.client.pages import query_of
from runhook.worker.client.transport import Transport


class OtherCalls:
    """What can be asked besides."""

    _transport: Transport

    def upload(self, file: str | Path | IO[bytes], *, name: str | None = None) -> Asset:
        """Keep a file for jobs; the same content twice is one asset.

        Args:
            file: Its path, or an open file, read from where it stands.
            name: What it is called, by which its type is told if its content does not.
        """
        with opened(file, name) as found:
            return read(Asset, self._transport.keep(found.name, found.file, found.size))

    def models(self, query: str = "") -> list[Model]:
        """The models whose names hold every word."""
        return [read_model(one) for one in self._transport.models(query)["items"]]

    def model(self, name: str | Model) -> Model:
        """One model, by its endpoint or the reference's name.

        Raises:
            NotFound: There is none; `nearest` has names that were probably meant.
        """
        return read_model(self._transport.model(name_of(name)))

    def input_schema(self, name: str | Model) -> Input:
        """What a model's input may be, as JSON Schema.

        Raises:
            NotFound: There is none of this name; `nearest` has names that were probably meant.
        """
        return self._transport.input_schema(name_of(name))

    def account(self) -> Account:
        """What the account has left and may run at once, as RunningHub says now."""
        return read(Account, self._transport.account())

    def costs(
        self,
        by: str | Iterable[str] = "day",
        *,
        model: str | Model | None = None,
        tenant: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        metadata: Input | None = None,
    ) -> Costs:
        """What days cost, and how today's budgets stand.

        Args:
            by: What to part the sums by: day, model, tenant, metadata.KEY, or several of them.
            model: Of one model, or of all whose endpoint fits a pattern.
            tenant: One tenant's.
            since: In the first day; None: a month ago.
            until: In the last day.
            metadata: Of jobs with these values.
        """
        query = query_of(
            by=words(by),
            model=model,
            tenant=tenant,
            since=since,
            until=until,
            **{f"metadata.{name}": text_of(value) for name, value in (metadata or {}).items()},
        )
        return read_costs(self._transport.costs(query))

    def group(self, name: str | Group, *, tenant: str | None = None) -> Group:
        """How a group of jobs stands.

        Args:
            name: Its name.
            tenant: Whose it is; None: the caller's own.

        Raises:
            NotFound: There is none.
        """
        return read(Group, self._transport.group(name_of(name), query_of(tenant=tenant)))

    def queue(self) -> Queue:
        """How the queue stands, and why it stands still where it does."""
        return read(Queue, self._transport.queue())

    def pause(self) -> Queue:
        """Stop the queue: queued jobs stay queued, running ones go on."""
        return read(Queue, self._transport.pause(paused=True))

    def resume(self) -> Queue:
        """Let the queue go on."""
        return read(Queue, self._transport.pause(paused=False))

    def workflow(self, workflow_id: str) -> Mapping[str, Any]:
        """A workflow's nodes by their id, as ComfyUI's API has them.

        Raises:
            ProviderRefused: RunningHub has none, or does not show it.
        """
        return {**self._transport.workflow(name_of(workflow_id))}

    def app(self, webapp_id: str) -> Mapping[str, Any]:
        """An AI app: its `name`, its `fields` that a job may set, and whether it `needs_password`.

        Raises:
            ProviderRefused: RunningHub has none, or does not show it.
        """
        return self._transport.app(name_of(webapp_id))

    def styles(self, webapp_id: str, kind: int = 1) -> list[dict[str, Any]]:
        """The style library of an AI app, of one type."""
        found: list[dict[str, Any]] = self._transport.styles(name_of(webapp_id), kind)["items"]
        return found

    def lora(self, file: str | Path | IO[bytes], *, name: str | None = None) -> str:
        """Send a LoRA to RunningHub; the name by which nodes load it.

        Args:
            file: Its path, or an open file, read from where it stands. It goes straight to
                RunningHub, not by way of runhook.
            name: What it is called there; None: the file's own, without its ending.
        """
        # Not at the top: it brings requests, which most users of this module do without.
        from runhook.worker.client.loras import md5_of, send

        with opened(file, name) as found:
            stem = name or PurePath(found.name).stem
            asked = self._transport.lora({"name": stem, "md5": md5_of(found)})
            send(asked["url"], found)
        stored: str = asked["file_name"]
        return stored
