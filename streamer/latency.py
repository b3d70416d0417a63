"""How late the news is: what the algorithm needs by design, and what was measured."""

from typing import NamedTuple

import numpy as np
from hdrh.histogram import HdrHistogram

from streamer.conditioning.resampler import RATE, design
from streamer.detect.decoder import HOLD
from streamer.engine.card import Segment
from streamer.wire.messages import Latency, Percentiles

STAGES = ("algorithmic", "chunk", "transport", "queue", "compute", "publish", "total")
LARGEST_US = 60_000_000
PERIOD_S = 60.0
BUCKETS_MS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 125, 150, 175, 200, 250, 300, 500, 1000, 2000, 5000)


class Algorithmic(NamedTuple):
    """The parts of the algorithmic delay in ms of signal: from the end of a QRS to the sample that makes it known.

    Attributes
    ----------
    resampler : float
        Lookahead of the low-pass.
    hop : float
        At most; on average half of it.
    right_context : float
        What the network sees after its hop.
    hold : float
        Samples below the threshold that end a QRS, at most; the crossing itself lies up to a sample earlier.
    """

    resampler: float
    hop: float
    right_context: float
    hold: float

    @property
    def largest(self) -> float:
        """The sum: no beat is later by the algorithm, once the stream has settled."""
        return sum(self)


def algorithmic(fs: float, segment: Segment) -> Algorithmic:
    """Return the algorithmic delay at an input rate.

    Parameters
    ----------
    fs : float
        Hz, 100 to 2000.
    segment : Segment
        Of the profile.

    Returns
    -------
    Algorithmic

    Raises
    ------
    ValueError
        If the rate is out of range.
    """
    sample = 1000.0 / RATE
    return Algorithmic(design(fs).delay_ms, segment.hop * sample, segment.right_context * sample, HOLD * sample)


class Recorder:
    """Histograms of each stage over the last one to two minutes, to three digits (HDR histogram), and since the start.

    Attributes
    ----------
    counts : dict of ndarray of int64, shape (len(BUCKETS_MS) + 1,)
        Beats since the start by stage, up to each bound, and beyond the last.
    sums_ms : dict of float
    """

    def __init__(self) -> None:
        self._now = {stage: HdrHistogram(1, LARGEST_US, 3) for stage in STAGES}
        self._before = {stage: HdrHistogram(1, LARGEST_US, 3) for stage in STAGES}
        # a new one each second would be garbage in cycles, and large
        self._both = {stage: HdrHistogram(1, LARGEST_US, 3) for stage in STAGES}
        self._turned: float | None = None
        self._new: list[Latency] = []
        self.counts = {stage: np.zeros(len(BUCKETS_MS) + 1, np.int64) for stage in STAGES}
        self.sums_ms = dict.fromkeys(STAGES, 0.0)

    def record(self, latency: Latency) -> None:
        """Count the stages of one beat; those that are null are left out."""
        self._new.append(latency)

    def _count(self) -> None:
        """Put what was recorded into the histograms."""
        latencies, self._new = self._new, []
        for stage in STAGES:
            values = np.array([x for latency in latencies if (x := getattr(latency, stage)) is not None], np.float64)
            if len(values):
                self.counts[stage] += np.bincount(np.searchsorted(BUCKETS_MS, values), minlength=len(BUCKETS_MS) + 1)
                self.sums_ms[stage] += float(values.sum())
                us, counts = np.unique(np.clip(np.rint(1000 * values), 1, LARGEST_US), return_counts=True)
                for value, count in zip(us.astype(np.int64).tolist(), counts.tolist(), strict=True):
                    self._now[stage].record_value(value, count)

    def turn(self, seconds: float) -> None:
        """Put what was recorded into the histograms, and forget what is older than two minutes.

        Parameters
        ----------
        seconds : float
            Now, on any steady clock.
        """
        if self._turned is None:
            self._turned = seconds
        elif seconds - self._turned >= PERIOD_S:
            self._now, self._before = self._before, self._now
            for histogram in self._now.values():
                histogram.reset()
            self._turned = seconds
        self._count()

    def percentiles(self, seconds: float) -> dict[str, Percentiles]:
        """Return the percentiles of each stage that has any values, after a `turn`."""
        self.turn(seconds)
        result = {}
        for stage in STAGES:
            both = self._both[stage]
            both.reset()
            both.add(self._before[stage])
            both.add(self._now[stage])
            if both.total_count:
                at = both.get_percentile_to_value_dict([50, 90, 99, 99.9])
                result[stage] = Percentiles(
                    count=both.total_count,
                    p50=at[50] / 1000,
                    p90=at[90] / 1000,
                    p99=at[99] / 1000,
                    p999=at[99.9] / 1000,
                    max=both.max_value / 1000,
                )
        return result
