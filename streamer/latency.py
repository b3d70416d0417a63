"""How late the news is: what the algorithm needs by design, and what was measured."""

from typing import NamedTuple

from hdrh.histogram import HdrHistogram

from streamer.conditioning.resampler import RATE, design
from streamer.detect.decoder import HOLD
from streamer.engine.card import Segment
from streamer.wire.messages import Latency, Percentiles

STAGES = ("algorithmic", "chunk", "transport", "queue", "compute", "publish", "total")
LARGEST_US = 60_000_000
PERIOD_S = 60.0


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
    """Histograms of each stage over the last one to two minutes, to three digits (HDR histogram)."""

    def __init__(self) -> None:
        self._now = {stage: HdrHistogram(1, LARGEST_US, 3) for stage in STAGES}
        self._before = {stage: HdrHistogram(1, LARGEST_US, 3) for stage in STAGES}
        self._turned: float | None = None

    def record(self, latency: Latency) -> None:
        """Count the stages of one beat; those that are null are left out."""
        for stage in STAGES:
            value = getattr(latency, stage)
            if value is not None:
                self._now[stage].record_value(min(max(1, round(1000 * value)), LARGEST_US))

    def percentiles(self, seconds: float) -> dict[str, Percentiles]:
        """Return the percentiles of each stage that has any values.

        Parameters
        ----------
        seconds : float
            Now, on any steady clock: what is older than two minutes is forgotten.
        """
        if self._turned is None:
            self._turned = seconds
        elif seconds - self._turned >= PERIOD_S:
            self._now, self._before = self._before, self._now
            for histogram in self._now.values():
                histogram.reset()
            self._turned = seconds
        result = {}
        for stage in STAGES:
            both = HdrHistogram(1, LARGEST_US, 3)
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
