"""One measurement: many live streams, and what a subscriber hears of them."""

import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np
import zmq
from hdrh.histogram import HdrHistogram

from streamer.latency import LARGEST_US, STAGES
from streamer.load.feed import Plan, Sent, Signal, feed, stream_number
from streamer.load.served import Served, Usage
from streamer.wire import decode_event, topic
from streamer.wire.messages import BeatMessage, StatusMessage

AHEAD_S = 2.0  # from the start of a feed to its first chunk; it takes as long to make thousands of streams
SETTLED_S = 3.0  # of signal, which are not counted
PATIENCE_S = 20.0
ARRIVAL, SERVICE, DELIVERY = "arrival", "transport + queue + compute", "delivery"
MEASURED = (*STAGES, ARRIVAL, SERVICE, DELIVERY)


class Trial(NamedTuple):
    """What was measured.

    Attributes
    ----------
    plan : Plan
    sent : Sent
    histograms : dict of HdrHistogram
        In us, by stage: those of the events; `total` and `arrival` to the subscriber (end of QRS, and publishing, to
        its arrival); `transport + queue + compute`, from the planned sending; `delivery`, from the planned sending of
        the chunk that made the beat known to the arrival, which is there at any speed.
    course : list of (float, float)
        Second of the trial, and delivery in ms, of each beat.
    lost : int
        Events that did not arrive, by their `seq`.
    codes : dict
        Status codes, and how often.
    before, after : Usage or None
        Of an own service, when the streams had settled and at their end.
    wall_s : float
        Between the two.
    """

    plan: Plan
    sent: Sent
    histograms: dict[str, HdrHistogram]
    course: list[tuple[float, float]]
    lost: int
    codes: dict[str, int]
    before: Usage | None
    after: Usage | None
    wall_s: float

    def ms(self, stage: str, percentile: float) -> float | None:
        """Return a percentile of a stage in ms; None if nothing was measured."""
        histogram = self.histograms[stage]
        return histogram.get_value_at_percentile(percentile) / 1000 if histogram.total_count else None

    @property
    def cores(self) -> float | None:
        """CPU seconds of the service a second."""
        return None if not self.before or not self.after else (self.after.cpu_s - self.before.cpu_s) / self.wall_s


class Listener:
    """Counts what a subscriber hears of a plan.

    Parameters
    ----------
    plan : Plan
    signals : list of Signal

    Attributes
    ----------
    histograms, course, lost, codes
        As in `Trial`.
    """

    def __init__(self, plan: Plan, signals: list[Signal]) -> None:
        self._plan, self._signals = plan, signals
        self._seqs: dict[bytes, int] = {}
        self.counted_ns = plan.start_ns + (plan.ramp_s + SETTLED_S) / plan.speed * 1e9
        self.histograms = {stage: HdrHistogram(1, LARGEST_US, 3) for stage in MEASURED}
        self.course: list[tuple[float, float]] = []
        self.codes: dict[str, int] = {}
        self.lost = 0

    def take(self, where: bytes, payload: bytes, arrived: int) -> None:
        """Take an event that arrived at a time in ns."""
        event = decode_event(payload)
        if not isinstance(event, BeatMessage | StatusMessage) or event.epoch not in (self._plan.epoch, None):
            return
        self.lost += event.seq - self._seqs.get(where, event.seq - 1) - 1
        self._seqs[where] = event.seq
        if isinstance(event, StatusMessage):
            self.codes[event.code] = self.codes.get(event.code, 0) + 1
        elif not event.revision and "settling" not in event.flags and arrived >= self.counted_ns:
            self._count(event, arrived)

    def _count(self, event: BeatMessage, arrived: int) -> None:
        plan, k = self._plan, stream_number(event.stream)
        fs = self._signals[k % len(self._signals)].fs
        size = max(1, round(plan.chunk_ms / 1000 * fs))
        if event.known >= plan.chunks(k) * size - 1:  # it was finished by the end of the feed
            return
        delivery = (arrived - plan.due(k, (event.known // size + 1) * size / fs)) / 1e6
        self.course.append(((arrived - plan.start_ns) / 1e9, delivery))
        stages = {stage: getattr(event.latency, stage) for stage in STAGES}
        stages[ARRIVAL] = (arrived - event.published_ns) / 1e6
        stages[SERVICE] = (event.latency.transport or 0.0) + event.latency.queue + event.latency.compute
        stages[DELIVERY] = delivery
        if event.latency.total is not None:
            stages["total"] = event.latency.total + stages[ARRIVAL]
        for stage, value in stages.items():
            if value is not None:
                self.histograms[stage].record_value(int(min(max(1, np.rint(1000 * value)), LARGEST_US)))


def run(
    signals: list[Signal],
    ingest: str,
    events: str,
    streams: int,
    chunk_ms: float,
    seconds: float,
    speed: float = 1.0,
    served: Served | None = None,
    progress: Callable[[float], None] = lambda seconds: None,
) -> Trial:
    """Feed a service and listen.

    Parameters
    ----------
    signals : list of Signal
    ingest, events : str
        Of the service.
    streams : int
    chunk_ms, seconds, speed : float
        As in `Plan`.
    served : Served, optional
        The service, if it is an own one: its use is measured.
    progress : callable
        Called with the seconds of signal gone.

    Returns
    -------
    Trial

    Raises
    ------
    TimeoutError
        If the feed or the streams do not come to their end.
    """
    context = zmq.Context()
    socket = context.socket(zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, 0)
    for kind in ("beat", "status"):
        socket.subscribe(topic(kind))
    socket.connect(events)
    plan = Plan(streams, chunk_ms, seconds, speed, time.time_ns() + round((AHEAD_S + streams / 2000) * 1e9))
    processes = get_context("spawn")
    receiver, sender = processes.Pipe(False)
    process = processes.Process(target=feed, args=(ingest, signals, plan, sender), daemon=True)
    process.start()
    sender.close()
    listener = Listener(plan, signals)
    whole_s = plan.ramp_s + seconds
    end_s = plan.start_ns / 1e9 + whole_s / speed
    used: list[tuple[Usage, float]] = []  # when the streams have settled, and at their end
    while listener.codes.get("ended", 0) < streams:
        now = time.time()
        if served and len(used) < 2 and now >= (end_s if used else listener.counted_ns / 1e9):
            used.append((served.usage(), now))
        if now > end_s + PATIENCE_S:
            left = streams - listener.codes.get("ended", 0)
            raise TimeoutError(f"{left} of {streams} streams have not ended after {PATIENCE_S:g} s")
        progress(min(whole_s, max(0.0, (now - plan.start_ns / 1e9) * speed)))
        socket.poll(100)
        with suppress(zmq.Again):
            while True:
                where, payload = socket.recv_multipart(zmq.NOBLOCK)
                listener.take(where, payload, time.time_ns())
    if not receiver.poll(PATIENCE_S):
        raise TimeoutError("the feed has not come to its end")
    sent: Sent = receiver.recv()
    process.join()
    context.destroy(linger=0)
    if served and len(used) < 2:
        used.append((served.usage(), time.time()))
    before, after = (used[0][0], used[-1][0]) if len(used) == 2 else (None, None)
    wall_s = used[-1][1] - used[0][1] if used else 0.0
    return Trial(plan, sent, listener.histograms, listener.course, listener.lost, listener.codes, before, after, wall_s)
