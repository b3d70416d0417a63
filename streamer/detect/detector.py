"""The friendly face: one stream, its model and its engine."""

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamer.detect.events import Event
from streamer.detect.pool import DetectorPool
from streamer.detect.snapshot import check, read, restore, save
from streamer.engine import Engine, load_engine

MILLIVOLTS = {"mV": 1.0, "uV": 1e-3}


class Detector:
    """Finds QRS complexes in a live ECG.

    The same samples give the same events, bit for bit, however they are cut into chunks.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, 100 to 2000; fractions are welcome (130.2).
    leads : list of str
        Names of the leads, unique, 1 to 16.
    unit : {"mV", "uV"}
        Of the samples.
    profile : {"default", "fast", "careful"}
        How much right context the network waits for.
    model : Path, optional
        Model folder; default: the model that comes with the package.
    engine : {"numba", "onnx", "tensorflow"} or Engine, optional
        What runs the network; default: the fastest that runs the model. An `Engine` brings its own model and profile.

    Raises
    ------
    ValueError
        If a parameter is out of range.
    EngineError
        If the engine is not installed.
    ModelError
        If the model folder cannot be used.

    Examples
    --------
    >>> from streamer import Detector
    >>> detector = Detector(fs=360, leads=["MLII"])
    >>> for chunk in chunks:  # doctest: +SKIP
    ...     for event in detector.push(chunk):
    ...         print(event)
    """

    def __init__(
        self,
        fs: float,
        leads: list[str],
        unit: str = "mV",
        profile: str = "default",
        model: Path | None = None,
        engine: str | Engine | None = None,
    ) -> None:
        if unit not in MILLIVOLTS:
            raise ValueError(f"unit is {unit!r}; expected mV or uV")
        self.unit = unit
        self.engine = engine if isinstance(engine, Engine) else load_engine(engine, profile, model)
        self._pool = DetectorPool(self.engine)
        self._pool.add("", fs, leads)
        self._stream = self._pool.stream("")

    @property
    def fs(self) -> float:
        """Sampling rate in Hz."""
        return self._stream.fs

    @property
    def leads(self) -> list[str]:
        """Names of the leads."""
        return self._stream.leads

    def push(self, samples: ArrayLike, index: int | None = None) -> list[Event]:
        """Take the next samples and return what became known by them.

        Parameters
        ----------
        samples : array_like, shape (n,) or (n, leads)
            In the detector's unit; NaN or infinity where a lead is lost. Any n, 0 as well. Not changed.
        index : int, optional
            The feed's index of the first sample. Default: it follows the last. Missing indices are a gap; indices that
            have come before are left out.

        Returns
        -------
        list of Event
            `Onset`, `Beat`, `Waves`, `Rhythm` and `Status`, in the order in which they became known.

        Raises
        ------
        ValueError
            If the shape does not fit the leads, or the values are no numbers.
        """
        return self._pool.push({"": (self._millivolts(samples), index)})[""]

    def flush(self) -> list[Event]:
        """End the stream: finish what is held with the right context that there is, and be ready for a new one.

        Returns
        -------
        list of Event
            The last is a `Status` with the code `ended`.
        """
        return self._pool.flush([""])[""]

    def state(self) -> bytes:
        """Return everything that the detector remembers, to go on elsewhere with `Detector.restore`."""
        return save(self._pool, "", self.unit)

    @classmethod
    def restore(cls, state: bytes, model: Path | None = None, engine: Engine | None = None) -> "Detector":
        """Make a detector that goes on as if nothing had happened.

        Parameters
        ----------
        state : bytes
            What `state` returned.
        model : Path, optional
            Model folder; default: the model that comes with the package.
        engine : Engine, optional
            An engine that is already loaded.

        Returns
        -------
        Detector

        Raises
        ------
        StateError
            If the bytes are no state, or one of another version, model or profile.
        """
        snapshot = read(state)
        engine = engine or load_engine(snapshot.engine, snapshot.profile, model)
        check(snapshot, engine)
        detector = cls(snapshot.fs, snapshot.leads, snapshot.unit, engine=engine)
        restore(detector._pool, "", snapshot)
        detector._stream = detector._pool.stream("")
        return detector

    def _millivolts(self, samples: ArrayLike) -> NDArray[np.float64]:
        array = np.asarray(samples)
        if array.dtype.kind not in "iuf":
            raise ValueError(f"samples are of type {array.dtype}; expected numbers")
        if array.ndim == 1 and len(self.leads) == 1:
            array = array[:, None]
        if array.ndim != 2 or array.shape[1] != len(self.leads):
            expected = f"(n, {len(self.leads)})" if len(self.leads) > 1 else "(n,) or (n, 1)"
            raise ValueError(f"samples have shape {array.shape}; expected {expected}, one column for each lead")
        return np.ascontiguousarray(array, np.float64) * MILLIVOLTS[self.unit]
