"""Whole recordings of the 2017 challenge and their rhythm: normal, atrial fibrillation, other, too noisy."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import keras
import numpy as np
import wfdb
from numpy.typing import NDArray
from scipy.signal import resample

from models.data import data_folder, names
from models.gallery.tasks import Batch, Figures, Task

CLASSES = ("N", "A", "O", "~")
FS = 300
SHORTEST, LONGEST = 9000, 18000  # samples
FRAME = 30  # samples that are read at once: 100 ms
PAD, CROP, MAP = "pad", "crop", "map"


@cache
def records(validation: bool) -> list[tuple[NDArray[np.float32], int]]:
    """Return the recordings of 30 s and more, each of mean 0 and SD 1, and their classes."""
    with (data_folder() / "cinc2017" / "REFERENCE.csv").open() as file:
        classes = {name: CLASSES.index(kind) for name, kind in csv.reader(file)}
    result = []
    for name in names("cinc2017", validation):
        signal = wfdb.rdrecord(str(data_folder() / "cinc2017" / name)).p_signal[:LONGEST, 0]
        if len(signal) >= SHORTEST:
            scaled = (signal - signal.mean()) / max(signal.std(), 1e-6)
            result.append((scaled.astype(np.float32), classes[name]))
    return result


@dataclass(frozen=True)
class Records(Task):
    """The class of a recording, whatever its length.

    Attributes
    ----------
    fit : {"pad", "crop", "map"}
        Noughts after it, which the network skips; 30 s of it; or all of it, resampled to as many samples as 30 s have.
    """

    fit: str
    loss = "sparse_categorical_crossentropy"
    delay = "no: one label at the end of a recording"

    @property
    def seconds(self) -> float:
        """A recording."""
        return self.samples / FS

    @property
    def samples(self) -> int:
        """Samples that the network reads."""
        return LONGEST if self.fit == PAD else SHORTEST

    def _fitted(self, signal: NDArray[np.float32], start: int) -> NDArray[np.float32]:
        if self.fit == CROP:
            signal = signal[start : start + SHORTEST]
        elif self.fit == MAP and len(signal) != SHORTEST:
            signal = resample(signal, SHORTEST).astype(np.float32)
        return np.pad(signal, (0, self.samples - len(signal))).reshape(-1, FRAME)

    def batches(self, size: int, random: np.random.Generator) -> Iterator[Batch]:
        """Yield recordings of the training patients."""
        source = records(False)
        while True:
            some = [source[k] for k in random.integers(len(source), size=size)]
            inputs = [self._fitted(x, int(random.integers(len(x) - SHORTEST + 1))) for x, _ in some]
            yield np.stack(inputs), np.array([kind for _, kind in some]), None

    def told(self, model: keras.Model, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities of a recording; of crops, the mean over as many as cover it."""
        last = len(signal) - SHORTEST if self.fit == CROP else 0
        starts = np.unique(np.linspace(0, last, 1 + -(-last // SHORTEST)).astype(int))
        return model.predict_on_batch(np.stack([self._fitted(signal, s) for s in starts])).mean(axis=0)

    def score(self, model: keras.Model) -> dict[str, Figures]:
        """Return the F1 of each class, and the mean of those of N, A and O that the challenge was scored by."""
        source = records(True)
        told = np.array([int(np.argmax(self.told(model, signal))) for signal, _ in source])
        truth = np.array([kind for _, kind in source])
        figures = {"records": float(len(source)), "accuracy": float(100 * np.mean(told == truth))}
        for k, name in enumerate(CLASSES):
            both, either = np.sum((told == k) & (truth == k)), np.sum(told == k) + np.sum(truth == k)
            figures[f"f1_{name}"] = float(200 * both / max(1, either))
        figures["f1"] = float(np.mean([figures[f"f1_{name}"] for name in "NAO"]))
        return {"cinc2017": figures}
