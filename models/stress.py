"""Clean recordings with calibrated noise, as the MIT-BIH Noise Stress Test Database has them.

After Moody, Muldrow, Mark 1984, "A noise stress test for arrhythmia detectors", and what `nst` of the WFDB software
does: from the fifth minute on, two minutes with noise and two without take turns.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

QUIET_S = 300
TURN_S = 120
BEATS = 300


def signal_power(signal: NDArray[np.float64], beats: NDArray[np.int64], fs: float) -> float:
    """Return the power of the QRS complexes: an eighth of the squared mean amplitude, peak to peak, within 50 ms.

    Parameters
    ----------
    signal : ndarray of float64, shape (n,)
        mV.
    beats : ndarray of int64
        Samples of the normal beats; the first 300 are measured.
    fs : float
    """
    reach = int(0.05 * fs)
    heights = [np.ptp(signal[b - reach : b + reach + 1]) for b in beats[:BEATS] if reach <= b < len(signal) - reach]
    # nst leaves out the largest and smallest 5 %
    ordered = np.sort(heights)
    cut = len(ordered) // 20
    return float(np.mean(ordered[cut : len(ordered) - cut]) ** 2 / 8)


def noise_power(noise: NDArray[np.float64], fs: float) -> float:
    """Return the power of a noise: the squared mean of its RMS in windows of a second, extremes of 5 % left out."""
    seconds = noise[: int(len(noise) // fs * fs)].reshape(-1, int(fs))
    ordered = np.sort(seconds.std(axis=1))
    cut = len(ordered) // 20
    return float(np.mean(ordered[cut : len(ordered) - cut]) ** 2)


def stressed(
    signal: NDArray[np.float64],
    fs: float,
    beats: NDArray[np.int64],
    noise: NDArray[np.float32],
    snr_db: float,
    quiet_s: float = QUIET_S,
) -> NDArray[np.float64]:
    """Add noise in turns of two minutes.

    Parameters
    ----------
    signal : ndarray of float64, shape (n,)
        mV.
    fs : float
    beats : ndarray of int64
        Samples of the normal beats.
    noise : ndarray of float32, shape (m,)
        At 360 Hz; repeated if it is shorter than the recording.
    snr_db : float
    quiet_s : float
        Before the first noise.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    heard = noise.astype(np.float64) if fs == 360 else resample_poly(noise.astype(np.float64), int(fs), 360)
    gain = np.sqrt(signal_power(signal, beats, fs) / (noise_power(heard, fs) * 10 ** (snr_db / 10)))
    after = np.arange(len(signal)) / fs - quiet_s
    noisy = (after >= 0) & (after // TURN_S % 2 == 0)
    return signal + gain * np.where(noisy, np.resize(heard, len(signal)), 0.0)
