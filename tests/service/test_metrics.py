"""Metrics as Prometheus reads them."""

from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamer.service import ServiceError
from streamer.service.metrics import serve_metrics
from streamer.service.sockets import metrics_address
from tests.conftest import heart
from tests.service.test_service import bench  # noqa: F401


def read(port):
    text = urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_happens_is_counted(bench):  # noqa: F811
    port = serve_metrics(bench.service, "127.0.0.1", 0)
    assert read(port)["qrstream_chunks_total",] == 0
    x, _ = heart(20)
    for start in range(0, len(x), 25):
        if start != 2500:
            bench.send(x[start : start + 25], start)
    bench.feed.send_multipart([b"ecg/bed/", b"no header", b""])
    bench.send(x[:0], len(x), end=True)
    bench.code("ended")
    bench.until(lambda e: e["type"] == "latency")
    found = read(port)
    beats = [e for e in bench.events if e["type"] == "beat"]
    assert found["qrstream_messages_total",] == 201
    assert found["qrstream_chunks_total",] == 200
    assert found["qrstream_samples_total",] == len(x) - 25
    assert found["qrstream_events_total", "beat"] == len(beats) > 10
    assert found["qrstream_status_total", "bridged"] == 1
    assert found["qrstream_status_total", "refused"] == 1
    assert found["qrstream_streams",] == 0
    counted = [e for e in beats if not e["revision"] and "settling" not in e["flags"]]
    assert found["qrstream_latency_seconds_count", "compute"] == len(counted)
    assert found["qrstream_latency_seconds_bucket", "+Inf", "compute"] == len(counted)
    total = sum(e["latency"]["algorithmic"] for e in counted) / 1000
    assert found["qrstream_latency_seconds_sum", "algorithmic"] == pytest.approx(total)


@pytest.mark.parametrize("text", ["", "x", "127.0.0.1:", "1:2:x", "70000"])
def test_a_bad_address_gets_a_sentence(text):
    with pytest.raises(ValueError, match="metrics address"):
        metrics_address(text)


def test_a_port_alone_is_on_loopback():
    assert metrics_address("9100") == ("127.0.0.1", 9100)


def test_a_port_in_use_gets_a_sentence(bench):  # noqa: F811
    port = serve_metrics(bench.service, "127.0.0.1", 0)
    with pytest.raises(ServiceError, match="cannot serve metrics"):
        serve_metrics(bench.service, "127.0.0.1", port)
