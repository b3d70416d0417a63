"""The service over real sockets."""

import json
import threading
import time
from itertools import pairwise

import numpy as np
import pytest
import zmq

from streamer import Beat, Detector, Rhythm, Waves
from streamer.feeds import Faults, Player, Simulator
from streamer.service import Service, ServiceError, require_loopback, shedding
from streamer.service import service as service_module
from streamer.wire import Header, encode_chunk
from tests.conftest import heart

PATIENCE_MS = 20_000


class Bench:
    """A running service, a feed's socket and a subscriber's."""

    def __init__(self, engine, topics=(b"",)):
        self.context = zmq.Context()
        self.service = Service(engine, "tcp://127.0.0.1:*", "tcp://127.0.0.1:*", context=self.context)
        ready = threading.Event()
        self.thread = threading.Thread(target=self.service.run, args=(ready.set,), daemon=True)
        self.thread.start()
        assert ready.wait(60)
        self.subscriber = self.context.socket(zmq.SUB)
        for topic in topics:
            self.subscriber.subscribe(topic)
        self.subscriber.connect(self.service.events)
        self.feed = self.context.socket(zmq.XPUB)
        self.feed.connect(self.service.ingest)
        assert self.feed.poll(PATIENCE_MS)
        self.feed.recv()
        self.events = []
        # the latency topic is published each second: once it is heard, the subscription stands
        self.until(lambda event: event["type"] in {"latency", "heartbeat"})

    def next(self):
        assert self.subscriber.poll(PATIENCE_MS), "no event came"
        where, payload = self.subscriber.recv_multipart()
        event = json.loads(payload) | {"_topic": where.decode()}
        self.events.append(event)
        return event

    def until(self, wanted):
        while not wanted(event := self.next()):
            pass
        return event

    def code(self, code, stream=None):
        return self.until(lambda e: e.get("code") == code and stream in (None, e["stream"]))

    def send(self, samples, index=0, stream="bed", **header):
        about = {"v": 1, "stream": stream, "epoch": "e1", "seq": 0, "index": index, "fs": 250.0}
        about["time_ns"] = round(index / header.get("fs", 250.0) * 1e9)
        about |= {"leads": ["II"], "unit": "mV", "dtype": "<f4", "n": len(samples), "clock": "test"} | header
        self.feed.send_multipart(encode_chunk(Header(**about), samples))

    def close(self):
        self.service.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.context.destroy(linger=0)


@pytest.fixture
def bench(engine):
    bench = Bench(engine)
    yield bench
    bench.close()


def of(bench, kind):
    return [e for e in bench.events if e["type"] == kind]


def test_a_recording_gives_the_events_of_a_lone_detector(engine, bench):
    x, _ = heart(12)
    for start in range(0, len(x), 40):
        bench.send(x[start : start + 40], start, seq=start // 40)
    bench.send(x[:0], len(x), end=True)
    bench.code("ended")
    detector = Detector(250, ["II"], engine=engine)
    told = detector.push(x.astype(np.float32)) + detector.flush()
    expected = [e for e in told if isinstance(e, Beat)]
    got = of(bench, "beat")
    assert [(e["beat"], e["onset"], e["peak"], e["offset"]) for e in got] == [
        (e.beat, e.onset, e.peak, e.offset) for e in expected
    ]
    for event in got:
        assert event["_topic"] == "beat/bed/"
        assert (event["v"], event["stream"], event["epoch"]) == (1, "bed", "e1")
        assert event["offset_ns"] == pytest.approx(event["offset"] * 4e6, abs=1)
        assert event["latency"]["total"] is None
        assert event["latency"]["compute"] > 0
    assert [e["seq"] for e in got] == list(range(len(got)))
    waves = [e for e in told if isinstance(e, Waves)]
    sent = of(bench, "waves")
    assert len(waves) >= len(expected) - 1
    assert [(e["beat"], e["pr_ms"], e["qt_ms"], e["flags"]) for e in sent] == [
        (e.beat, e.pr_ms, e.qt_ms, e.flags) for e in waves
    ]
    assert {e["_topic"] for e in sent} == {"waves/bed/"}
    assert [e["seq"] for e in sent] == list(range(len(sent)))
    onsets = [k for k, e in enumerate(bench.events) if e["type"] == "onset"]
    beats = [k for k, e in enumerate(bench.events) if e["type"] == "beat"]
    assert len(onsets) == len(beats)
    assert all(a < b for a, b in zip(onsets, beats, strict=True))


def test_a_rhythm_is_told_on_its_topic(engine, bench):
    x, _ = heart(24, script="pause")
    for start in range(0, len(x), 100):
        bench.send(x[start : start + 100], start, seq=start // 100)
    bench.send(x[:0], len(x), end=True)
    bench.code("ended")
    detector = Detector(250, ["II"], engine=engine)
    expected = [e for e in detector.push(x.astype(np.float32)) + detector.flush() if isinstance(e, Rhythm)]
    got = of(bench, "rhythm")
    assert [(e["label"], e["since"], e["cause"], e["definitions"], e["probabilities"]) for e in got] == [
        (e.label, e.since, e.cause, e.definitions, e.probabilities) for e in expected
    ]
    assert any("pause" in e["definitions"] for e in got)
    assert {e["_topic"] for e in got} == {"rhythm/bed/"}
    assert [e["seq"] for e in got] == list(range(len(got)))
    assert all(e["since_ns"] == pytest.approx(e["since"] * 4e6, abs=1) for e in got)


def test_a_live_feed_is_told_in_time_with_stages_that_add_up(engine, bench):
    player = Player(Simulator(250, ["II"], seconds=6), bench.service.ingest, "live", context=bench.context)
    assert player.subscribed(20)
    playing = threading.Thread(target=player.play)
    playing.start()
    bench.code("ended", "live")
    playing.join()
    player.close()
    beats = [e for e in of(bench, "beat") if "settling" not in e["flags"]]
    assert len(beats) >= 3
    for beat in beats:
        stages = beat["latency"]
        total = stages.pop("total")
        assert sum(stages.values()) == pytest.approx(total, abs=0.01)
        assert total == pytest.approx((beat["published_ns"] - beat["offset_ns"]) / 1e6, abs=1e-3)
    latency = bench.until(lambda e: e["type"] == "latency" and e["stages"])
    assert latency["stages"]["total"]["count"] >= 3


@pytest.mark.parametrize(
    ("frames", "stream", "sentence"),
    [
        ([b"ecg/bad/", b"{", b""], "bad", "not JSON"),
        ([b"nonsense", b"{}", b""], "-", "expected ecg/<stream>/"),
        ([b"ecg/bad/"], "bad", "1 frames; expected 3"),
        ([b"ecg/b d/", b"{}", b""], "-", "1 to 64 letters"),
    ],
)
def test_a_bad_message_is_told_and_disturbs_nothing(engine, bench, frames, stream, sentence):
    x, true = heart(8)
    for start in range(0, len(x), 100):
        bench.send(x[start : start + 100], start)
        bench.feed.send_multipart(frames)
    bench.send(x[:0], len(x), end=True)
    bench.code("ended", "bed")
    refused = [e for e in of(bench, "status") if e["code"] == "refused"]
    assert refused[0]["stream"] == stream
    assert sentence in refused[0]["detail"]
    assert len({e["beat"] for e in of(bench, "beat")}) == len(true)


def test_a_change_within_an_epoch_is_refused_and_a_new_epoch_is_not(bench):
    x, _ = heart(4)
    bench.send(x[:500])
    bench.send(x[:500], 500, fs=360.0)
    assert "fs of bed changed from 250.0 to 360.0" in bench.code("refused")["detail"]
    bench.send(x[:500], 0, fs=360.0, epoch="e2")
    assert "taken over from epoch e1" in bench.code("replaced")["detail"]
    bench.send(x[500:600], 500)
    assert "was replaced by e2" in bench.code("refused")["detail"]
    bench.send(x[:0], 500, fs=360.0, epoch="e2", end=True)
    bench.code("ended")
    bench.send(x[:100], 500, fs=360.0, epoch="e2")
    assert "has ended" in bench.code("refused")["detail"]


def test_a_gap_a_duplicate_and_a_lost_lead_are_told(bench):
    x, _ = heart(8, leads=["II", "V1"])
    x[700:900, 1] = np.nan
    bench.send(x[:1000], 0, leads=["II", "V1"])
    assert bench.code("lead_off")["lead"] == "V1"
    bench.send(x[900:1100], 900, leads=["II", "V1"])
    assert bench.code("duplicate")["samples"] == 100
    bench.send(x[1400:], 1400, leads=["II", "V1"])
    assert bench.code("gap")["index"] == 1100
    assert bench.code("resumed")["samples"] == 300


def test_a_silent_feed_is_gone_and_may_come_back(bench, monkeypatch):
    monkeypatch.setattr(service_module, "GONE_NS", 1_000_000_000)
    x, true = heart(8)
    bench.send(x[:1000])
    gone = bench.code("gone")
    assert gone["stream"] == "bed"
    assert len({e["beat"] for e in of(bench, "beat")}) == len([t for t in true if t.qrs[2] < 990])
    bench.send(x[1000:], 1000)
    bench.send(x[:0], len(x), end=True)
    bench.code("ended")
    assert len({e["beat"] for e in of(bench, "beat")}) >= len(true) - 1


def test_a_forgotten_stream_starts_anew(bench, monkeypatch):
    x, _ = heart(3)
    bench.send(x)
    bench.code("settled")
    monkeypatch.setattr(service_module, "FORGET_NS", 0)
    bench.until(lambda e: e["type"] == "latency" and e["streams"] == 0)
    monkeypatch.undo()
    bench.send(x, 0, epoch="e2")
    bench.code("connected")


def test_what_is_held_is_told_when_the_service_stops(engine):
    bench = Bench(engine)
    x, true = heart(8)
    end = int(true[-1].qrs[2]) + 12
    bench.send(x[:end])
    bench.until(lambda e: e["type"] == "beat" and e["beat"] == len(true) - 1)
    bench.service.stop()
    assert bench.until(lambda e: e["type"] == "beat")["beat"] == len(true)
    bench.close()


def test_topics_are_exact_and_a_silent_one_has_a_heartbeat(engine):
    bench = Bench(engine, [b"beat/bed-1/", b"latency/"])
    x, _ = heart(5)
    bench.send(x, stream="bed-10")
    bench.send(x, stream="bed-1")
    heartbeat = bench.until(lambda e: e["type"] == "heartbeat" and e["last_seq"] >= 0)
    beats = of(bench, "beat")
    assert {e["stream"] for e in beats} == {"bed-1"}
    assert heartbeat["topic"] == "beat/bed-1/"
    assert heartbeat["last_seq"] == beats[-1]["seq"]
    bench.close()


def test_the_signal_is_sent_to_who_asks(engine):
    bench = Bench(engine, [b"signal/bed/", b"latency/"])
    x, _ = heart(5, 500)
    for start in range(0, len(x), 100):
        bench.send(x[start : start + 100], start, fs=500.0)
    bench.until(lambda e: e["type"] == "signal" and e["index"] + 2 * len(e["leads"]["II"]) > 2400)
    signal = of(bench, "signal")
    assert signal[0]["index"] == 0
    assert signal[0]["step"] == 2
    for before, after in pairwise(signal):
        assert after["index"] == before["index"] + len(before["leads"]["II"]) * 2
    bench.close()


def test_many_streams_at_once_are_those_alone(engine, bench):
    hearts = {f"bed-{k}": heart(6, seed=k)[0] for k in range(20)}
    for start in range(0, 1500, 50):
        for name, x in hearts.items():
            bench.send(x[start : start + 50], start, name)
    for name in hearts:
        bench.send(np.zeros((0, 1)), 1500, name, end=True)
    left = set(hearts)
    while left:
        left.discard(bench.code("ended")["stream"])
    for name, x in hearts.items():
        detector = Detector(250, ["II"], engine=engine)
        expected = [e.onset for e in detector.push(x.astype(np.float32)) + detector.flush() if isinstance(e, Beat)]
        assert [e["onset"] for e in of(bench, "beat") if e["stream"] == name] == expected


def test_lost_and_doubled_chunks_are_told(bench):
    simulator = Simulator(250, ["II"], seconds=20)
    faults = Faults(drop=0.03, double=0.05, seed=2)
    player = Player(
        simulator, bench.service.ingest, "bad-line", speed=0, chunk_ms=40, faults=faults, context=bench.context
    )
    assert player.subscribed(20)
    played = player.play()
    bench.code("ended", "bad-line")
    codes = [e["code"] for e in of(bench, "status")]
    assert "duplicate" in codes
    assert "bridged" in codes
    assert played.chunks != 500
    player.close()


def test_a_feed_behind_its_plan_is_lagging(bench):
    x, _ = heart(3)
    late = time.time_ns() - 3_000_000_000
    bench.send(x[:100], clock="host", time_ns=late, sent_ns=late)
    assert "behind its plan" in bench.code("lagging")["detail"]
    now = time.time_ns()
    bench.send(x[100:200], 100, clock="host", time_ns=now, sent_ns=now)
    bench.code("caught_up")


def test_an_endpoint_in_use_gets_a_sentence(engine, bench):
    with pytest.raises(ServiceError, match="cannot bind"):
        Service(engine, bench.service.ingest, "tcp://127.0.0.1:*")
    with pytest.raises(ServiceError, match="cannot bind"):
        Service(engine, "nonsense", "tcp://127.0.0.1:*")


@pytest.mark.parametrize("endpoint", ["tcp://0.0.0.0:5555", "tcp://*:5555", "tcp://192.168.1.5:5555", "tcp://eth0:1"])
def test_an_open_address_must_be_meant(endpoint):
    with pytest.raises(ServiceError, match="--insecure"):
        require_loopback(endpoint)


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:5555", "tcp://localhost:*", "ipc:///tmp/x", "tcp://[::1]:1"])
def test_loopback_is_fine(endpoint):
    require_loopback(endpoint)


def test_a_stream_let_go_is_told_and_comes_back_with_a_gap(engine, monkeypatch):
    monkeypatch.setattr(shedding, "CALM_S", 1)
    monkeypatch.setattr(shedding, "OVERLOAD_MS", float("inf"))
    bench = Bench(engine)
    x, _ = heart(60)

    def send(k, streams=("bed-1", "bed-2")):
        for stream in streams:
            bench.send(x[25 * k : 25 * k + 25], 25 * k, stream, clock="host", sent_ns=time.time_ns())

    send(0)
    bench.code("connected", "bed-2")
    monkeypatch.setattr(shedding, "OVERLOAD_MS", 0.0)  # now any wait is one too long
    send(1)
    shed = bench.code("shed")
    monkeypatch.setattr(shedding, "OVERLOAD_MS", float("inf"))
    monkeypatch.setattr(shedding, "CALM_MS", float("inf"))
    assert (shed["stream"], shed["index"]) == ("bed-2", 50)
    for k in range(2, 8):
        send(k)
    served = bench.code("served")
    assert served["stream"] == "bed-2"
    send(8)
    back = bench.code("resumed", "bed-2")
    assert (back["index"], back["samples"]) == (200, 150)
    assert not [e for e in bench.events if e.get("stream") == "bed-1" and e.get("code") in {"shed", "gap"}]
    bench.close()


def test_a_stream_let_go_ends_when_its_feed_does(engine, monkeypatch):
    monkeypatch.setattr(shedding, "CALM_S", 1000)
    monkeypatch.setattr(shedding, "OVERLOAD_MS", float("inf"))
    bench = Bench(engine)
    x, _ = heart(60)
    for stream in ("bed-1", "bed-2"):
        bench.send(x[:25], 0, stream, clock="host", sent_ns=time.time_ns())
    bench.code("connected", "bed-2")
    monkeypatch.setattr(shedding, "OVERLOAD_MS", 0.0)
    for stream in ("bed-1", "bed-2"):
        bench.send(x[25:50], 25, stream, clock="host", sent_ns=time.time_ns())
    assert bench.code("shed")["stream"] == "bed-2"
    bench.send(x[75:100], 75, "bed-2", clock="host", sent_ns=time.time_ns(), end=True)
    bench.code("ended", "bed-2")
    counts = bench.service.counts()
    assert (counts.shed, counts.dropped) == (0, 0)
    bench.close()
