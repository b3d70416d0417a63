"""One stream's way from raw samples to the 250 Hz signal that the network reads."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter

from streamer.conditioning import kernel
from streamer.conditioning.kernel import CLOCK_DTYPE, LEAD_DTYPE, RING, RING_DTYPE
from streamer.conditioning.resampler import RATE, design

HIGH_PASS_HZ = 0.5


def high_pass() -> NDArray[np.float64]:
    """Coefficients b0, b1, b2, a1, a2 of the causal baseline filter: Butterworth, second order, 0.5 Hz at 250 Hz."""
    b, a = butter(2, HIGH_PASS_HZ, "highpass", fs=RATE)
    return np.concatenate([b, a[1:]])


class Conditioner:
    """Resample to 250 Hz, remove the baseline, scale each lead to its own QRS, and say how good each lead is.

    Everything that it remembers lies in arrays; it allocates nothing while it runs.

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
        self._filter = design(fs)
        self._fs = float(fs)
        self._section = high_pass()
        length = 1 << (2 * self._filter.half + 4).bit_length()
        self._history = np.full((leads, length), np.nan)
        self._bridged = np.zeros(length, np.uint8)
        self._clock = np.zeros(1, CLOCK_DTYPE)
        self._leads = np.zeros(leads, LEAD_DTYPE)
        self.ring = np.zeros((leads, RING), RING_DTYPE)
        self.restart(keep_scale=False)

    @property
    def step(self) -> Fraction:
        """Input samples per 250 Hz sample, exactly."""
        return self._filter.step

    @property
    def made(self) -> int:
        """250 Hz samples made since the last restart; sample m lies in the ring at m % RING."""
        return int(self._clock["made"][0])

    @property
    def settled(self) -> bool:
        """Whether the scale is known; before that the samples are held and `ready` is 0."""
        return bool(self._clock["settled"][0])

    @property
    def ready(self) -> int:
        """250 Hz samples that may be read."""
        return self.made if self.settled else 0

    def input_needed(self, made: int) -> int:
        """Return how many input samples must have come before there are `made` outputs, settling included."""
        last = made - 1
        return int(last * self._filter.step) + self._filter.half + 1

    def push(self, samples: NDArray[np.float64], room: int, bridge: bool = False) -> int:
        """Condition samples until `room` outputs are made.

        Parameters
        ----------
        samples : ndarray of float64, shape (n, leads)
            In mV, NaN where a lead is lost. Not changed.
        room : int
            Outputs that may be made now; those that are still to be read must not fall out of the ring.
        bridge : bool
            Whether the samples were drawn across a gap: they get quality 0.

        Returns
        -------
        int
            Samples taken.
        """
        return int(kernel.condition(samples, bridge, *self._arguments(), room))

    def drain(self) -> None:
        """End the segment: make the outputs up to the last input sample from the samples that there are."""
        kernel.drain(*self._arguments())

    def _arguments(self) -> tuple[Any, ...]:
        whole, part = divmod(self.step.numerator, self.step.denominator)
        arrays = (
            self._clock[0],
            self._leads,
            self._history,
            self._bridged,
            self._filter.bank,
            self._section,
            self.ring,
        )
        return *arrays, whole, part, self._fs

    def restart(self, keep_scale: bool) -> None:
        """Start a new segment at input sample 0, with filters that know nothing.

        Parameters
        ----------
        keep_scale : bool
            Go on with each lead's scale, so that nothing has to be held until it settles.
        """
        settled = keep_scale and self.settled
        old = self._leads.copy()
        self._clock[:] = np.zeros(1, CLOCK_DTYPE)
        self._clock["settled"] = settled
        self._leads[:] = np.zeros(1, LEAD_DTYPE)
        self._leads["last_lost"] = -1
        self._leads["previous"] = np.nan
        self._leads["highest"] = -np.inf
        self._leads["lowest"] = np.inf
        self._leads["fresh"] = 1
        self._history[:] = np.nan
        if settled:
            for field in ("blocks", "blocks_seen", "scale", "target", "noise"):
                self._leads[field] = old[field]

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of all state arrays by name."""
        return {
            "clock": self._clock.copy(),
            "leads": self._leads.copy(),
            "history": self._history.copy(),
            "bridged": self._bridged.copy(),
            "ring": self.ring.copy(),
        }

    def load(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Go on from what `state` returned."""
        self._clock[:] = state["clock"]
        self._leads[:] = state["leads"]
        self._history[:] = state["history"]
        self._bridged[:] = state["bridged"]
        self.ring[:] = state["ring"]
