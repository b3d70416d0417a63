"""What a feed plays: samples in order, with their rate, leads and unit."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


class FeedError(RuntimeError):
    """A recording or a feed that cannot be used; the message says why."""


class Source(ABC):
    """Samples of one recording or generator.

    Attributes
    ----------
    name : str
        For people, and the default name of the stream.
    fs : float
        Hz.
    leads : list of str
    unit : str
        `mV` or `uV`.
    length : int or None
        Samples per lead; None if it does not end.
    left_out : dict
        Signals that are no ECG, with their unit.
    """

    name: str
    fs: float
    leads: list[str]
    unit: str = "mV"
    length: int | None = None
    left_out: dict[str, str]

    @abstractmethod
    def blocks(self, samples: int) -> Iterator[NDArray[np.float32]]:
        """Yield blocks of `samples` samples (the last may be shorter), shape (n, leads), NaN where a lead is lost."""
