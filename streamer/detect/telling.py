"""From what the decoder found, in 250 Hz samples, to events in the feed's own samples."""

from itertools import pairwise
from typing import Any

from streamer.conditioning.kernel import FLAG_NAMES, LOST
from streamer.detect import decoder
from streamer.detect.events import LIKELY, Beat, Evidence, Onset, Wave, Waves
from streamer.detect.found import Find, Heard, Measured, Telling
from streamer.detect.scores import VQRS
from streamer.engine.card import Card

FLAGS = FLAG_NAMES | {decoder.CUT: "cut", decoder.LONG: "long"}
# beats that irregularity is judged by, at least and at most, and the mean change of RR in units of the mean RR
FEWEST, MOST = 8, 12
IRREGULAR = 0.1


class Teller:
    """Makes events of one stream and remembers the beats that a new one is compared with.

    Parameters
    ----------
    fs : float
        Of the feed, Hz.
    step : float
        Samples of the feed per 250 Hz sample.
    leads : list of str
    card : Card
        Of the model: what its scores mean.
    """

    def __init__(self, fs: float, step: float, leads: list[str], card: Card) -> None:
        self._fs, self._step, self._leads, self._card = fs, step, leads, card
        self._start = 0  # the feed's sample that the segment began with
        self._before: float | None = None  # peak of the beat before the last
        self._peak: float | None = None  # of the last beat
        self._rr_ms: float | None = None
        self._flags: list[str] = []  # that it was told with
        self._ventricular = 0.0
        self._recent: list[list[float]] = []  # RR and whether there was a P, of the last beats

    def begin(self, start: int, keep: bool) -> None:
        """Start a segment at a sample of the feed; the RR interval before its first beat is not known.

        Parameters
        ----------
        start : int
        keep : bool
            Whether the beats before are still worth comparing with.
        """
        self._start = start
        self._before = self._peak = self._rr_ms = None
        self._flags, self._ventricular = [], 0.0
        if not keep:
            self._recent = []

    def onset(self, found: Find, known: int, names: list[str]) -> Onset:
        """Tell of a QRS that has begun."""
        onset = self._start + found.onset * self._step
        flags = names + _flags(found.flags)
        return Onset(known=known, beat=found.beat, onset=onset, delay_ms=self._ms(known - onset), flags=flags)

    def beat(self, found: Find, qualities: list[float], lead_flags: list[int], known: int, names: list[str]) -> Beat:
        """Tell of a QRS that has ended, or tell it better.

        Parameters
        ----------
        found : Find
        qualities, lead_flags : list
            Of each lead.
        known : int
        names : list of str
            Flags that are known already.
        """
        onset, peak, offset = (self._start + x * self._step for x in (found.onset, found.peak, found.offset))
        if found.revision == 0:
            self._before = self._peak
        self._peak = peak
        self._rr_ms = None if self._before is None else self._ms(peak - self._before)
        card = self._card
        confidence = found.score
        if card.confidence:
            confidence = card.confidence(confidence)
        ventricular = found.ventricular if len(card.classes) > VQRS else None
        if ventricular is not None and card.ventricular:
            ventricular = card.ventricular(ventricular)
        self._ventricular = ventricular or 0.0
        together = found.flags
        for flags in lead_flags:
            together |= flags
        self._flags = names + _flags(together)
        return Beat(
            known=known,
            beat=found.beat,
            revision=found.revision,
            onset=onset,
            peak=peak,
            offset=offset,
            rr_ms=self._rr_ms,
            confidence=confidence,
            ventricular=ventricular,
            leads={
                lead: round(q, 3) for lead, q, f in zip(self._leads, qualities, lead_flags, strict=True) if not f & LOST
            },
            flags=self._flags,
            delay_ms=self._ms(known - offset),
        )

    @property
    def last(self) -> tuple[float, float | None, float]:
        """Peak, RR interval in ms and ventricular probability of the last beat."""
        assert self._peak is not None
        return self._peak, self._rr_ms, self._ventricular

    def waves(self, told: Telling, known: int) -> Waves:
        """Tell P and T of the last beat."""
        p, t = self._wave(told.p), self._wave(told.t)
        rr_ms = self._rr_ms
        if rr_ms is not None:
            self._recent = [*self._recent, [rr_ms, float(p is not None)]][-MOST:]
        flags = [name for name, wave in (("no_p", p), ("no_t", t)) if wave is None]
        flags += ["irregular"] * self._irregular() + ["ventricular"] * (self._ventricular >= LIKELY)
        onset = self._start + told.qrs_onset * self._step
        qt_ms = None if t is None else self._ms(t.offset - onset)
        rr_s = None if rr_ms is None else rr_ms / 1000
        return Waves(
            known=known,
            beat=told.beat,
            revision=told.revision,
            p=p,
            t=t,
            pr_ms=None if p is None else self._ms(onset - p.onset),
            qt_ms=qt_ms,
            qtc_bazett_ms=None if qt_ms is None or rr_s is None else qt_ms / rr_s ** (1 / 2),
            qtc_fridericia_ms=None if qt_ms is None or rr_s is None else qt_ms / rr_s ** (1 / 3),
            flags=flags + self._flags,
            evidence=_evidence(told.evidence),
        )

    def _wave(self, wave: Measured) -> Wave | None:
        if not wave.found:
            return None
        onset, peak, offset = (self._start + x * self._step for x in (wave.onset, wave.peak, wave.offset))
        return Wave(onset=onset, peak=peak, offset=offset, confidence=wave.score)

    def _irregular(self) -> bool:
        """Whether RR intervals vary while most beats have no P."""
        count = len(self._recent)
        if count < FEWEST:
            return False
        rr = [interval for interval, _ in self._recent]
        change = sum(abs(b - a) for a, b in pairwise(rr)) / (count - 1)
        return change > IRREGULAR * sum(rr) / count and sum(with_p for _, with_p in self._recent) < count / 2

    def _ms(self, samples: float) -> float:
        return 1000 * samples / self._fs

    _VALUES = ("start", "before", "peak", "rr_ms", "flags", "ventricular", "recent")

    def state(self) -> dict[str, Any]:
        """Return everything that is remembered, as plain values."""
        return {name: getattr(self, f"_{name}") for name in self._VALUES}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        for name in self._VALUES:
            setattr(self, f"_{name}", state[name])


def _flags(together: int) -> list[str]:
    return [name for flag, name in FLAGS.items() if together & flag] if together else []


def _evidence(heard: Heard) -> Evidence:
    return Evidence(
        p_likelihood=heard.p_likely,
        qrs_correlation=heard.like if heard.compared else None,
        atrial_correlation=heard.atrial_like if heard.compared else None,
        qrs_power=heard.height,
        atrial_power=heard.atrial_power,
        quality=heard.quality,
    )
