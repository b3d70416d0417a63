"""Many onsets of atrial fibrillation: recordings in normal rhythm of cinc2017, each joined to one of fibrillation."""

from multiprocessing import Pool
from pathlib import Path

import numpy as np
from rich.progress import track

from models.rhythm.data import join, joined
from streamer.detect import Detector
from streamer.detect.rhythm.episodes import Episode
from streamer.engine import Engine, load_engine
from streamer.sinks.annotations import final_beats
from tools.rhythm import Followed, followed

LEAST_S = 20.0
_engine: Engine | None = None


def _begin(folder: Path) -> None:
    global _engine
    _engine = load_engine("numba", "default", folder)


def _follow(pair: tuple[str, str]) -> Followed | None:
    assert _engine
    signal, fs, turn = join(pair)
    onset, length = float(turn), float(len(signal))
    if min(onset, length - onset) < LEAST_S * fs:
        return None
    detector = Detector(fs, ["lead"], engine=_engine)
    events = detector.push(signal) + detector.flush()
    real = [Episode("N", 0.0, onset, 0, None), Episode("AFIB", onset, length, turn, None)]
    peaks = np.array([beat.peak for beat in final_beats(events)])
    return followed("+".join(pair), fs, length, real, events, peaks)


def follow_joined(engine: Engine) -> list[Followed]:
    """Run the detector over all pairs, with progress."""
    every = joined(True)
    with Pool(2, _begin, (engine.model.folder,)) as pool:
        told = track(pool.imap(_follow, every, 4), "joined", len(every), transient=True)
        return [record for record in told if record]
