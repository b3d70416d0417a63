"""The polyphase low-pass that brings any rate to 250 Hz."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil

import numpy as np
from numpy.typing import NDArray

RATE = 250
LOWEST_RATE, HIGHEST_RATE = 100.0, 2000.0
CUTOFF_HZ = 90.0
HALF_LENGTH_S = 0.020
KAISER_BETA = 4.55


@dataclass(frozen=True)
class Polyphase:
    """A bank of filters, one for each position of an output sample between two input samples.

    Output sample m lies at input position m * `step` exactly, so nothing has to be subtracted afterwards.

    Attributes
    ----------
    step : Fraction
        Input samples per output sample.
    bank : ndarray of float64, shape (phases, 2 * half)
        Weights of the input samples floor(position) - half + 1 ... floor(position) + half. Each row sums to one.
    half : int
        Input samples that an output waits for (the lookahead).
    """

    step: Fraction
    bank: NDArray[np.float64]
    half: int

    @property
    def delay_ms(self) -> float:
        """Lookahead in ms of signal, at most: the last tap of an output that lies on an input sample."""
        return 1000.0 * self.half / (float(self.step) * RATE)


@lru_cache(maxsize=64)
def design(fs: float) -> Polyphase:
    """Design the filter bank for one input rate.

    A sinc at 90 Hz under a Kaiser window (50 dB) of 40 ms: flat to 55 Hz, stopped from 125 Hz. Below 200 Hz the images
    lie closer, so the cutoff falls and the window grows in proportion: 100 Hz costs 40 ms instead of 20.

    Parameters
    ----------
    fs : float
        Input rate in Hz, 100 to 2000. Fractions finer than 1/100 Hz are rounded; the sample index stays exact, because
        the same ratio leads back from 250 Hz to the feed's samples.

    Returns
    -------
    Polyphase

    Raises
    ------
    ValueError
        If the rate is out of range.
    """
    if not LOWEST_RATE <= fs <= HIGHEST_RATE:
        raise ValueError(f"fs is {fs:g} Hz; expected {LOWEST_RATE:g} to {HIGHEST_RATE:g} Hz")
    rate = Fraction(fs).limit_denominator(100)
    step = rate / RATE
    narrow = min(1.0, fs / 200.0)
    cutoff, half_length = CUTOFF_HZ * narrow, HALF_LENGTH_S / narrow
    half = ceil(half_length * fs - 1e-9)
    phases = np.arange(step.denominator) / step.denominator
    taps = np.arange(-half + 1, half + 1)
    seconds = (taps[None, :] - phases[:, None]) / fs
    inside = np.clip(1 - (seconds / half_length) ** 2, 0, None)
    bank = np.sinc(2 * cutoff * seconds) * np.i0(KAISER_BETA * np.sqrt(inside)) * (np.abs(seconds) < half_length)
    bank /= bank.sum(axis=1, keepdims=True)
    bank.setflags(write=False)
    return Polyphase(step, bank, half)
