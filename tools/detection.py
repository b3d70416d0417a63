"""The detector over whole recordings."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray

from streamer.detect import Beat, Detector, Waves
from streamer.engine import Engine
from streamer.feeds import open_wfdb
from streamer.sinks.annotations import final_beats, final_waves
from tools.scoring import Array


@dataclass(frozen=True)
class Detection:
    """What the detector made of a recording."""

    beats: list[Beat]
    waves: dict[int, Waves]

    @property
    def peaks(self) -> Array:
        """Of the QRS complexes, in samples."""
        return np.array([beat.peak for beat in self.beats], np.float64)

    @property
    def qrs(self) -> Array:
        """Onset and offset of the QRS complexes, in samples, shape (n, 2)."""
        return np.array([(beat.onset, beat.offset) for beat in self.beats], np.float64).reshape(-1, 2)

    @property
    def by_kind(self) -> dict[str, Array]:
        """Onset and offset of every `P`, `QRS` and `T`, in samples, shape (n, 2) each."""
        return {"P": self.wave("p"), "QRS": self.qrs, "T": self.wave("t")}

    def wave(self, name: str) -> Array:
        """Onset and offset of every `p` or `t`, in samples, shape (n, 2)."""
        found = [getattr(waves, name) for waves in self.waves.values()]
        return np.array([(w.onset, w.offset) for w in found if w is not None], np.float64).reshape(-1, 2)


def detect(engine: Engine, path: Path, leads: list[str] | None = None) -> Detection:
    """Run the detector over a record: over its first lead, or those named.

    Parameters
    ----------
    engine : Engine
    path : Path
        WFDB record without extension.
    leads : list of str, optional
    """
    recording = open_wfdb(path, leads or [wfdb.rdheader(str(path)).sig_name[0]])
    return detect_samples(engine, recording.samples, recording.fs, recording.leads, recording.unit)


def detect_samples(
    engine: Engine, samples: NDArray[np.float64], fs: float, leads: list[str], unit: str = "mV"
) -> Detection:
    """Run the detector over samples, shape (n, leads)."""
    detector = Detector(fs, leads, unit, engine=engine)
    events = detector.push(samples) + detector.flush()
    return Detection(final_beats(events), final_waves(events))
