"""/metrics: how everything stands, in Prometheus' text format."""

from collections.abc import Iterable, Iterator

from flask import Blueprint

from runhook.webhook.edge.queries import read_query
from runhook.webhook.edge.responses import File, wiring
from runhook.webhook.edge.scopes import open_to
from runhook.worker.flows.metrics import Metric, metrics

PATH = "/metrics"
PREFIX = "runhook_"
# The older of the two versions that Prometheus reads: what every other system reads too.
FORMAT = "text/plain; version=0.0.4; charset=utf-8"

blueprint = Blueprint("metrics", __name__)
blueprint.before_request(read_query)


@blueprint.get(PATH)
@open_to("read")
def get_metrics() -> File:
    """How everything stands, for Prometheus: any process of `web` says the same."""
    return File(exposition(metrics(wiring())), content_type=FORMAT)


def exposition(found: Iterable[Metric]) -> bytes:
    """Metrics as Prometheus reads them, with its own package, which knows what to escape."""
    # Not at the top: some tenth of a second at the start, for those whom a Prometheus asks.
    from prometheus_client import generate_latest
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.registry import Collector

    class Found(Collector):
        def collect(self) -> Iterator[GaugeMetricFamily]:
            for metric in found:
                family = GaugeMetricFamily(PREFIX + metric.name, metric.means, labels=metric.labels)
                for labels, value in metric.values.items():
                    family.add_metric(labels, value)
                yield family

    return generate_latest(Found())
