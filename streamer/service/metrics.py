"""What a service counts, for Prometheus: `qrstream run --metrics`; described in docs/metrics.md."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from streamer.latency import BUCKETS_MS, STAGES
from streamer.service.sockets import ServiceError

if TYPE_CHECKING:
    from streamer.service.service import Service


class ServiceCollector(Collector):
    """Reads the counts of a service when it is asked.

    Parameters
    ----------
    service : Service
    """

    def __init__(self, service: "Service") -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """Yield each metric."""
        counts = self._service.counts()
        for name, text, value in (
            ("messages", "Messages taken off the socket", counts.received),
            ("chunks", "Chunks that beats were looked for in", counts.chunks),
            ("samples", "Samples of all leads in these chunks", counts.samples),
            ("dropped_chunks", "Chunks of streams that were let go", counts.dropped),
        ):
            yield CounterMetricFamily(f"qrstream_{name}", text, value=value)
        events = CounterMetricFamily("qrstream_events", "Events published", labels=["kind"])
        status = CounterMetricFamily("qrstream_status", "Status events published", labels=["code"])
        for (kind, code), value in sorted(counts.told.items()):
            if code:
                status.add_metric([code], value)
            else:
                events.add_metric([kind], value)
        yield events
        yield status
        for name, text, number in (
            ("streams", "Streams that are served", counts.streams),
            ("shed_streams", "Streams that were let go", counts.shed),
            ("lagging_streams", "Streams more than a second behind their plan", counts.lagging),
            ("waiting_chunks", "Chunks that wait", counts.waiting),
            ("behind_seconds", "Farthest that a live stream was behind its plan in the last second", counts.behind_s),
        ):
            yield GaugeMetricFamily(f"qrstream_{name}", text, value=number)
        recorder = self._service.recorder
        latency = HistogramMetricFamily("qrstream_latency_seconds", "Stages of the beats' latency", labels=["stage"])
        bounds = [*(f"{ms / 1000:g}" for ms in BUCKETS_MS), "+Inf"]
        for stage in STAGES:
            buckets = list(zip(bounds, recorder.counts[stage].cumsum().tolist(), strict=True))
            latency.add_metric([stage], buckets, recorder.sums_ms[stage] / 1000)
        yield latency


def serve_metrics(service: "Service", host: str, port: int) -> int:
    """Serve metrics over HTTP in a thread that ends with the process.

    Returns
    -------
    int
        The port; 0 had taken a free one.

    Raises
    ------
    ServiceError
        If the address cannot be used.
    """
    registry = CollectorRegistry()
    registry.register(ServiceCollector(service))
    try:
        server, _ = start_http_server(port, host, registry)
    except OSError as error:
        raise ServiceError(f"cannot serve metrics at {host}:{port}: {error.strerror or error}") from None
    return int(server.server_port)
