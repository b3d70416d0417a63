"""Chunks between the socket and the detectors."""

import numpy as np
import pytest
import zmq

from streamer.service.ingest import ROUND, Ingest
from streamer.wire import Header, encode_chunk


@pytest.fixture
def ends():
    context = zmq.Context()
    feed, socket = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    socket.set_hwm(0)
    feed.set_hwm(0)
    socket.bind("inproc://ingest")
    feed.connect("inproc://ingest")
    refused = []
    yield feed, Ingest(socket, refused.append), refused
    context.destroy(linger=0)


def send(feed, stream, index, n=25, epoch="e", end=False, fs=250.0):
    header = Header(
        v=1, stream=stream, epoch=epoch, seq=0, index=index, time_ns=0, fs=fs, leads=["II"], unit="mV", dtype="<f4",
        n=n, end=end,
    )  # fmt: skip
    feed.send_multipart(encode_chunk(header, np.zeros((n, 1), np.float32)))


def indices(receipts):
    return [receipt.chunk.header.index for receipt in receipts]


def test_a_burst_does_not_delay_the_others(ends):
    feed, ingest, _ = ends
    for k in range(200):
        send(feed, "burst", 25 * k)
    send(feed, "bed-1", 0)
    send(feed, "bed-2", 0)
    ingest.drain()
    first = ingest.round()
    assert set(first) == {"burst", "bed-1", "bed-2"}
    assert indices(first["burst"]) == list(range(0, 250, 25))  # a second of it
    send(feed, "bed-1", 25)
    ingest.drain()
    assert indices(ingest.round()["bed-1"]) == [25]
    rounds = 2
    while ingest:
        ingest.round()
        rounds += 1
    assert rounds == 20


def test_only_what_follows_is_joined(ends):
    feed, ingest, _ = ends
    send(feed, "bed", 0)
    send(feed, "bed", 25)
    send(feed, "bed", 75)  # after a gap
    send(feed, "bed", 100, epoch="f")
    send(feed, "bed", 125, epoch="f", end=True)
    send(feed, "bed", 150, epoch="f")
    ingest.drain()
    rounds = []
    while ingest:
        rounds.append(indices(ingest.round()["bed"]))
    assert rounds == [[0, 25], [75], [100, 125], [150]]


def test_a_round_has_its_most_and_goes_on_with_the_next(ends):
    feed, ingest, _ = ends
    for k in range(ROUND + 10):
        send(feed, f"bed-{k}", 0)
        send(feed, f"bed-{k}", 25, fs=500.0)
    ingest.drain()
    assert len(ingest.round()) == ROUND
    assert list(ingest.round())[:10] == [f"bed-{ROUND + k}" for k in range(10)]


def test_a_stream_let_go_is_dropped_unread_and_counted(ends):
    feed, ingest, refused = ends
    send(feed, "bed-1", 0)
    send(feed, "bed-2", 0)
    ingest.drain()
    ingest.drop("bed-1")
    feed.send_multipart([b"ecg/bed-1/", b"not even JSON", b""])
    feed.send_multipart([b"ecg/bed-2/", b"not even JSON", b""])
    ingest.drain()
    assert ingest.shed == {"bed-1": 2}
    assert [error.stream for error in refused] == ["bed-2"]
    assert set(ingest.round()) == {"bed-2"}
    assert not ingest
    send(feed, "bed-1", 75, end=True)
    ingest.drain()
    assert indices(ingest.round()["bed-1"]) == [75]
