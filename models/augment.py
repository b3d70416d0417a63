"""What happens to ECG on its way from the skin: added in mV at the recording's own rate, before conditioning."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from models.data import UNTYPED, Excerpt, T, complexes


def widen(excerpt: Excerpt, random: np.random.Generator) -> Excerpt:
    """Make some beats wide and some of those discordant, as ventricular beats are: they are rare in the annotated data.

    Time within a chosen QRS is stretched by 1.3 to 2.2, and everything after it moves; its voltage from onset to the
    end of its T wave may be turned over or scaled about the level at onset.

    Parameters
    ----------
    excerpt : Excerpt
    random : Generator

    Returns
    -------
    Excerpt
        With its waves and spans on the new time axis.
    """
    signal = excerpt.signal.astype(np.float64)
    every = complexes(excerpt.waves)[:, :2]
    chosen = every[random.random(len(every)) < random.choice([0.1, 0.25, 0.5])]
    if not len(chosen):
        return excerpt
    turn = random.choice([-1.5, -1.0, -0.6, 1.0, 1.3])
    old, new, moved = [0.0], [0.0], 0.0
    ends = excerpt.waves[excerpt.waves[:, 2] == T, 1]
    for first, last in chosen:
        if first - 1 <= old[-1] or last + 1 >= len(signal):
            continue
        after = ends[(ends > last) & (ends < last + 0.6 * excerpt.fs)]
        stop = int(min(len(signal), (after.min() if len(after) else last + 0.05 * excerpt.fs) + 1))
        start = max(0, int(first))
        fade = np.minimum(1.0, np.arange(stop - start)[::-1] / (0.04 * excerpt.fs))
        signal[start:stop] += (turn - 1.0) * fade * (signal[start:stop] - signal[start])
        wider = (last - first) * random.uniform(0.3, 1.2)
        old += [first, last]
        new += [first + moved, last + moved + wider]
        moved += wider
    old.append(float(len(signal)))
    new.append(len(signal) + moved)
    stretched = np.interp(np.interp(np.arange(int(new[-1])), new, old), np.arange(len(signal)), signal)

    def move(spans: NDArray[np.float64]) -> NDArray[np.float64]:
        result = spans.copy()
        result[:, :2] = np.interp(spans[:, :2], old, new)
        return result

    waves = move(excerpt.waves)
    waves[np.isin(excerpt.waves[:, 0], chosen[:, 0]), 2] = UNTYPED
    return replace(
        excerpt,
        signal=stretched.astype(np.float32),
        waves=waves,
        known=move(excerpt.known),
        doubtful=move(excerpt.doubtful),
    )


class Augmenter:
    """Noise, gain, polarity, mains, drift, offset, rate and lead loss, drawn anew for every excerpt.

    Parameters
    ----------
    noises : dict of ndarray, shape (n, channels)
        Recorded noises in mV at 360 Hz.
    """

    STRETCHES = (0.8, 0.88, 0.94, 1.0, 1.0, 1.06, 1.12, 1.25)

    def __init__(self, noises: dict[str, NDArray[np.float32]]) -> None:
        self._noises = {360: noises}
        for fs in (250, 300, 500):
            self._noises[fs] = {kind: resample_poly(x, fs, 360).astype(np.float32) for kind, x in noises.items()}

    def __call__(
        self, signal: NDArray[np.float32], fs: float, random: np.random.Generator
    ) -> tuple[NDArray[np.float64], float]:
        """Return a changed copy and the rate that it is to be read at.

        Parameters
        ----------
        signal : ndarray of float32, shape (n,)
            In mV.
        fs : float
            Hz: 250, 300, 360 or 500.
        random : Generator

        Returns
        -------
        signal : ndarray of float64, shape (n, 1)
            NaN where the lead is lost.
        fs : float
            Read at another rate, a beat is slower or faster.
        """
        x = signal.astype(np.float64)
        n = len(x)
        t = np.arange(n) / fs
        size = max(0.05, float(np.percentile(np.abs(np.diff(x, prepend=x[0])), 99.5)) * fs / 100)
        if random.random() < 0.55:
            for kind, share in (("bw", 0.5), ("em", 0.5), ("ma", 0.5)):
                if random.random() < share:
                    x += self._piece(kind, n, fs, random) * size * self._level(random)
        if random.random() < 0.3:
            x += random.normal(0, size * 10 ** random.uniform(-2.5, -0.9), n)
        if random.random() < 0.25:
            mains, depth = random.choice([50.0, 60.0]), size * 10 ** random.uniform(-2, -0.6)
            x += depth * np.sin(2 * np.pi * (mains * t + random.random()))
        if random.random() < 0.25:
            x += size * random.uniform(0, 1.0) * np.sin(2 * np.pi * (random.uniform(0.05, 0.6) * t + random.random()))
        if random.random() < 0.05:
            at = random.integers(n)
            x[at:] += size * random.normal(0, 3)
        x = x * 10 ** random.uniform(-0.4, 0.4) * random.choice([-1.0, 1.0], p=[0.3, 0.7]) + random.normal(0, 0.5)
        if random.random() < 0.04:
            at, length = random.integers(n), int(random.uniform(0.05, 3.0) * fs)
            x[at : at + length] = np.nan if random.random() < 0.5 else x[at]
        return x[:, None], fs * random.choice(self.STRETCHES)

    def _level(self, random: np.random.Generator) -> float:
        return float(10 ** random.uniform(-1.4, 0.1))

    def _piece(self, kind: str, n: int, fs: float, random: np.random.Generator) -> NDArray[np.float64]:
        """Cut a stretch of noise of unit size."""
        noise = self._noises[int(fs)][kind]
        start = random.integers(max(1, len(noise) - n))
        piece = np.resize(noise[start : start + n, random.integers(noise.shape[1])], n).astype(np.float64)
        piece -= piece.mean()
        return piece / (piece.std() + 1e-6)
