"""From raw samples to the 250 Hz signal that the network reads."""

from math import pi, sqrt, tan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.conditioning import kernel
from streamer.conditioning.kernel import CLOCK_DTYPE, LEAD_DTYPE, RING, RING_DTYPE
from streamer.conditioning.resampler import RATE, design

HIGH_PASS_HZ = 0.5
Arrays = dict[str, NDArray[Any]]


def high_pass() -> NDArray[np.float64]:
    """Coefficients b0, b1, b2, a1, a2 of the causal baseline filter: Butterworth, second order, 0.5 Hz at 250 Hz."""
    k = tan(pi * HIGH_PASS_HZ / RATE)  # by the bilinear transform, warped to be exact at the corner
    low, high = 1 - sqrt(2) * k + k * k, 1 + sqrt(2) * k + k * k
    return np.array([1.0, -2.0, 1.0, 2 * (k * k - 1), low]) / high


class Conditioning:
    """Resamples to 250 Hz, removes the baseline, scales each lead to its own QRS, and says how good each lead is.

    What is remembered of a stream is a row of each of the arrays that `fields` names.

    Parameters
    ----------
    fs : float
        Input rate in Hz, 100 to 2000.

    Attributes
    ----------
    step : Fraction
        Input samples per 250 Hz sample, exactly.
    constants : tuple
        What the kernels take after the state: filter bank, high-pass, whole and part of the step, rate.

    Raises
    ------
    ValueError
        If the rate is out of range.
    """

    def __init__(self, fs: float) -> None:
        filters = design(fs)
        self.step = filters.step
        self._half = filters.half
        whole, part = divmod(self.step.numerator, self.step.denominator)
        self.constants = (filters.bank, high_pass(), whole, part, float(fs))

    def fields(self, leads: int) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Return shape and dtype of each array's row."""
        length = 1 << (2 * self._half + 4).bit_length()
        return {
            "clock": ((), CLOCK_DTYPE),
            "leads": ((leads,), LEAD_DTYPE),
            "history": ((leads, length), np.float64),
            "bridged": ((length,), np.uint8),
            "ring": ((leads, RING), RING_DTYPE),
        }

    def input_needed(self, made: int) -> int:
        """Return how many input samples must have come before there are `made` outputs, settling included."""
        return (made - 1) * self.step.numerator // self.step.denominator + self._half + 1

    @staticmethod
    def restart(arrays: Arrays, row: int, keep_scale: bool) -> None:
        """Start a new segment at input sample 0, with filters that know nothing.

        Parameters
        ----------
        arrays : dict
            By the names in `fields`, with any number of rows; changed in place.
        row : int
        keep_scale : bool
            Go on with each lead's scale, so that nothing has to be held until it settles.
        """
        clock, leads = arrays["clock"], arrays["leads"]
        settled = keep_scale and bool(clock["settled"][row])
        old = leads[row].copy()
        clock[row] = np.zeros((), CLOCK_DTYPE)
        clock["settled"][row] = settled
        fresh = np.zeros((), LEAD_DTYPE)
        fresh["last_lost"], fresh["previous"], fresh["fresh"] = -1, np.nan, 1
        fresh["highest"], fresh["lowest"] = -np.inf, np.inf
        leads[row] = fresh
        arrays["history"][row] = np.nan
        if settled:
            for field in ("blocks", "blocks_seen", "scale", "target", "noise"):
                leads[field][row] = old[field]


class Conditioner:
    """The conditioning of one stream on its own.

    Parameters
    ----------
    fs : float
        Input rate in Hz, 100 to 2000.
    leads : int
        Number of leads.

    Raises
    ------
    ValueError
        If the rate is out of range.
    """

    def __init__(self, fs: float, leads: int) -> None:
        self._conditioning = Conditioning(fs)
        fields = self._conditioning.fields(leads)
        self._arrays = {name: np.zeros((1, *shape), dtype) for name, (shape, dtype) in fields.items()}
        self.ring = self._arrays["ring"][0]
        self._conditioning.restart(self._arrays, 0, keep_scale=False)

    @property
    def ready(self) -> int:
        """250 Hz samples that may be read: none while the first are held; sample m lies in the ring at m % RING."""
        clock = self._arrays["clock"][0]
        return int(clock["made"]) if clock["settled"] else 0

    def push(self, samples: NDArray[np.float64], room: int) -> int:
        """Condition samples until `room` outputs are made.

        Parameters
        ----------
        samples : ndarray of float64, shape (n, leads)
            In mV, NaN where a lead is lost. Not changed.
        room : int
            Outputs that may be made now; those that are still to be read must not fall out of the ring.

        Returns
        -------
        int
            Samples taken.
        """
        state = (array[0] for array in self._arrays.values())
        return int(kernel.condition(samples, False, *state, *self._conditioning.constants, room))

    def drain(self) -> None:
        """End the segment: make the outputs up to the last input sample from the samples that there are."""
        kernel.drain(*(array[0] for array in self._arrays.values()), *self._conditioning.constants)
