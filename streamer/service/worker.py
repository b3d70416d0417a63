"""A worker: a service that is given its streams, and leaves their state with its supervisor."""

import signal
import time
from pathlib import Path

import msgspec
import zmq

from streamer.detect import snapshot
from streamer.engine import Engine, load_engine
from streamer.service.control import Desk, Forgot, Kept, Ready, Refuse, State, Stop, Take, encode
from streamer.service.registry import Entry
from streamer.service.service import Service, collect_rarely
from streamer.service.sockets import batch_context
from streamer.wire import WireError, topic

KEEP_TICKS = 5  # in which the supervisor is given the state of every stream


class Worker(Service):
    """Serves the streams that its supervisor gives.

    Parameters
    ----------
    engine : Engine
    ingest, events : str
        Endpoints to connect to.
    context : zmq.Context
    desk : Desk
    """

    def __init__(
        self, engine: Engine, ingest: str, events: str, context: "zmq.Context[zmq.Socket[bytes]]", desk: Desk
    ) -> None:
        super().__init__(engine, ingest, events, True, context, desk.number)
        self._desk = desk
        self._share = 0
        self._keep: list[str] = []  # streams whose state the supervisor is to have next

    def _sockets(self) -> list["zmq.Socket[bytes]"]:
        return [*super()._sockets(), self._desk.socket]

    def _obey(self, due: dict["zmq.Socket[bytes]", int]) -> bool:
        """Do what the supervisor says; return whether to go on."""
        for message in self._desk.heard() if self._desk.socket in due else []:
            if isinstance(message, Stop):
                return False
            if isinstance(message, Refuse):
                self._refuse(WireError(message.sentence))
            if isinstance(message, Take):
                self._in.subscribe(topic("ecg", message.stream))
                if message.state is not None:
                    self._go_on(message.stream, message.state)
        return super()._obey(due)

    def _go_on(self, name: str, state: bytes) -> None:
        """Go on with a stream where the worker that has died had left its state."""
        kept = msgspec.msgpack.decode(state, type=Kept)
        snapshot.restore(self._pool, name, snapshot.read(kept.detector))
        self._entries[name] = Entry(kept.header, time.time_ns(), old=kept.old)
        self._publisher.resume(name, kept.seqs)
        after = kept.header.index + kept.header.n
        detail = "Its worker had died; the stream goes on with the state that it had before this sample."
        self._announcer.status(name, "restored", detail, kept.header.epoch, index=after)

    def _forget(self, name: str) -> None:
        super()._forget(name)
        self._in.unsubscribe(topic("ecg", name))
        self._desk.say(Forgot(name))

    def _tick(self) -> None:
        super()._tick()
        self._hand_in()

    def _hand_in(self) -> None:
        """Give the supervisor the state of some streams, so that it has each once in some seconds."""
        if not self._keep:
            self._keep = [name for name in self._entries if name in self._pool]
            self._share = -(-len(self._keep) // KEEP_TICKS)
        for _ in range(min(self._share, len(self._keep))):
            name = self._keep.pop()
            if name in self._pool:
                entry = self._entries[name]
                kept = Kept(entry.header, entry.old, self._publisher.seqs(name), snapshot.save(self._pool, name))
                self._desk.say(State(name, encode(kept)))


def work(
    number: int,
    ingest: str,
    events: str,
    control: str,
    engine: str | None,
    profile: str,
    model: Path | None,
    metrics: tuple[str, int] | None,
) -> None:
    """Serve the streams that a supervisor gives; run in a process of its own."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)  # the supervisor says when to stop
    context = batch_context()
    desk = Desk(number, control, context)
    service = Worker(load_engine(engine, profile, model), ingest, events, context, desk)
    if metrics:
        from streamer.service.metrics import serve_metrics

        serve_metrics(service, *metrics)
    collect_rarely()
    service.run(lambda: desk.say(Ready()))
    desk.socket.close()
