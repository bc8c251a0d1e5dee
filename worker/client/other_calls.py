"""Calls about everything but jobs: files, models, the account, and who was told."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from runhook.worker.client.answers import (
    Account,
    Asset,
    Costs,
    Delivery,
    Group,
    Model,
    Recovered,
    read,
    read_costs,
    read_model,
)
from runhook.worker.client.files import opened
from runhook.worker.client.inputs import Input, Moment, said, text_of, words
from runhook.worker.client.jobs import Job
from runhook.worker.client.pages import pages, query_of
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

    def model(self, name: str) -> Model:
        """One model, by its endpoint or the reference's name.

        Raises:
            NotFound: There is none; `nearest` has names that were probably meant.
        """
        return read_model(self._transport.model(name))

    def account(self) -> Account:
        """What the account has left and may run at once, as RunningHub says now."""
        return read(Account, self._transport.account())

    def costs(
        self,
        by: str | Iterable[str] = "day",
        *,
        model: str | None = None,
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

    def group(self, name: str, *, tenant: str | None = None) -> Group:
        """How a group of jobs stands.

        Args:
            name: Its name.
            tenant: Whose it is; None: the caller's own.

        Raises:
            NotFound: There is none.
        """
        return read(Group, self._transport.group(name, query_of(tenant=tenant)))

    def deliveries(
        self,
        *,
        state: str | None = None,
        job: str | Job | None = None,
        handler: str | None = None,
    ) -> Iterator[Delivery]:
        """Deliveries, those of the newest events first, read page by page as they are asked for."""
        query = query_of(state=state, job=job, handler=handler)
        for document in pages(self._transport.deliveries, query):
            yield read(Delivery, document)

    def redeliver(self, delivery: str | Delivery) -> Delivery:
        """Hand a delivery to its handler again.

        Raises:
            Conflict: It is being delivered now, or its subscription is disabled or removed.
        """
        if isinstance(delivery, Delivery):
            delivery = delivery.id
        return read(Delivery, self._transport.redeliver(delivery))

    def recover(
        self,
        since: Moment,
        until: Moment | None = None,
        *,
        handler: str | None = None,
        new_handlers: bool | None = None,
        dry_run: bool | None = None,
    ) -> Recovered:
        """Make good what is missing of a period: callbacks that never came, dead deliveries.

        Args:
            since: Its start; `2h` is two hours ago.
            until: Its end; None: now.
            handler: Only deliveries to this one.
            new_handlers: Tell handlers also of what happened before they came.
            dry_run: Only count.
        """
        body = said(
            since=since, until=until, handler=handler, new_handlers=new_handlers, dry_run=dry_run
        )
        return read(Recovered, self._transport.recover(body))
