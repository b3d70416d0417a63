import gc

import pytest
from hdrh.histogram import HdrHistogram

from streamer.engine import load_model
from streamer.latency import Recorder, algorithmic
from streamer.wire import Latency


def latency(total):
    return Latency(algorithmic=130, chunk=None, transport=None, queue=0.1, compute=1, publish=0, total=total)


def test_the_formula():
    delay = algorithmic(250, load_model().card.segment("default"))
    assert delay == (20, 40, 80, 12)
    assert delay.largest == 152
    assert algorithmic(1000, load_model().card.segment("default")).resampler == 20
    assert algorithmic(100, load_model().card.segment("default")).resampler == 40


def test_percentiles_are_those_of_the_values():
    recorder = Recorder()
    for value in range(1, 1001):
        recorder.record(latency(float(value)))
    total = recorder.percentiles(0)["total"]
    assert total.count == 1000
    assert total.p50 == pytest.approx(500, rel=2e-3)
    assert total.p99 == pytest.approx(990, rel=2e-3)
    assert total.max == pytest.approx(1000, rel=2e-3)
    assert "chunk" not in recorder.percentiles(0)


def test_what_is_older_than_two_minutes_is_forgotten():
    recorder = Recorder()
    recorder.percentiles(0)
    recorder.record(latency(1000.0))
    assert recorder.percentiles(59)["total"].count == 1
    assert recorder.percentiles(61)["total"].count == 1
    recorder.record(latency(10.0))
    assert recorder.percentiles(122)["total"].count == 1
    assert recorder.percentiles(122)["total"].max == pytest.approx(10, rel=1e-2)


def test_a_value_beyond_the_histogram_is_counted_at_its_end():
    recorder = Recorder()
    recorder.record(latency(1e9))
    assert recorder.percentiles(0)["total"].max >= 59_000


def test_asking_each_second_leaves_nothing_behind():
    """What is garbage in cycles stays until Python looks for it, which a service has it do rarely."""

    def histograms():
        return sum(isinstance(thing, HdrHistogram) for thing in gc.get_objects())

    recorder = Recorder()
    recorder.percentiles(0.0)
    gc.disable()
    try:
        before = histograms()
        for second in range(1, 200):
            recorder.percentiles(float(second))
        assert histograms() == before
    finally:
        gc.enable()
