"""Many workers behind one address in and one out; libzmq's own proxies carry the chunks, no Python touches them."""

import threading
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import zmq

from streamer.service.control import Forgot, Ready, Refuse, State, Stop, Take, decode, encode
from streamer.service.sockets import ServiceError, attach, batch_context
from streamer.service.worker import work
from streamer.wire import WireError
from streamer.wire.codec import stream_of

LOOK_S, LONG_LOOK_S, EVERY_S = 0.1, 1.2, 1.0  # how long it looks for new streams, each tenth time, and how often
TENTH = 10
HWM = 100_000
HASTE_S, TRIES = 5.0, 3  # workers that end sooner than this, so many times in a row, are not replaced any more
PATIENCE_S = 10.0


class Supervisor:
    """Starts workers, finds streams, gives each to a worker, and replaces workers that die.

    A new stream is found by looking at all chunks for a moment each second: a feed that waits for a subscriber answers
    with an empty chunk and loses nothing; one that does not wait loses what it sends before it is found.

    Parameters
    ----------
    workers : int
    ingest, events : str
        Endpoints to bind.
    engine : str or None
    profile : str
    model : Path or None
    metrics : (str, int) or None
        Host and port of the first worker's metrics; each further worker takes the next port.

    Raises
    ------
    ServiceError
        If an endpoint cannot be used.
    """

    def __init__(
        self,
        workers: int,
        ingest: str,
        events: str,
        engine: str | None = None,
        profile: str = "default",
        model: Path | None = None,
        metrics: tuple[str, int] | None = None,
    ) -> None:
        self._context = batch_context()
        self._arguments = (engine, profile, model)
        self._metrics = metrics
        self.ingest, inside = self._proxy(ingest, "tcp://127.0.0.1:*", "ingest")
        outside, self.events = self._proxy("tcp://127.0.0.1:*", events, "events")
        self._inner = (inside, outside)
        self._control = self._context.socket(zmq.ROUTER)
        self._control.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._control.setsockopt(zmq.LINGER, 0)
        self._address = attach(self._control, "tcp://127.0.0.1:*", connect=False)
        self._scout = self._context.socket(zmq.SUB)
        self._scout.setsockopt(zmq.RCVHWM, HWM)
        self._scout.setsockopt(zmq.LINGER, 0)
        self._scout.connect(inside)
        self._stopping = threading.Event()
        self._workers: list[BaseProcess | None] = [None] * workers
        self._ready: set[int] = set()
        self._started = [0.0] * workers
        self._hasty = 0
        self.assigned: dict[str, int] = {}
        self._states: dict[str, bytes] = {}

    def _proxy(self, front: str, back: str, name: str) -> tuple[str, str]:
        """Carry messages from an XSUB to an XPUB in a thread, and subscriptions back."""
        sockets = self._context.socket(zmq.XSUB), self._context.socket(zmq.XPUB)
        for socket in sockets:
            socket.setsockopt(zmq.RCVHWM, HWM)
            socket.setsockopt(zmq.SNDHWM, HWM)
            socket.setsockopt(zmq.LINGER, 1000)
        try:
            ends = attach(sockets[0], front, connect=False), attach(sockets[1], back, connect=False)
        except ServiceError:
            self._context.destroy(linger=0)
            raise

        def carry() -> None:
            try:
                zmq.proxy(*sockets)
            except zmq.ZMQError:  # the context has ended
                for socket in sockets:
                    socket.close()

        threading.Thread(target=carry, name=f"{name} proxy", daemon=True).start()
        return ends

    def stop(self) -> None:
        """End `run`, from any thread or a signal."""
        self._stopping.set()

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop` is called.

        Parameters
        ----------
        ready : callable
            Called once all workers are ready.

        Raises
        ------
        ServiceError
            If workers end as soon as they are started.
        """
        poller = zmq.Poller()
        poller.register(self._control, zmq.POLLIN)
        poller.register(self._scout, zmq.POLLIN)
        told = False
        looks = 0
        look, close = time.monotonic(), 0.0
        try:
            for number in range(len(self._workers)):
                self._start(number)
            while not self._stopping.is_set():
                due = dict(poller.poll(50))
                if self._control in due:
                    self._hear()
                if self._scout in due:
                    self._find()
                if not told and len(self._ready) == len(self._workers):
                    told = True
                    ready()
                now = time.monotonic()
                if self._ready and now >= look and not close:
                    self._scout.subscribe(b"ecg/")
                    looks += 1
                    look, close = now + EVERY_S, now + (LOOK_S if looks % TENTH else LONG_LOOK_S)
                elif close and now >= close:
                    self._scout.unsubscribe(b"ecg/")
                    close = 0.0
                self._watch()
        except KeyboardInterrupt:
            pass
        finally:
            self._close()

    def _start(self, number: int) -> None:
        metrics = (self._metrics[0], self._metrics[1] + number) if self._metrics else None
        process = get_context("spawn").Process(
            target=work, args=(number, *self._inner, self._address, *self._arguments, metrics), daemon=True
        )
        process.start()
        self._workers[number] = process
        self._started[number] = time.monotonic()

    def _watch(self) -> None:
        """Replace workers that have died; their streams are given back when the new one is ready."""
        for number, process in enumerate(self._workers):
            if process is None or process.is_alive():
                continue
            self._ready.discard(number)
            hasty = time.monotonic() - self._started[number] < HASTE_S
            self._hasty = self._hasty + 1 if hasty else 0
            if self._hasty >= TRIES:
                raise ServiceError(f"workers end as soon as they start (exit status {process.exitcode})")
            self._start(number)

    def _hear(self) -> None:
        while self._control.poll(0):
            identity, payload = self._control.recv_multipart()
            number, message = int(identity), decode(payload)
            if isinstance(message, Ready):
                self._ready.add(number)
                for stream, worker in self.assigned.items():
                    if worker == number:
                        self._say(number, Take(stream, self._states.get(stream)))
            elif isinstance(message, State):
                self._states[message.stream] = message.state
            elif isinstance(message, Forgot):
                self.assigned.pop(message.stream, None)
                self._states.pop(message.stream, None)

    def _find(self) -> None:
        """Give new streams to the worker that has the fewest."""
        counts = dict.fromkeys(self._ready, 0)
        for number in self.assigned.values():
            if number in counts:
                counts[number] += 1
        while self._scout.poll(0):
            where = self._scout.recv_multipart()[0]
            try:
                stream = stream_of(where)
            except WireError as error:
                if self._ready:
                    self._say(min(self._ready), Refuse(str(error)))
                continue
            if stream not in self.assigned and counts:
                number = min(counts, key=lambda number: (counts[number], number))
                counts[number] += 1
                self.assigned[stream] = number
                self._say(number, Take(stream))

    def _say(self, number: int, message: Take | Refuse | Stop) -> None:
        try:
            self._control.send_multipart([str(number).encode(), encode(message)])
        except zmq.ZMQError:  # it has died; what it had is given to its successor
            self._ready.discard(number)

    def _close(self) -> None:
        for number in list(self._ready):
            self._say(number, Stop())
        end = time.monotonic() + PATIENCE_S
        for process in self._workers:
            if process is not None:
                process.join(max(0.0, end - time.monotonic()))
                if process.is_alive():
                    process.kill()
                    process.join()
        self._control.close()
        self._scout.close()
        self._context.term()
