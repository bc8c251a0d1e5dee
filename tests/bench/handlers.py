"""The three handlers of the naive service, as runhook has them."""

from runhook import Event, on
from tests.bench.book import written


@on("job.succeeded")
def publish(event: Event) -> None:
    """The first."""
    written("publish", event.job.id)


@on("job.succeeded")
def invoice(event: Event) -> None:
    """The second."""
    written("invoice", event.job.id)


@on("job.succeeded")
def notify(event: Event) -> None:
    """The third."""
    written("notify", event.job.id)
