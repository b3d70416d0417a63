"""The loop: chunks in, events out."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import zmq
from numpy.typing import NDArray

from streamer.detect import Beat, DetectorPool, Event, Onset, Rhythm, Status, Waves
from streamer.engine import Engine
from streamer.latency import Recorder
from streamer.service.publisher import Publisher
from streamer.service.registry import Entry, Receipt
from streamer.service.sockets import ServiceError, attach
from streamer.wire import VERSION, Chunk, WireError, decode_chunk, topic
from streamer.wire.messages import (
    BeatMessage,
    LatencyMessage,
    OnsetMessage,
    RhythmMessage,
    SignalMessage,
    StatusMessage,
    WavesMessage,
)

TICK_NS = 1_000_000_000
GONE_NS = 10_000_000_000
FORGET_NS = 600_000_000_000
LAG_MS, CAUGHT_UP_MS = 1000.0, 500.0
BURST = 1000
MAX_STREAMS = 10_000
MAX_BYTES = 8 << 20
UNNAMED = "-"


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
    ) -> None:
        context = context or zmq.Context.instance()
        self._in = context.socket(zmq.SUB)
        self._in.setsockopt(zmq.RCVHWM, 100_000)
        self._in.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
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
        self._publisher = Publisher(self._out)
        self._recorder = Recorder()
        self._refused: dict[str, tuple[int, str, int]] = {}  # name: count, last sentence, when it was told

    def warm_up(self) -> None:
        """Run every kernel once, so that the first chunk is not late."""
        engine = self._pool.engine
        pool = DetectorPool(engine)
        pool.add("warm-up", 250, ["I"])
        wave = 0.3 * np.sin(np.arange(1500) / 5.0)[:, None]
        for start in range(0, 1500, 25):
            pool.push({"warm-up": (wave[start : start + 25], None)})
        pool.flush("warm-up")

    def hears(self, where: bytes) -> bool:
        """Return whether someone has subscribed to a topic."""
        return self._publisher.subscribed(where)

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
        for socket in (self._in, self._out, self._stop_in):
            poller.register(socket, zmq.POLLIN)
        tick = time.monotonic_ns() + TICK_NS
        try:
            while True:
                wait = max(0, tick - time.monotonic_ns()) // 1_000_000 + 1
                due = dict(poller.poll(wait))
                if self._stop_in in due:
                    break
                if self._out in due:
                    self._publisher.hear()
                if self._in in due:
                    self._drain()
                if time.monotonic_ns() >= tick:
                    self._tick()
                    tick += TICK_NS
        except KeyboardInterrupt:
            pass
        finally:
            self._close()

    # ---- chunks

    def _drain(self) -> None:
        """Take whatever has arrived; the k-th chunks of all streams go through the network together."""
        rounds: list[dict[str, Receipt]] = []
        depth: dict[str, int] = {}
        for _ in range(BURST):
            try:
                frames = self._in.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            receipt = self._accept(frames, time.time_ns())
            if receipt is None:
                continue
            name = receipt.chunk.header.stream
            k = depth.get(name, 0)
            depth[name] = k + 1
            if k == len(rounds):
                rounds.append({})
            rounds[k][name] = receipt
        for receipts in rounds:
            self._process(receipts)

    def _accept(self, frames: list[bytes], received: int) -> Receipt | None:
        try:
            chunk = decode_chunk(frames)
            entry = self._entries.get(chunk.header.stream)
            if entry is not None:
                entry.check(chunk.header)
            elif len(self._entries) >= MAX_STREAMS:
                raise WireError(f"there are {MAX_STREAMS} streams already, which is the most", chunk.header.stream)
            return Receipt(chunk, received)
        except WireError as error:
            self._refuse(error)
            return None

    def _refuse(self, error: WireError) -> None:
        """Count a bad message and tell of it: each new sentence at once, the same one each second."""
        name = error.stream or UNNAMED
        if name not in self._refused and len(self._refused) >= MAX_STREAMS:
            name = UNNAMED
        count, sentence, told = self._refused.get(name, (0, "", 0))
        now = time.monotonic_ns()
        if sentence != str(error) or now - told >= TICK_NS:
            sentence, told = str(error), now
            self._status(name, "refused", f"Message refused: {sentence}.", count=count + 1)
        self._refused[name] = (count + 1, sentence, told)

    def _process(self, receipts: dict[str, Receipt]) -> None:
        work: dict[str, tuple[NDArray[np.float64], int | None]] = {}
        for name, receipt in list(receipts.items()):
            try:
                self._enter(name, receipt)
            except WireError as error:
                self._refuse(error)
                del receipts[name]
                continue
            work[name] = (receipt.chunk.millivolts(), receipt.chunk.header.index)
        started = time.time_ns()
        told = self._pool.push(work)
        computed = time.time_ns()
        for name, receipt in receipts.items():
            receipt.started, receipt.computed = started, computed
            for event in told[name]:
                self._tell(name, event, receipt)
            self._lag(name, receipt)
            if receipt.chunk.header.end:
                for event in self._pool.flush(name):
                    self._tell(name, event, receipt)
                self._entries[name].ended = True
                self._pool.remove(name)
            elif self.hears(topic("signal", name)):
                self._show(name)

    def _enter(self, name: str, receipt: Receipt) -> None:
        """Bring the registry up to a chunk: a new stream, a new epoch, or the next chunk."""
        header = receipt.chunk.header
        entry = self._entries.get(name)
        if entry is None:
            entry = self._entries[name] = Entry(header, receipt.received)
            self._connect(name, receipt)
        elif header.epoch != entry.header.epoch:
            entry.check(header)
            if name in self._pool:
                for event in self._pool.flush(name):
                    self._tell(name, event, receipt)
            self._status(
                name, "replaced", f"A newer feed has taken over from epoch {entry.header.epoch}.", header.epoch
            )
            entry.replace(header)
            self._connect(name, receipt)
        else:
            entry.check(header)
        entry.header = header
        entry.heard_ns = receipt.received
        entry.gone = False

    def _connect(self, name: str, receipt: Receipt) -> None:
        header = receipt.chunk.header
        self._pool.add(name, header.fs, header.leads)
        detail = f"Leads {', '.join(header.leads)} at {header.fs:g} Hz."
        self._status(name, "connected", detail, header.epoch, index=header.index)

    # ---- events

    def _tell(self, name: str, event: Event, receipt: Receipt) -> None:
        epoch = self._entries[name].header.epoch
        if isinstance(event, Status):
            self._status(
                name, event.code, event.detail, epoch,
                index=event.index, known=event.known, lead=event.lead, samples=event.samples,
            )  # fmt: skip
            return
        where = topic(str(event.__struct_config__.tag), name)
        published = time.time_ns()
        about: dict[str, Any] = msgspec.structs.asdict(event)
        about |= {
            "v": VERSION,
            "stream": name,
            "epoch": epoch,
            "seq": self._publisher.next_seq(where),
            "published_ns": published,
        }
        if isinstance(event, Onset):
            about["onset_ns"] = receipt.sample_ns(event.onset)
            about["latency"] = receipt.latency(event.onset, event.known, event.delay_ms, published)
            self._publisher.send(where, OnsetMessage(**about))
        elif isinstance(event, Waves):
            self._publisher.send(where, WavesMessage(**about))
        elif isinstance(event, Rhythm):
            self._publisher.send(where, RhythmMessage(since_ns=receipt.sample_ns(event.since), **about))
        elif isinstance(event, Beat):
            for point in ("onset", "peak", "offset"):
                about[f"{point}_ns"] = receipt.sample_ns(about[point])
            about["latency"] = latency = receipt.latency(event.offset, event.known, event.delay_ms, published)
            self._publisher.send(where, BeatMessage(**about))
            if receipt.measured and event.revision == 0 and "settling" not in event.flags:
                self._recorder.record(latency)

    def _status(self, name: str, code: str, detail: str, epoch: str | None = None, **more: Any) -> None:
        where = topic("status", name)
        self._publisher.send(
            where,
            StatusMessage(
                v=VERSION,
                stream=name,
                seq=self._publisher.next_seq(where),
                code=code,
                detail=detail,
                published_ns=time.time_ns(),
                epoch=epoch,
                **more,
            ),
        )

    def _lag(self, name: str, receipt: Receipt) -> None:
        """Tell when a stream is more than a second behind its plan, and when it is not any more."""
        sent = receipt.chunk.header.sent_ns
        if sent is None or not receipt.comparable:
            return
        entry = self._entries[name]
        behind = (receipt.computed - sent) / 1e6
        if not entry.lagging and behind > LAG_MS:
            entry.lagging = True
            self._status(name, "lagging", f"The stream is {behind / 1000:.1f} s behind its plan.", entry.header.epoch)
        elif entry.lagging and behind < CAUGHT_UP_MS:
            entry.lagging = False
            self._status(name, "caught_up", "The stream has caught up with its plan.", entry.header.epoch)

    def _show(self, name: str) -> None:
        """Publish the conditioned samples that came since the last time."""
        entry, stream = self._entries[name], self._pool.stream(name)
        (start, made), values = stream.signal(entry.shown)
        entry.shown = (start, made)
        if not values.shape[1]:
            return
        where = topic("signal", name)
        self._publisher.send(
            where,
            SignalMessage(
                v=VERSION,
                stream=name,
                epoch=entry.header.epoch,
                seq=self._publisher.next_seq(where),
                fs=250.0,
                index=start + (made - values.shape[1]) * stream.step,
                step=stream.step,
                published_ns=time.time_ns(),
                leads={
                    lead: [None if v != v else round(v, 4) for v in row]
                    for lead, row in zip(stream.leads, values.tolist(), strict=True)
                },
            ),
        )

    # ---- time

    def _tick(self) -> None:
        now = time.time_ns()
        for name, entry in list(self._entries.items()):
            silent = now - entry.heard_ns
            if silent > FORGET_NS:
                del self._entries[name]
                if name in self._pool:
                    self._pool.remove(name)
                self._publisher.forget(name)
            elif silent > GONE_NS and not entry.gone and not entry.ended:
                entry.gone = True
                self._finish(name, self._pool.pause(name))
                self._status(
                    name,
                    "gone",
                    f"Nothing heard for {GONE_NS / 1e9:g} s; what was held is finished.",
                    entry.header.epoch,
                )
        where = topic("latency")
        self._publisher.send(
            where,
            LatencyMessage(
                v=VERSION,
                seq=self._publisher.next_seq(where),
                published_ns=now,
                streams=len(self._pool),
                stages=self._recorder.percentiles(time.monotonic()),
            ),
        )
        self._publisher.heartbeat(now)

    def _finish(self, name: str, events: list[Event]) -> None:
        """Tell what was held when no chunk brought it out: there is nothing to measure it from."""
        header = self._entries[name].header
        now = time.time_ns()
        receipt = Receipt(Chunk(header, np.zeros((0, len(header.leads)))), now, now, now, measured=False)
        for event in events:
            self._tell(name, event, receipt)

    def _close(self) -> None:
        for name in self._entries:
            if name in self._pool:
                self._finish(name, self._pool.flush(name))
        for socket in (self._in, self._out, self._stop_in, self._stop_out):
            socket.close()
