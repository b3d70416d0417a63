"""The socket that events leave by."""

import time

import zmq

from streamer.wire import VERSION, EventMessage, encode_event, topic
from streamer.wire.messages import HeartbeatMessage

SILENT_NS = 1_000_000_000
KINDS = ("onset", "beat", "waves", "rhythm", "status", "signal")
SOME = 100  # topics looked at in a round
SKIPPED = 1000  # in `seq`, where events of a worker that died are not known


class Publisher:
    """An XPUB that counts each topic, knows what is subscribed, and sends heartbeats where a topic is silent.

    Parameters
    ----------
    socket : zmq.Socket
        XPUB, bound or connected.
    own : bool
        Whether it sends heartbeats for topics of its own streams alone, because others have theirs.

    Attributes
    ----------
    shows : bool
        Whether someone listens to the signal of any stream.
    """

    def __init__(self, socket: "zmq.Socket[bytes]", own: bool = False) -> None:
        self.socket, self._own = socket, own
        self._prefixes: set[bytes] = set()
        self._lengths: list[int] = []  # of the prefixes, each once
        self.shows = False
        self._due: list[bytes] = []  # topics that may need a heartbeat
        self._last: dict[bytes, tuple[int, int]] = {}  # topic: seq, when

    def next_seq(self, where: bytes) -> int:
        """Count an event of a topic, whether or not it is sent, and return its `seq`."""
        seq = self._last.get(where, (-1, 0))[0] + 1
        self._last[where] = (seq, time.monotonic_ns())
        return seq

    def send(self, where: bytes, event: EventMessage) -> None:
        """Publish an event."""
        self.socket.send(where, zmq.SNDMORE)
        self.socket.send(encode_event(event))

    def subscribed(self, where: bytes) -> bool:
        """Return whether someone listens to a topic."""
        return any(where[:n] in self._prefixes for n in self._lengths)

    def hear(self) -> None:
        """Take in subscriptions that have come or gone."""
        while self.socket.poll(0):
            message = self.socket.recv()
            if message[:1] == b"\x01":
                self._prefixes.add(message[1:])
            elif message[:1] == b"\x00":
                self._prefixes.discard(message[1:])
        self._lengths = sorted({len(prefix) for prefix in self._prefixes})
        self.shows = any(prefix.startswith(b"signal/") or b"signal/".startswith(prefix) for prefix in self._prefixes)

    def begin_heartbeats(self) -> None:
        """Begin to look for subscribed topics that have been silent for a second."""
        asked = {p for p in self._prefixes if p.count(b"/") == 2 and p.endswith(b"/") and not self._own}
        self._due = self._due or [*(asked - self._last.keys()), *self._last]

    def heartbeat(self) -> bool:
        """Send the last `seq` of some of them; return whether there are more, which can wait for what is urgent."""
        some, self._due = self._due[:SOME], self._due[SOME:]
        now_ns = time.time_ns()
        for where in some:
            seq, when = self._last.get(where, (-1, 0))
            if time.monotonic_ns() - when >= SILENT_NS and self.subscribed(where):
                message = HeartbeatMessage(
                    v=VERSION, topic=where.decode("ascii", "replace"), last_seq=seq, published_ns=now_ns
                )
                self.socket.send_multipart([where, encode_event(message)])
        return bool(self._due)

    def forget(self, stream: str) -> None:
        """Drop the counts of a stream that is no longer known."""
        for kind in KINDS:
            self._last.pop(topic(kind, stream), None)

    def seqs(self, stream: str) -> dict[str, int]:
        """Return the last `seq` of each kind of event of a stream."""
        return {kind: self._last[where][0] for kind in KINDS if (where := topic(kind, stream)) in self._last}

    def resume(self, stream: str, seqs: dict[str, int]) -> None:
        """Go on counting, far enough from where it was known to be that no number comes twice."""
        for kind in KINDS:
            self._last[topic(kind, stream)] = (seqs.get(kind, -1) + SKIPPED, time.monotonic_ns())
