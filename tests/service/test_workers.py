"""Workers behind one address: real processes, real deaths."""

import json
import os
import signal
import threading

import numpy as np
import pytest
import zmq

from streamer import Beat, Detector
from streamer.feeds import Player, Recording
from streamer.service import ServiceError, Supervisor
from tests.conftest import heart

PATIENCE_MS = 20_000


class Fleet:
    """A supervisor with two workers, in a thread, and a subscriber to everything."""

    def __init__(self):
        self.supervisor = Supervisor(2, "tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
        ready = threading.Event()
        self.thread = threading.Thread(target=self.supervisor.run, args=(ready.set,), daemon=True)
        self.thread.start()
        assert ready.wait(60)
        self.context = zmq.Context()
        self.subscriber = self.context.socket(zmq.SUB)
        self.subscriber.set_hwm(0)
        self.subscriber.subscribe(b"")
        self.subscriber.connect(self.supervisor.events)
        self.events = []
        heard = set()
        while len(heard) < 2:  # both workers know of the subscription
            event = self.next()
            heard |= {event["_topic"]} if event["type"] == "latency" else set()

    def next(self):
        assert self.subscriber.poll(PATIENCE_MS), "no event came"
        where, payload = self.subscriber.recv_multipart()
        event = json.loads(payload) | {"_topic": where.decode()}
        self.events.append(event)
        return event

    def until(self, code, stream):
        while not (found := [e for e in self.of("status", stream) if e["code"] == code]):
            self.next()
        return found[-1]

    def of(self, kind, stream):
        return [e for e in self.events if e["type"] == kind and e["stream"] == stream]

    def close(self):
        self.supervisor.stop()
        self.thread.join(30)
        assert not self.thread.is_alive()
        self.context.destroy(linger=0)


@pytest.fixture
def fleet():
    fleet = Fleet()
    yield fleet
    fleet.close()


def recorded(seconds, seed):
    x, _ = heart(seconds, seed=seed)
    return Recording("heart", 250.0, ["II"], x.astype(np.float32), "mV", {})


def playing(player):
    """Play in a thread until its `stop` is set."""
    stop = threading.Event()

    def play():
        player.subscribed()
        player.play(stop=stop.is_set)
        player.close()

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    return thread, stop


def test_streams_are_shared_and_none_loses_its_beginning(fleet, engine):
    hearts = {f"bed-{k}": recorded(20, k) for k in range(6)}
    threads = [playing(Player(x, fleet.supervisor.ingest, name, 0, 100)) for name, x in hearts.items()]
    ended = set()
    while ended != set(hearts):
        event = fleet.next()
        ended |= {event["stream"]} if event.get("code") == "ended" else set()
    for thread, _ in threads:
        thread.join(20)
    assert sorted(fleet.supervisor.assigned.values()) == [0, 0, 0, 1, 1, 1]
    for name, recording in hearts.items():
        detector = Detector(250, recording.leads, engine=engine)
        alone = detector.push(recording.samples) + detector.flush()
        expected = [e.peak for e in alone if isinstance(e, Beat)]
        while len(fleet.of("beat", name)) < len(expected):  # the last beats are told with the end, after it
            fleet.next()
        assert [e["peak"] for e in fleet.of("beat", name)] == expected
        seqs = [e["seq"] for e in fleet.of("beat", name)]
        assert seqs == list(range(len(seqs)))


def test_a_worker_that_dies_is_replaced_and_its_streams_go_on(fleet):
    hearts = {f"bed-{k}": recorded(30, k) for k in range(2)}
    threads = [playing(Player(x, fleet.supervisor.ingest, name, loop=True)) for name, x in hearts.items()]
    for name in hearts:
        fleet.until("settled", name)
    while not {"bed-0", "bed-1"} <= set(fleet.supervisor._states):
        fleet.next()
    victim = fleet.supervisor.assigned["bed-0"]
    os.kill(fleet.supervisor._workers[victim].pid, signal.SIGKILL)
    restored = fleet.until("restored", "bed-0")
    resumed = fleet.until("resumed", "bed-0")
    fleet.events.clear()
    while len(fleet.of("beat", "bed-0")) < 2 or len(fleet.of("beat", "bed-1")) < 2:
        fleet.next()
    for thread, stop in threads:
        stop.set()
        thread.join(20)
    assert resumed["index"] - resumed["samples"] == restored["index"]
    # the numbers of events do not come twice: what the dead worker had told after its state is not known
    assert fleet.of("beat", "bed-0")[0]["seq"] >= 1000
    assert fleet.of("beat", "bed-0")[0]["epoch"] == restored["epoch"]
    assert not [e for e in fleet.of("status", "bed-1") if e["code"] in {"restored", "gap", "connected"}]
    assert fleet.of("beat", "bed-1")[0]["seq"] < 1000


def test_a_topic_that_names_no_stream_gets_a_sentence(fleet):
    feed = fleet.context.socket(zmq.PUB)
    feed.connect(fleet.supervisor.ingest)
    while not fleet.of("status", "-"):
        feed.send_multipart([b"ecg/bed one/", b"{}", b""])
        fleet.subscriber.poll(10)
        while fleet.subscriber.poll(0):
            fleet.next()
    feed.close()
    assert "expected ecg/<stream>/" in fleet.of("status", "-")[0]["detail"]


def test_workers_that_cannot_start_are_not_started_for_ever():
    supervisor = Supervisor(1, "tcp://127.0.0.1:*", "tcp://127.0.0.1:*", engine="nonsense")
    with pytest.raises(ServiceError, match="end as soon as they start"):
        supervisor.run()


def test_an_endpoint_in_use_gets_a_sentence(fleet):
    with pytest.raises(ServiceError, match="cannot bind"):
        Supervisor(1, fleet.supervisor.ingest, "tcp://127.0.0.1:*")
