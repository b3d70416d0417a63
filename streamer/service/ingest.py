"""What comes in: messages off the socket in bursts, chunks that wait, and rounds that serve every stream in turn."""

import time
from collections import deque
from collections.abc import Callable

import zmq

from streamer.service.registry import Receipt
from streamer.wire import WireError, decode_chunk
from streamer.wire.codec import stream_of

BURST = 1000  # messages taken before something is done with them
BACKLOG = 20_000  # chunks that may wait; beyond, they are left to ZeroMQ, and so to the feeds that wait for room
ROUND = 256  # streams of a round: what waits behind it waits for some ten milliseconds
JOINED_S = 1.0  # of a stream's signal in a round, if more than a chunk waits


class Ingest:
    """Chunks between the socket and the detectors.

    Parameters
    ----------
    socket : zmq.Socket
        SUB.
    refuse : callable
        Told of each bad message.

    Attributes
    ----------
    shed : dict
        Streams whose chunks are dropped unread, but for their last, and how many were.
    received : int
        Messages taken off the socket.
    """

    def __init__(self, socket: "zmq.Socket[bytes]", refuse: Callable[[WireError], None]) -> None:
        self.socket = socket
        self.shed: dict[str, int] = {}
        self.received = 0
        self._refuse = refuse
        self._waiting: dict[str, deque[Receipt]] = {}  # in the order in which streams are served
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def drain(self) -> None:
        """Take what has arrived, up to a burst, and no more than may wait."""
        waiting = self._waiting
        for _ in range(min(BURST, BACKLOG - self._count)):
            try:
                frames = _receive(self.socket)
            except zmq.Again:
                return
            self.received += 1
            try:
                if self.shed and (name := stream_of(frames[0])) in self.shed and not _ends(frames):
                    self.shed[name] += 1
                    continue
                chunk = decode_chunk(frames)
            except WireError as error:
                self._refuse(error)
                continue
            queue = waiting.get(chunk.header.stream)
            if queue is None:
                queue = waiting[chunk.header.stream] = deque()
            queue.append(Receipt(chunk, time.time_ns()))
            self._count += 1

    def round(self) -> dict[str, list[Receipt]]:
        """Return the chunks whose turn it is, by stream; chunks of one stream follow on each other."""
        result: dict[str, list[Receipt]] = {}
        for name in list(self._waiting)[:ROUND]:
            queue = self._waiting.pop(name)
            receipts = result[name] = [queue.popleft()]
            if queue:
                first = receipts[0].chunk.header
                while queue and _follows(receipts[-1], queue[0], first.index + JOINED_S * first.fs):
                    receipts.append(queue.popleft())
                if queue:
                    self._waiting[name] = queue
            self._count -= len(receipts)
        return result

    def drop(self, name: str) -> None:
        """Shed a stream: what waits of it is dropped, and what comes."""
        dropped = self._waiting.pop(name, deque())
        self._count -= len(dropped)
        self.shed[name] = len(dropped)


def _receive(socket: "zmq.Socket[bytes]") -> list[bytes]:
    """Return a message; a frame knows whether more follow, which is cheaper than to ask the socket."""
    frame = socket.recv(zmq.NOBLOCK, copy=False)
    frames = [frame.bytes]
    while frame.more:
        frame = socket.recv(zmq.NOBLOCK, copy=False)
        frames.append(frame.bytes)
    return frames


def _ends(frames: list[bytes]) -> bool:
    """Whether a chunk of a stream that was let go is its last; the others are not read."""
    return b'"end"' in b"".join(frames[1:2]) and decode_chunk(frames).header.end


def _follows(receipt: Receipt, after: Receipt, end: float) -> bool:
    """Whether a chunk can be joined to the one before it."""
    one, two = receipt.chunk.header, after.chunk.header
    return (
        one.epoch == two.epoch
        and one.index + one.n == two.index
        and two.index + two.n <= end
        and one.fs == two.fs
        and one.leads == two.leads
        and not one.end
    )
