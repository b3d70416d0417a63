"""The messages on the wire: strict on what comes in, one source for code and JSON Schema."""

from itertools import groupby
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from streamer.detect.events import Beat, Onset, Rhythm, Waves

VERSION: Literal[1] = 1
NAME = r"[A-Za-z0-9._-]{1,64}"
DTYPES: dict[str, np.dtype[Any]] = {"<i2": np.dtype("<i2"), "<i4": np.dtype("<i4"), "<f4": np.dtype("<f4")}
MAX_SAMPLES = 1 << 20

Index = Annotated[int, Meta(ge=0, le=2**62)]
PerLead = float | list[float]


class Header(msgspec.Struct, kw_only=True, omit_defaults=True):
    """JSON header of a chunk; the second of its three frames.

    Attributes
    ----------
    v : int
        Version of the protocol, 1.
    stream : str
        Letters, digits, `.`, `_` and `-`, 1 to 64 of them; as in the topic.
    epoch : str
        New at each start of a feed, 1 to 64 characters. An epoch not heard before is the newest.
    seq : int
        Counts the chunks of an epoch from 0.
    index : int
        Index of the first sample since the epoch began.
    time_ns : int
        Time of the first sample on the feed's clock.
    fs : float
        Samples a second, 100 to 2000.
    leads : list of str
        Names, unique, 1 to 16.
    unit : str
        `mV` or `uV`, after `zero` and `scale`.
    dtype : str
        `<i2`, `<i4` or `<f4`.
    n : int
        Samples per lead.
    clock : str, optional
        Name of the feed's clock; `host` is the service's own.
    sent_ns : int, optional
        When the chunk was planned to be sent.
    scale, zero : float or list of float
        value = (count - zero) * scale; one number, or one for each lead.
    end : bool
        The feed ends with this chunk.
    """

    v: Literal[1]
    stream: Annotated[str, Meta(pattern=f"^{NAME}$")]
    epoch: Annotated[str, Meta(min_length=1, max_length=64)]
    seq: Index
    index: Index
    time_ns: int
    fs: Annotated[float, Meta(ge=100, le=2000)]
    leads: Annotated[list[Annotated[str, Meta(min_length=1, max_length=32)]], Meta(min_length=1, max_length=16)]
    unit: Literal["mV", "uV"]
    dtype: Literal["<i2", "<i4", "<f4"]
    n: Annotated[int, Meta(ge=0, le=MAX_SAMPLES)]
    clock: str | None = None
    sent_ns: int | None = None
    scale: PerLead = 1.0
    zero: PerLead = 0.0
    end: bool = False


class Chunk(msgspec.Struct):
    """A header with its samples.

    Attributes
    ----------
    header : Header
    samples : ndarray, shape (n, leads)
        Counts, in the header's dtype.
    """

    header: Header
    samples: NDArray[np.generic]

    def millivolts(self) -> NDArray[np.float64]:
        """Return the samples in mV, float64, shape (n, leads)."""
        return millivolts([self])[0]


def millivolts(chunks: list[Chunk]) -> list[NDArray[np.float64]]:
    """Return the samples of each chunk in mV; neighbours of the same unit and scale are converted together.

    Parameters
    ----------
    chunks : list of Chunk

    Returns
    -------
    list of ndarray of float64, each of shape (n, leads)
    """
    result: list[NDArray[np.float64]] = []
    for (unit, scale, zero, _, leads), group in groupby(chunks, _scaling):
        counts = [chunk.samples for chunk in group]
        values = np.concatenate(counts, dtype=np.float64)
        if zero != 0.0:
            values -= zero
        factor = np.asarray(scale) * (1.0 if unit == "mV" else 1e-3)
        if leads > 1 or factor != 1.0:
            values *= factor
        end = 0
        for part in counts:
            start, end = end, end + len(part)
            result.append(values[start:end])
    return result


def _scaling(chunk: Chunk) -> tuple[str, PerLead, PerLead, str, int]:
    header = chunk.header
    return header.unit, header.scale, header.zero, header.dtype, len(header.leads)


class Latency(msgspec.Struct, kw_only=True):
    """Stages of one event in ms; null where a stage needs a clock that is not comparable with the service's.

    Attributes
    ----------
    algorithmic : float
        From the point of the signal (QRS offset; onset for an onset) to the sample that made it known, in signal time.
    chunk : float or None
        From that sample to the planned sending of its chunk.
    transport : float or None
        From the planned sending to the receipt.
    queue : float
        From the receipt to the start of the computation.
    compute : float
        From there to its end.
    publish : float
        From there to the event's encoding.
    total : float or None
        From the point of the signal to publishing.
    """

    algorithmic: float
    chunk: float | None
    transport: float | None
    queue: float
    compute: float
    publish: float
    total: float | None


class OnsetMessage(Onset, tag="onset", kw_only=True):
    """An onset on the wire.

    Attributes
    ----------
    v : int
    stream, epoch : str
    seq : int
        Counts the events of the topic.
    onset_ns : int
        The onset on the feed's clock.
    published_ns : int
        On the service's clock.
    latency : Latency
    """

    v: int
    stream: str
    epoch: str
    seq: int
    onset_ns: int
    published_ns: int
    latency: Latency


class BeatMessage(Beat, tag="beat", kw_only=True):
    """A beat on the wire.

    Attributes
    ----------
    v : int
    stream, epoch : str
    seq : int
        Counts the events of the topic.
    onset_ns, peak_ns, offset_ns : int
        The three points on the feed's clock.
    published_ns : int
        On the service's clock.
    latency : Latency
    """

    v: int
    stream: str
    epoch: str
    seq: int
    onset_ns: int
    peak_ns: int
    offset_ns: int
    published_ns: int
    latency: Latency


class WavesMessage(Waves, tag="waves", kw_only=True):
    """P and T of a beat on the wire.

    Attributes
    ----------
    v : int
    stream, epoch : str
    seq : int
        Counts the events of the topic.
    published_ns : int
        On the service's clock.
    """

    v: int
    stream: str
    epoch: str
    seq: int
    published_ns: int


class RhythmMessage(Rhythm, tag="rhythm", kw_only=True):
    """A rhythm on the wire.

    Attributes
    ----------
    v : int
    stream, epoch : str
    seq : int
        Counts the events of the topic.
    since_ns : int
        Time of `since` on the feed's clock.
    published_ns : int
        On the service's clock.
    """

    v: int
    stream: str
    epoch: str
    seq: int
    since_ns: int
    published_ns: int


class StatusMessage(msgspec.Struct, tag_field="type", tag="status", kw_only=True):
    """News about a stream.

    Attributes
    ----------
    v : int
    stream : str
        `-` where a message could not be attributed to one.
    seq : int
        Counts the events of the topic.
    code : str
        Those of `Status`, and `connected`, `lagging`, `caught_up`, `refused`, `gone`, `replaced`, `shed`, `served`,
        `restored`.
    detail : str
        One sentence for people.
    published_ns : int
        On the service's clock.
    epoch : str or None
    index : int or None
        Sample of the feed that it is about.
    known : int or None
    lead : str or None
    samples : int or None
    count : int or None
        How many messages of the stream were refused so far.
    """

    v: int
    stream: str
    seq: int
    code: str
    detail: str
    published_ns: int
    epoch: str | None = None
    index: int | None = None
    known: int | None = None
    lead: str | None = None
    samples: int | None = None
    count: int | None = None


class HeartbeatMessage(msgspec.Struct, tag_field="type", tag="heartbeat", kw_only=True):
    """Sent each second on a subscribed topic that is silent, so that a lost tail can be seen.

    Attributes
    ----------
    v : int
    topic : str
    last_seq : int
        `seq` of the last event of the topic; -1 if there was none.
    published_ns : int
    """

    v: int
    topic: str
    last_seq: int
    published_ns: int


class Percentiles(msgspec.Struct, kw_only=True):
    """Of one stage in ms, over the last minute.

    Attributes
    ----------
    count : int
    p50, p90, p99, p999, max : float
    """

    count: int
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


class LatencyMessage(msgspec.Struct, tag_field="type", tag="latency", kw_only=True):
    """Percentiles of the beats' latency by stage; published each second.

    Attributes
    ----------
    v : int
    seq : int
    published_ns : int
    streams : int
        That the service knows at the moment.
    stages : dict of Percentiles
        By the names in `Latency`.
    """

    v: int
    seq: int
    published_ns: int
    streams: int
    stages: dict[str, Percentiles]


class SignalMessage(msgspec.Struct, tag_field="type", tag="signal", kw_only=True):
    """Conditioned samples for display; sent while someone subscribes.

    Attributes
    ----------
    v : int
    stream, epoch : str
    seq : int
    fs : float
        250.
    index : float
        Sample of the feed at which the first of these lies.
    step : float
        Samples of the feed from one of these to the next.
    published_ns : int
    leads : dict
        Lead to values; a QRS is about 1 high. None where the lead is lost.
    """

    v: int
    stream: str
    epoch: str
    seq: int
    fs: float
    index: float
    step: float
    published_ns: int
    leads: dict[str, list[float | None]]


EventMessage = (
    OnsetMessage
    | BeatMessage
    | WavesMessage
    | RhythmMessage
    | StatusMessage
    | HeartbeatMessage
    | LatencyMessage
    | SignalMessage
)


class WireError(ValueError):
    """A message that cannot be used; the sentence says what was wrong and what is expected."""

    def __init__(self, detail: str, stream: str | None = None) -> None:
        super().__init__(detail)
        self.stream = stream
