"""The loop: chunks in, events out."""

import gc
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice

import numpy as np
import zmq
from numpy.typing import NDArray

from streamer.detect import DetectorPool, Event
from streamer.engine import Engine
from streamer.latency import Recorder
from streamer.service.announcer import Announcer
from streamer.service.ingest import Ingest
from streamer.service.publisher import Publisher
from streamer.service.registry import Counts, Entry, Receipt
from streamer.service.shedding import Shedder
from streamer.service.sockets import ServiceError, attach
from streamer.wire import VERSION, Chunk, WireError, topic
from streamer.wire.messages import LatencyMessage, millivolts

TICK_NS = 1_000_000_000
# from the beginning of a round to the next at least: so many times what a round took, so that chunks of many streams
# come together, but no longer than this, so that they do not wait
PACE, PACE_NS = 4, 10_000_000
GONE_NS = 10_000_000_000
FORGET_NS = 600_000_000_000
LAG_MS, CAUGHT_UP_MS = 1000.0, 500.0
MAX_STREAMS = 10_000
MAX_BYTES = 8 << 20
UNNAMED = "-"


def collect_rarely() -> None:
    """Let Python look for garbage in cycles rarely, in all of this process.

    No chunk makes any; to look for it each 700 objects took a fifth of the time.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class Service:
    """Takes chunks from a SUB socket, detects beats in all their streams, and publishes events on an XPUB socket.

    Parameters
    ----------
    engine : Engine
    ingest, events : str
        Endpoints, such as `tcp://127.0.0.1:5555`; a port `*` takes a free one.
    connect : bool
        Connect both sockets instead of binding them.
    context : zmq.Context, optional
    number : int, optional
        Of a worker, which serves the streams that it is given, not all.

    Raises
    ------
    ServiceError
        If an endpoint cannot be used.
    """

    def __init__(
        self,
        engine: Engine,
        ingest: str = "tcp://127.0.0.1:5555",
        events: str = "tcp://127.0.0.1:5556",
        connect: bool = False,
        context: "zmq.Context[zmq.Socket[bytes]] | None" = None,
        number: int | None = None,
    ) -> None:
        context = context or zmq.Context.instance()
        self._in = context.socket(zmq.SUB)
        self._in.setsockopt(zmq.RCVHWM, 20_000)
        self._in.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
        if number is None:
            self._in.subscribe(b"")
        self._out = context.socket(zmq.XPUB)
        self._out.setsockopt(zmq.SNDHWM, 100_000)
        self._out.setsockopt(zmq.LINGER, 1000)
        try:
            self.ingest = attach(self._in, ingest, connect)
            self.events = attach(self._out, events, connect)
        except ServiceError:
            self._in.close(0)
            self._out.close(0)
            raise
        self._stop_in, self._stop_out = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        self._stop_in.bind(f"inproc://stop-{id(self)}")
        self._stop_out.connect(f"inproc://stop-{id(self)}")
        self._pool = DetectorPool(engine)
        self._entries: dict[str, Entry] = {}
        self._ingest = Ingest(self._in, self._refuse)
        self._publisher = Publisher(self._out, own=number is not None)
        self._latency = topic("latency", None if number is None else str(number))
        self.recorder = Recorder()
        self._announcer = Announcer(self._publisher, self.recorder)
        self._counts = Counts()
        self._behind_ms = 0.0
        self._shedder = Shedder()
        self._refused: dict[str, tuple[int, str, int]] = {}  # name: count, last sentence, when it was told

    def warm_up(self) -> None:
        """Run every kernel once, so that the first chunk is not late."""
        engine = self._pool.engine
        pool = DetectorPool(engine)
        pool.add("warm-up", 250, ["I"])
        wave = 0.3 * np.sin(np.arange(1500) / 5.0)[:, None]
        for start in range(0, 1500, 25):
            pool.push({"warm-up": (wave[start : start + 25], None)})
        pool.flush(["warm-up"])

    def hears(self, where: bytes) -> bool:
        """Return whether someone has subscribed to a topic."""
        return self._publisher.subscribed(where)

    def counts(self) -> Counts:
        """Return what has happened so far, and what is at the moment; from any thread."""
        entries = list(self._entries.values())
        return replace(
            self._counts,
            received=self._ingest.received,
            told=dict(self._announcer.told),
            streams=len(self._pool),
            shed=len(self._ingest.shed),
            lagging=sum(entry.lagging for entry in entries),
            waiting=len(self._ingest),
        )

    def stop(self) -> None:
        """End `run`, from any thread."""
        if not self._stop_out.closed:
            self._stop_out.send(b"")

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """Run in a thread from the moment the first chunk can come until the block is left."""
        ready = threading.Event()
        thread = threading.Thread(target=self.run, args=(ready.set,))
        thread.start()
        ready.wait()
        try:
            yield
        finally:
            self.stop()
            thread.join()

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop` is called; then finish what every stream holds, and close the sockets.

        Parameters
        ----------
        ready : callable
            Called once the first chunk can come.
        """
        self.warm_up()
        ready()
        poller = zmq.Poller()
        for socket in self._sockets():
            poller.register(socket, zmq.POLLIN)
        tick = time.monotonic_ns() + TICK_NS
        began, took, beating = 0, 0, False
        try:
            while True:
                wait = 0 if self._ingest or beating else max(0, tick - time.monotonic_ns()) // 1_000_000 + 1
                due = dict(poller.poll(wait))
                if not self._obey(due):
                    break
                pause = began + min(PACE * took, PACE_NS) - time.monotonic_ns()
                if pause > 0 and not self._ingest:
                    time.sleep(pause / 1e9)
                began = time.monotonic_ns()
                self._publisher.hear()
                if self._in in due:
                    self._ingest.drain()
                if self._ingest:
                    self._process(self._ingest.round())
                took = time.monotonic_ns() - began
                beating = beating and self._publisher.heartbeat()
                if time.monotonic_ns() >= tick:
                    self._tick()
                    beating = True
                    tick = max(tick + TICK_NS, time.monotonic_ns())
        except KeyboardInterrupt:
            pass
        finally:
            self._close()

    def _sockets(self) -> list["zmq.Socket[bytes]"]:
        """Return the sockets to wait for."""
        return [self._in, self._out, self._stop_in]

    def _obey(self, due: dict["zmq.Socket[bytes]", int]) -> bool:
        """Return whether to go on."""
        return self._stop_in not in due

    # ---- chunks

    def _refuse(self, error: WireError) -> None:
        """Count a bad message and tell of it: each new sentence at once, the same one each second."""
        name = error.stream or UNNAMED
        if name not in self._refused and len(self._refused) >= MAX_STREAMS:
            name = UNNAMED
        count, sentence, told = self._refused.get(name, (0, "", 0))
        now = time.monotonic_ns()
        if sentence != str(error) or now - told >= TICK_NS:
            sentence, told = str(error), now
            self._announcer.status(name, "refused", f"Message refused: {sentence}.", count=count + 1)
        self._refused[name] = (count + 1, sentence, told)

    def _process(self, work: dict[str, list[Receipt]]) -> None:
        """Detect in the chunks of a round, and tell what was found."""
        chunks: dict[str, tuple[NDArray[np.float64], int | None]] = {}
        entered: dict[str, list[Receipt]] = {}
        for name, receipts in work.items():
            try:
                self._enter(name, receipts)
            except WireError as error:
                self._refuse(error)
                continue
            entered[name] = receipts
            self._counts.chunks += len(receipts)
        parts = iter(millivolts([receipt.chunk for receipts in entered.values() for receipt in receipts]))
        for name, receipts in entered.items():
            samples = next(parts)
            if len(receipts) > 1:
                samples = np.concatenate([samples, *islice(parts, len(receipts) - 1)])
            chunks[name] = (samples, receipts[0].chunk.header.index)
            self._counts.samples += samples.size
        started = time.time_ns()
        told = self._pool.push(chunks)
        computed = time.time_ns()
        for name, events in told.items():
            receipts = work[name]
            for receipt in receipts:
                receipt.started, receipt.computed = started, computed
            if events:
                self._tell(name, events, receipts)
            self._lag(name, receipts[-1])
            if self._publisher.shows:
                self._announcer.show(name, self._entries[name], self._pool.stream(name))
        ended = [name for name in told if work[name][-1].chunk.header.end]
        for name, events in self._pool.flush(ended).items():
            self._count_dropped(name, self._ingest.shed.pop(name, 0))
            self._tell(name, events, work[name][-1:])
            self._entries[name].ended = True
            self._pool.remove(name)

    def _enter(self, name: str, receipts: list[Receipt]) -> None:
        """Bring the registry up to a chunk: a new stream, a new epoch, or the next chunk."""
        receipt = receipts[0]
        header = receipt.chunk.header
        entry = self._entries.get(name)
        if entry is None:
            if len(self._entries) >= MAX_STREAMS:
                raise WireError(f"there are {MAX_STREAMS} streams already, which is the most", name)
            entry = self._entries[name] = Entry(header, receipt.received)
            self._connect(name, receipt)
        elif header.epoch != entry.header.epoch:
            entry.check(header)
            if name in self._pool:
                self._tell(name, self._pool.flush([name])[name], receipts[:1])
            self._announcer.status(
                name, "replaced", f"A newer feed has taken over from epoch {entry.header.epoch}.", header.epoch
            )
            entry.replace(header)
            self._connect(name, receipt)
        else:
            entry.check(header)
        entry.header = receipts[-1].chunk.header
        entry.heard_ns = receipts[-1].received
        entry.gone = False

    def _connect(self, name: str, receipt: Receipt) -> None:
        header = receipt.chunk.header
        self._pool.add(name, header.fs, header.leads)
        detail = f"Leads {', '.join(header.leads)} at {header.fs:g} Hz."
        self._announcer.status(name, "connected", detail, header.epoch, index=header.index)

    def _tell(self, name: str, events: list[Event], receipts: list[Receipt]) -> None:
        """Publish events, each with the chunk that made it known."""
        epoch = self._entries[name].header.epoch
        starts = [receipt.chunk.header.index for receipt in receipts]
        for event in events:
            receipt = receipts[max(0, bisect_right(starts, event.known) - 1)]
            self._announcer.tell(name, epoch, event, receipt)

    def _lag(self, name: str, receipt: Receipt) -> None:
        """Tell when a stream is more than a second behind its plan, and when it is not any more."""
        sent = receipt.chunk.header.sent_ns
        if sent is None or not receipt.comparable:
            return
        self._shedder.waited((receipt.started - receipt.received) / 1e6)
        entry = self._entries[name]
        behind = (receipt.computed - sent) / 1e6
        self._behind_ms = max(self._behind_ms, behind)
        entry.live = True
        if not entry.lagging and behind > LAG_MS:
            entry.lagging = True
            detail = f"The stream is {behind / 1000:.1f} s behind its plan."
            self._announcer.status(name, "lagging", detail, entry.header.epoch)
        elif entry.lagging and behind < CAUGHT_UP_MS:
            entry.lagging = False
            detail = "The stream has caught up with its plan."
            self._announcer.status(name, "caught_up", detail, entry.header.epoch)

    def _shed(self) -> None:
        """Let streams go if there are too many, and take them back when there is room."""
        shed = self._ingest.shed
        live = (name for name, entry in self._entries.items() if entry.live and name in self._pool and name not in shed)
        go, back = self._shedder.decide(live, shed)
        for name, events in self._pool.pause(go).items():
            header = self._entries[name].header
            self._ingest.drop(name)
            self._finish(name, events)
            detail = "The service has more streams than it can serve; this one is not looked at for now."
            self._announcer.status(name, "shed", detail, header.epoch, index=header.index + header.n)
        for name in back:
            chunks = shed.pop(name)
            self._count_dropped(name, chunks)
            detail = f"The stream is looked at again, after {chunks} chunks that were not."
            self._announcer.status(name, "served", detail, self._entries[name].header.epoch, count=chunks)

    def _count_dropped(self, name: str, chunks: int) -> None:
        """Count the chunks that a stream has lost since it was let go, which is over."""
        self._counts.dropped += max(0, chunks - self._entries[name].dropped)
        self._entries[name].dropped = 0

    # ---- time

    def _tick(self) -> None:
        now = time.time_ns()
        for name, chunks in self._ingest.shed.items():
            if chunks != self._entries[name].dropped:
                self._counts.dropped += chunks - self._entries[name].dropped
                self._entries[name].dropped, self._entries[name].heard_ns = chunks, now
        for name, entry in list(self._entries.items()):
            silent = now - entry.heard_ns
            if silent > FORGET_NS:
                self._forget(name)
            elif silent > GONE_NS and not entry.gone and not entry.ended:
                entry.gone = True
                self._finish(name, self._pool.pause([name])[name])
                detail = f"Nothing heard for {GONE_NS / 1e9:g} s; what was held is finished."
                self._announcer.status(name, "gone", detail, entry.header.epoch)
        self._shed()
        self._counts.behind_s, self._behind_ms = self._behind_ms / 1000, 0.0
        self._tell_latency(now)
        self._publisher.begin_heartbeats()

    def _forget(self, name: str) -> None:
        """Know nothing any more of a stream that has long been silent."""
        del self._entries[name]
        if name in self._pool:
            self._pool.remove(name)
        self._ingest.shed.pop(name, None)
        self._publisher.forget(name)

    def _tell_latency(self, now: int) -> None:
        """Publish the percentiles, which take a while, if someone asks for them."""
        where, seconds = self._latency, time.monotonic()
        seq = self._publisher.next_seq(where)
        if not self._publisher.subscribed(where):
            self.recorder.turn(seconds)
            return
        stages = self.recorder.percentiles(seconds)
        streams = len(self._pool)
        self._publisher.send(
            where, LatencyMessage(v=VERSION, seq=seq, published_ns=now, streams=streams, stages=stages)
        )

    def _finish(self, name: str, events: list[Event]) -> None:
        """Tell what was held when no chunk brought it out: there is nothing to measure it from."""
        header = self._entries[name].header
        now = time.time_ns()
        receipt = Receipt(Chunk(header, np.zeros((0, len(header.leads)))), now, now, now, measured=False)
        self._tell(name, events, [receipt])

    def _close(self) -> None:
        self._publisher.hear()
        for name, events in self._pool.flush(name for name in self._entries if name in self._pool).items():
            self._finish(name, events)
        for socket in (self._in, self._out, self._stop_in, self._stop_out):
            socket.close()
