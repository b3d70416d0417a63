"""Other ways to tell atrial fibrillation: a rule on RR intervals, and OpenECG's detector of 10 s windows."""

import numpy as np
from numpy.typing import NDArray

from streamer.detect.rhythm.episodes import Episode
from tools.peers import Signal

WINDOW, LEVEL = 12, -1.4
LEAST_PAIRS = 5
WINDOW_S, STEP_S = 10.0, 5.0
Peaks = NDArray[np.float64]


def cosen(rr: NDArray[np.float64]) -> float:
    """Return the coefficient of sample entropy of RR intervals (Lake and Moorman 2011, Am J Physiol 300:H319).

    Parameters
    ----------
    rr : ndarray of float64, shape (n,)
        s.

    Returns
    -------
    float
        Sample entropy of pairs (m = 1) at the smallest tolerance with five matches, plus ln(2 r), minus ln of the mean.
    """
    above = np.triu_indices(len(rr) - 1, 1)
    first = np.abs(rr[:-1, None] - rr[:-1])[above]
    second = np.abs(rr[1:, None] - rr[1:])[above]
    pairs = np.sort(np.maximum(first, second))
    tolerance = max(float(pairs[LEAST_PAIRS - 1]), 0.001)
    every = np.abs(rr[:, None] - rr)[np.triu_indices(len(rr), 1)]
    alike, alike_next = (every <= tolerance).mean(), (pairs <= tolerance).mean()
    return float(-np.log(alike_next / alike) + np.log(2 * tolerance) - np.log(rr.mean()))


def rr_rule(peaks: Peaks, fs: float) -> list[Episode]:
    """Return where the entropy of the last twelve RR intervals is above the published level of -1.4.

    Parameters
    ----------
    peaks : ndarray of float64
        Samples.
    fs : float
        Hz.
    """
    rr = np.diff(peaks) / fs
    found: list[Episode] = []
    for k in range(WINDOW, len(rr) + 1):
        label = "AFIB" if cosen(rr[k - WINDOW : k]) > LEVEL else "N"
        at = float(peaks[k])
        if found and found[-1].label == label:
            continue
        if found:
            found[-1] = found[-1]._replace(end=at)
        found.append(Episode(label, at, float(peaks[-1]), int(at), None))
    return found


def openecg_windows(signal: Signal, fs: float) -> list[Episode]:
    """Return where OpenECG's `is_afib`, asked of the last 10 s every 5 s, says so (Apache licence)."""
    from openecg.afib import is_afib

    found: list[Episode] = []
    length = len(signal)
    for end in np.arange(WINDOW_S, length / fs, STEP_S):
        window = signal[int((end - WINDOW_S) * fs) : int(end * fs)]
        label = "AFIB" if is_afib(np.asarray(window, np.float64), int(fs)) else "N"
        if found and found[-1].label == label:
            continue
        if found:
            found[-1] = found[-1]._replace(end=end * fs)
        found.append(Episode(label, end * fs, float(length), int(end * fs), None))
    return found
