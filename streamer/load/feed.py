"""An open-loop feed of many streams: every chunk has its planned time, and a slow service does not slow it down."""

import time
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np
import zmq
from msgspec.structs import replace
from numpy.typing import NDArray

from streamer.wire import VERSION, Header, encode_chunk, topic

BEGINNING = 200  # streams that begin in a second of signal


class Signal(NamedTuple):
    """A lead that streams are made of; it repeats.

    Attributes
    ----------
    name : str
    fs : float
        Hz.
    samples : ndarray of float32, shape (n,)
        mV.
    """

    name: str
    fs: float
    samples: NDArray[np.float32]


class Sent(NamedTuple):
    """What a feed did.

    Attributes
    ----------
    chunks, dropped : int
        Sent, and not sent because nobody took them.
    late_ms : float
        99th percentile of how late the feed itself was; a measurement with a late feed is worth little.
    """

    chunks: int
    dropped: int
    late_ms: float


class Plan(NamedTuple):
    """What is to be sent.

    Attributes
    ----------
    streams : int
    chunk_ms : float
        Of signal.
    seconds : float
        Of signal, of each stream, once all have begun.
    speed : float
        Seconds of signal a second; 1 is live.
    start_ns : int
        When it begins.
    """

    streams: int
    chunk_ms: float
    seconds: float
    speed: float
    start_ns: int

    @property
    def ramp_s(self) -> float:
        """Seconds of signal over which the streams begin: a thousand at once is not how they come."""
        return self.streams / BEGINNING

    @property
    def epoch(self) -> str:
        """Of all its streams."""
        return str(self.start_ns)

    def chunks(self, stream: int) -> int:
        """Return how many chunks a stream has."""
        return round(1000 * (self.ramp_s + self.seconds) / self.chunk_ms) - self.begins(stream)

    def begins(self, stream: int) -> int:
        """Return how many chunks a stream begins after the first."""
        return int(self.ramp_s * stream / self.streams * 1000 / self.chunk_ms)

    def due(self, stream: int, seconds: float) -> float:
        """Return when a moment of a stream's signal is there, in ns; the streams are spread over a chunk."""
        first = self.begins(stream) + stream / self.streams
        return self.start_ns + (seconds + first * self.chunk_ms / 1000) / self.speed * 1e9


def stream_number(name: str) -> int:
    """Return which stream it is."""
    return int(name.rsplit("-", 1)[1])


def _wait(socket: "zmq.Socket[bytes]", empty: list[Header]) -> None:
    """Wait until someone serves every stream; answer those who look for streams with empty chunks."""
    alone = {topic("ecg", header.stream) for header in empty}
    while alone:
        message = socket.recv()
        if message == b"\x01ecg/":
            for header in empty:
                socket.send_multipart(encode_chunk(header, np.zeros((0, 1), np.float32)))
        elif message == b"\x01":
            return
        elif message[:1] == b"\x01":
            alone.discard(message[1:])


def feed(endpoint: str, signals: list[Signal], plan: Plan, result: Connection) -> None:
    """Send what is planned to a service, then each stream's end; run in a process of its own.

    Parameters
    ----------
    endpoint : str
        The service's ingest.
    signals : list of Signal
        Stream k plays signal k modulo their number, each from another place on.
    plan : Plan
    result : Connection
        Is sent a `Sent` at the end.
    """
    context = zmq.Context()
    socket = context.socket(zmq.XPUB)
    socket.setsockopt(zmq.SNDHWM, 200_000)
    socket.setsockopt(zmq.LINGER, 5000)
    socket.connect(endpoint)
    live = plan.speed == 1
    headers, pieces = [], []
    for k in range(plan.streams):
        signal = signals[k % len(signals)]
        size = max(1, round(plan.chunk_ms / 1000 * signal.fs))
        whole = len(signal.samples) // size * size
        pieces.append((size, whole, np.roll(signal.samples, -k * size)[:whole, None]))
        headers.append(
            Header(
                v=VERSION,
                stream=f"load-{k}",
                epoch=plan.epoch,
                seq=0,
                index=0,
                time_ns=0,
                fs=signal.fs,
                leads=["lead"],
                unit="mV",
                dtype="<f4",
                n=size,
                clock="host" if live else "replay",
            )
        )
    _wait(socket, [replace(header, n=0) for header in headers])
    late = []
    sent = dropped = 0
    begins = [plan.begins(k) for k in range(plan.streams)]
    for turn in range(plan.chunks(0)):
        for k, (header, (size, whole, samples)) in enumerate(zip(headers, pieces, strict=True)):
            seq = turn - begins[k]
            if seq < 0:
                continue
            header.seq, header.index = seq, seq * size
            due = plan.due(k, (seq + 1) * size / header.fs)
            header.time_ns = round(plan.due(k, seq * size / header.fs))
            header.sent_ns = round(due) if live else None
            wait = due - time.time_ns()
            if wait > 0:
                time.sleep(wait / 1e9)
            at = seq * size % whole
            try:
                socket.send_multipart(encode_chunk(header, samples[at : at + size]), zmq.NOBLOCK)
                sent += 1
            except zmq.Again:
                dropped += 1
            late.append(max(0.0, -wait))
    for header in headers:
        header.seq, header.index, header.n, header.end = header.seq + 1, header.index + header.n, 0, True
        socket.send_multipart(encode_chunk(header, np.zeros((0, 1), np.float32)))
    socket.close()
    context.term()
    result.send(Sent(sent, dropped, float(np.percentile(late, 99)) / 1e6))
