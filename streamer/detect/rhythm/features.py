"""What the rhythm network reads: a row for each beat, and one for each half second without."""

from math import log, log1p

import numpy as np
from numpy.typing import NDArray

from streamer.detect.found import Heard, Telling

RHYTHM = (
    "rr", "rr_known", "rr_change", "rr_of_mean", "rr_spread", "silence",
)  # fmt: skip
MORPHOLOGY = (
    "shown", "score", "ventricular", "width", "p", "p_score", "pr", "p_likely", "compared", "like", "atrial_like",
    "atrial_power", "height", "t", "quality", "heard",
)  # fmt: skip
FEATURES = RHYTHM + MORPHOLOGY
USUAL_RR_S, USUAL_QRS_S = 0.8, 0.1
FOLLOW = 0.125  # rate at which the means follow the beats
MOST = 3.0  # no feature is larger


class History:
    """Makes the rows, and remembers the RR intervals that a new one is compared with."""

    def __init__(self) -> None:
        self._rr: float | None = None
        self._mean: float | None = None
        self._spread = 0.0

    def beat(self, rr_s: float | None, told: Telling | None = None) -> NDArray[np.float32]:
        """Return the row of a beat.

        Parameters
        ----------
        rr_s : float or None
            RR interval before it in s; None after a gap.
        told : Telling, optional
            What else is known of it; without, the feed sends RR intervals alone.

        Returns
        -------
        ndarray of float32, shape (features,)
        """
        row = np.zeros(len(FEATURES), np.float32)
        if rr_s is not None:
            before, mean = self._rr or rr_s, self._mean or rr_s
            change = log(rr_s / before)
            row[:5] = 2 * log(rr_s / USUAL_RR_S), 1, 3 * change, 3 * log(rr_s / mean), 4 * self._spread
            self._rr, self._mean = rr_s, mean + FOLLOW * (rr_s - mean)
            self._spread += FOLLOW * (min(abs(change), 1.0) - self._spread)
        else:
            self._rr = None
        if told is not None:
            evidence, p = told.evidence, told.p
            row[6:] = (
                1,
                evidence.score,
                evidence.ventricular,
                (told.qrs_offset - told.qrs_onset) / 250 / USUAL_QRS_S - 1,
                p.found,
                p.score if p.found else 0,
                5 * (told.qrs_onset - p.onset) / 250 if p.found else 0,
                evidence.p_likely,
                evidence.compared,
                evidence.like,
                evidence.atrial_like,
                4 * min(evidence.atrial_power, 0.5),
                evidence.height,
                told.t.found,
                evidence.quality,
                evidence.heard,
            )
        return np.minimum(np.maximum(row, -MOST), MOST)

    def silence(self, seconds: float, evidence: Heard | None = None) -> NDArray[np.float32]:
        """Return the row of time without beats.

        Parameters
        ----------
        seconds : float
            Since the last beat.
        evidence : Heard, optional
            How the signal was heard.
        """
        row = np.zeros(len(FEATURES), np.float32)
        row[5] = log1p(seconds)
        if evidence is not None:
            row[6], row[-2], row[-1] = 1, evidence.quality, evidence.heard
        return np.minimum(np.maximum(row, -MOST), MOST)

    def state(self) -> list[float | None]:
        """Return everything that is remembered."""
        return [self._rr, self._mean, self._spread]

    def load(self, state: list[float | None]) -> None:
        """Go on from what `state` returned."""
        self._rr, self._mean, spread = state
        self._spread = spread or 0.0
