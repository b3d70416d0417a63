"""From what a detector tells to messages on topics."""

import time
from typing import Any

import msgspec

from streamer.detect import Beat, Event, Onset, Rhythm, Status, Waves
from streamer.detect.stream import Stream
from streamer.latency import Recorder
from streamer.service.publisher import Publisher
from streamer.service.registry import Entry, Receipt
from streamer.wire import VERSION, topic
from streamer.wire.messages import (
    BeatMessage,
    OnsetMessage,
    RhythmMessage,
    SignalMessage,
    StatusMessage,
    WavesMessage,
)


class Announcer:
    """Puts names, numbers, times and stages on events, and publishes them.

    Parameters
    ----------
    publisher : Publisher
    recorder : Recorder
        Is given the stages of each beat.

    Attributes
    ----------
    told : dict
        Events published, by kind, and for status by its code.
    """

    def __init__(self, publisher: Publisher, recorder: Recorder) -> None:
        self._publisher, self._recorder = publisher, recorder
        self.told: dict[tuple[str, str], int] = {}

    def tell(self, name: str, epoch: str, event: Event, receipt: Receipt) -> None:
        """Publish an event.

        Parameters
        ----------
        name, epoch : str
            Of the stream.
        event : Event
        receipt : Receipt
            The chunk that made it known.
        """
        if isinstance(event, Status):
            self.status(
                name, event.code, event.detail, epoch,
                index=event.index, known=event.known, lead=event.lead, samples=event.samples,
            )  # fmt: skip
            return
        kind = str(event.__struct_config__.tag)
        where = topic(kind, name)
        published = time.time_ns()
        self._count(kind, "")
        seq = self._publisher.next_seq(where)
        if isinstance(event, Beat):
            latency = receipt.latency(event.offset, event.known, event.delay_ms, published)
            if receipt.measured and event.revision == 0 and "settling" not in event.flags:
                self._recorder.record(latency)
        if not self._publisher.subscribed(where):
            return
        about: dict[str, Any] = msgspec.structs.asdict(event)
        about |= {"v": VERSION, "stream": name, "epoch": epoch, "seq": seq, "published_ns": published}
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
            about["latency"] = latency
            self._publisher.send(where, BeatMessage(**about))

    def status(self, name: str, code: str, detail: str, epoch: str | None = None, **more: Any) -> None:
        """Publish news about a stream."""
        where = topic("status", name)
        self._count("status", code)
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

    def show(self, name: str, entry: Entry, stream: Stream) -> None:
        """Publish the conditioned samples that came since the last time, if someone asks for them."""
        where = topic("signal", name)
        if not self._publisher.subscribed(where):
            return
        (start, made), values = stream.signal(entry.shown)
        entry.shown = (start, made)
        if not values.shape[1]:
            return
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

    def _count(self, kind: str, code: str) -> None:
        self.told[kind, code] = self.told.get((kind, code), 0) + 1
