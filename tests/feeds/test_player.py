import threading
import time

import numpy as np
import pytest
import zmq

from streamer.feeds import Faults, FeedError, Player, Recording
from streamer.wire import decode_chunk

X = np.arange(1000, dtype=np.float32).reshape(500, 2)


@pytest.fixture
def listener():
    context = zmq.Context()
    socket = context.socket(zmq.SUB)
    socket.subscribe(b"")
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    yield context, socket, f"tcp://127.0.0.1:{port}"
    context.destroy(linger=0)


def play(listener, wanted=None, **options):
    """Play the recording, and return the chunks up to the end or the number wanted."""
    context, socket, address = listener
    player = Player(Recording("rec 1/a", 250, ["I", "II"], X, "mV", {}), address, context=context, **options)
    while not player.subscribed(0.02):
        socket.poll(20)  # a SUB socket sends its subscriptions while it is used
    stop = threading.Event()
    played = []
    thread = threading.Thread(target=lambda: played.append(player.play(stop=stop.is_set)))
    thread.start()
    chunks = []
    while not chunks or not chunks[-1].header.end:
        assert socket.poll(20_000)
        chunks.append(decode_chunk(socket.recv_multipart()))
        if wanted and len(chunks) >= wanted:
            stop.set()
    thread.join()
    player.close()
    return chunks, played[0]


def test_everything_comes_in_order_and_ends(listener):
    chunks, played = play(listener, speed=0, chunk_ms=28)
    np.testing.assert_array_equal(np.concatenate([c.samples for c in chunks]), X)
    assert [c.header.seq for c in chunks] == list(range(len(chunks)))
    assert [c.header.index for c in chunks] == [min(7 * k, 500) for k in range(len(chunks))]
    assert played.chunks == len(chunks) - 1
    assert {c.header.stream for c in chunks} == {"rec-1-a"}
    assert all(c.header.sent_ns is None and c.header.clock == "replay" for c in chunks)


def test_real_time_is_kept_by_absolute_targets(listener):
    begin = time.monotonic()
    chunks, _ = play(listener, speed=1, chunk_ms=100)
    assert time.monotonic() - begin >= 2.0
    first = chunks[0].header
    for chunk in chunks[:-1]:
        header = chunk.header
        assert header.clock == "host"
        assert header.time_ns - first.time_ns == pytest.approx(header.index * 4e6, abs=1)
        assert header.sent_ns == pytest.approx(header.time_ns + header.n * 4e6, abs=1)


def test_a_loop_goes_on_with_the_index(listener):
    chunks, _ = play(listener, speed=0, chunk_ms=400, loop=True, wanted=12)
    assert [c.header.index for c in chunks[:12]] == [100 * k for k in range(12)]


def test_faults_are_those_of_the_seed(listener):
    faults = Faults(drop=0.2, double=0.2, drift_ppm=1000, seed=3)
    chunks, _ = play(listener, speed=0, chunk_ms=20, faults=faults)
    again, _ = play(listener, speed=0, chunk_ms=20, faults=faults)
    index = [c.header.index for c in chunks]
    assert index == [c.header.index for c in again]
    assert len(set(index)) < len(index)
    assert len(set(index)) < 100
    last = chunks[-2].header
    first = chunks[0].header
    elapsed = (last.index - first.index) * 4e6 / 1.001
    assert last.time_ns - first.time_ns == pytest.approx(elapsed, abs=10)


@pytest.mark.parametrize(
    "options", [{"speed": -1}, {"chunk_ms": 0}, {"stream": "a b"}, {"stream": ""}, {"to": "nowhere"}]
)
def test_a_bad_option_gets_a_sentence(options):
    with pytest.raises(FeedError):
        Player(Recording("r", 250, ["I", "II"], X, "mV", {}), **({"to": "tcp://127.0.0.1:5"} | options))


def test_one_who_looks_for_streams_gets_an_empty_chunk_and_who_serves_gets_all():
    context = zmq.Context()
    player = Player(
        Recording("heart", 250.0, ["II", "V1"], X, "mV", {}), "inproc://looked-at", "bed", 0, context=context, bind=True
    )
    scout = context.socket(zmq.SUB)
    scout.connect("inproc://looked-at")
    scout.subscribe(b"ecg/")
    assert not player.subscribed(0.5)
    hello = decode_chunk(scout.recv_multipart())
    assert (hello.header.stream, hello.header.n, hello.header.index) == ("bed", 0, 0)
    scout.unsubscribe(b"ecg/")
    scout.subscribe(b"ecg/bed/")
    assert player.subscribed(10)
    player.play()
    first = decode_chunk(scout.recv_multipart())
    assert (first.header.epoch, first.header.index, first.header.n) == (hello.header.epoch, 0, 5)
    player.close()
    context.destroy(linger=0)
