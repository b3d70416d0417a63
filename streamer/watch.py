"""A subscriber: the terminal view, or events a line each."""

import sys
import time
from collections.abc import Callable

import zmq

from streamer.service.sockets import attach
from streamer.wire import WireError, decode_event, topic
from streamer.wire.messages import BeatMessage, HeartbeatMessage, OnsetMessage, WavesMessage

KINDS = ("onset", "beat", "waves", "rhythm", "status", "latency")
FRAMES_A_SECOND = 8


class Subscriber:
    """A SUB socket on the event topics of one stream, or of all.

    Parameters
    ----------
    events : str
        Endpoint of a service's events.
    stream : str, optional
    signal : bool
        Also the conditioned signal.
    context : zmq.Context, optional

    Raises
    ------
    ServiceError
        If the endpoint cannot be used.
    """

    def __init__(
        self,
        events: str,
        stream: str | None = None,
        signal: bool = False,
        context: "zmq.Context[zmq.Socket[bytes]] | None" = None,
    ) -> None:
        self._socket = (context or zmq.Context.instance()).socket(zmq.SUB)
        for kind in (*KINDS, "signal") if signal else KINDS:
            self._socket.subscribe(topic(kind) if kind == "latency" else topic(kind, stream))
        attach(self._socket, events, connect=True)

    def receive(self, seconds: float) -> bytes | None:
        """Return the JSON of the next event, or None if there is none within the time."""
        if not self._socket.poll(max(0, int(1000 * seconds))):
            return None
        payload: bytes = self._socket.recv_multipart()[-1]
        return payload

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def print_lines(subscriber: Subscriber, ends: Callable[[], bool], settling: bool = True) -> None:
    """Print each event as a line of JSON.

    Parameters
    ----------
    subscriber : Subscriber
    ends : callable
        Asked some ten times a second whether to stop.
    settling : bool
        Whether to print the beats of the first two seconds, which are told late.
    """
    while not ends():
        payload = subscriber.receive(0.1)
        if payload is None:
            continue
        event = decode_event(payload)
        late = isinstance(event, BeatMessage | OnsetMessage | WavesMessage) and "settling" in event.flags
        if isinstance(event, HeartbeatMessage) or (late and not settling):
            continue
        sys.stdout.write(payload.decode() + "\n")
        sys.stdout.flush()


def show(subscriber: Subscriber, ends: Callable[[], bool], stream: str | None = None) -> None:
    """Draw the terminal view until `ends`."""
    from rich.live import Live

    from streamer.view import View

    view = View(stream)
    frame = 0.0
    with Live(view, auto_refresh=False, screen=True) as live:
        while not ends():
            payload = subscriber.receive(max(0.0, frame - time.monotonic()))
            if payload is not None:
                try:
                    view.take(decode_event(payload))
                except WireError:
                    continue
            if time.monotonic() >= frame:
                live.refresh()
                frame = time.monotonic() + 1 / FRAMES_A_SECOND
