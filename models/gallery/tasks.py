"""What a design is trained on, and how its outputs are read: from whole windows to QRS complexes of a recording."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from models.data import MASKED, QRS
from models.gallery.scoring import Spans, outputs, score
from models.gallery.stretches import NORMAL, RATE, Stretch, drawn, stretches, twelve_leads
from models.validate import crossings

Batch = tuple[NDArray[np.float32], Any, Any]  # inputs, targets, weights or None
Figures = dict[str, float]


class Task(ABC):
    """What is asked of a design.

    Attributes
    ----------
    loss : str or sequence of str
        As Keras names them, one for each output.
    seconds : float
        Of ECG, that one call of a network brings further.
    delay : str
        Whether it can stream, and with what delay.
    """

    loss: str | Sequence[str]
    seconds: float
    delay: str

    @abstractmethod
    def batches(self, size: int, random: np.random.Generator) -> Iterator[Batch]:
        """Yield batches of windows of the training patients for ever."""

    @abstractmethod
    def score(self, model: keras.Model) -> dict[str, Figures]:
        """Return figures by database, of the validation patients."""


def stacked(windows: Iterator[tuple[Any, ...]], size: int) -> Iterator[list[NDArray[Any]]]:
    """Yield so many windows at a time, each part of them stacked."""
    while True:
        parts = zip(*(next(windows) for _ in range(size)), strict=True)
        yield [np.stack(part) for part in parts]


def of_databases(finder: Callable[[Stretch], Spans], source: list[Stretch]) -> dict[str, Figures]:
    """Return the scores of each database."""
    databases = sorted({stretch.name.split("/")[0] for stretch in source})
    return {name: score(finder, [s for s in source if s.name.startswith(f"{name}/")]) for name in databases}


@dataclass(frozen=True)
class Samples(Task):
    """A label for each sample: QRS or not, or one of none, P, QRS and T.

    Attributes
    ----------
    window : int
        Samples that are read at once.
    hop, right : int
        Of the stream that it is scored as: samples from one window to the next, and after those that are kept.
    classes : int
        4, or 1 for the probability of a QRS.
    leads : int
        1 or 12.
    kind : str
        Of the signal.
    """

    window: int
    hop: int
    right: int
    classes: int = 1
    leads: int = 1
    kind: str = NORMAL

    @property
    def loss(self) -> str:
        """Cross-entropy."""
        return "binary_crossentropy" if self.classes == 1 else "sparse_categorical_crossentropy"

    @property
    def seconds(self) -> float:
        """A hop."""
        return self.hop / RATE

    @property
    def delay(self) -> str:
        """The hop and what is right of it."""
        return f"{1000 * (self.hop + self.right) / RATE:g} ms"

    def _source(self, validation: bool) -> list[Stretch]:
        return stretches(validation, self.kind) if self.leads == 1 else twelve_leads(validation)

    def batches(self, size: int, random: np.random.Generator) -> Iterator[Batch]:
        """Yield windows with labels, weighing nothing where nothing is known."""

        def windows() -> Iterator[tuple[NDArray[Any], ...]]:
            for stretch, start in drawn(self._source(False), self.window, random):
                labels = stretch.labels[start : start + self.window]
                known = labels != MASKED
                targets = (labels == QRS)[:, None] if self.classes == 1 else np.where(known, labels, 0)
                yield stretch.signal[start : start + self.window], targets, known

        for signal, targets, known in stacked(windows(), size):
            yield signal, targets.astype(np.float32), known.astype(np.float32)

    def probabilities(self, model: keras.Model, stretch: Stretch) -> NDArray[np.float32]:
        """Return the outputs for each sample of a recording, shape (n, classes)."""
        return outputs(model, stretch.signal, self.window, self.hop, self.right)

    def find(self, model: keras.Model, stretch: Stretch) -> Spans:
        """Return the QRS complexes of a recording: where their probability is above one half."""
        return crossings(self.probabilities(model, stretch)[:, QRS if self.classes > 1 else 0])

    def score(self, model: keras.Model) -> dict[str, Figures]:
        """Return figures over all beats, by database."""
        return of_databases(lambda stretch: self.find(model, stretch), self._source(True))


@dataclass(frozen=True)
class Positions(Task):
    """Where in a window a QRS begins and ends: for each of the two a probability for every sample, which add up to one.

    A window with several has them share; a window without any, all samples.

    Attributes
    ----------
    window, hop : int
        Samples that are read at once, and from one window to the next.
    """

    window: int = 200
    hop: int = 20
    loss = ("categorical_crossentropy", "categorical_crossentropy")
    near = 4  # samples around a peak that count for it
    least = 0.25  # of the probability, to be told
    apart = 50  # samples between two of a kind, at least
    shortest, longest = 8, 60  # samples from an onset to its offset

    @property
    def seconds(self) -> float:
        """A hop."""
        return self.hop / RATE

    @property
    def delay(self) -> str:
        """All windows that hold a sample."""
        return f"{1000 * self.window / RATE:g} ms: all windows that hold a sample"

    def batches(self, size: int, random: np.random.Generator) -> Iterator[Batch]:
        """Yield windows from within the known spans, and the shares of their samples."""

        def windows() -> Iterator[tuple[NDArray[Any], ...]]:
            for stretch, start in drawn(stretches(False), self.window, random, inside=True):
                shares = [self._shares(stretch.qrs[:, k] - start) for k in (0, 1)]
                yield stretch.signal[start : start + self.window], *shares

        for signal, onset, offset in stacked(windows(), size):
            yield signal, (onset, offset), None

    def _shares(self, points: NDArray[np.float64]) -> NDArray[np.float32]:
        inside = np.rint(points).astype(int)
        inside = inside[(inside >= 0) & (inside < self.window)]
        share = np.zeros(self.window, np.float32)
        share[inside] = 1.0
        return share / share.sum() if len(inside) else np.full(self.window, 1 / self.window, np.float32)

    def densities(self, model: keras.Model, stretch: Stretch) -> NDArray[np.float64]:
        """Return for each sample of a recording the mean over the windows that hold it, shape (n, 2)."""
        signal, window, hop = stretch.signal, self.window, self.hop
        starts = np.arange(0, max(1, len(signal) - window + hop), hop)
        padded = np.zeros((starts[-1] + window, 1), np.float32)
        padded[: len(signal)] = signal
        told = model.predict_on_batch(np.stack([padded[s : s + window] for s in starts]))
        sums, counts = np.zeros((len(padded), 2)), np.zeros((len(padded), 1))
        for k, start in enumerate(starts):
            sums[start : start + window] += np.stack([told[0][k], told[1][k]], axis=1)
            counts[start : start + window] += 1
        return (sums / counts)[: len(signal)]

    def find(self, model: keras.Model, stretch: Stretch) -> Spans:
        """Return the QRS complexes of a recording: the peaks of the two densities, in pairs."""
        onsets, offsets = (self._peaks(density) for density in self.densities(model, stretch).T)
        pairs = []
        for onset in onsets:
            after = offsets[(offsets > onset + self.shortest) & (offsets < onset + self.longest)]
            if len(after):
                pairs.append((onset, after[0]))
        return np.array(pairs).reshape(-1, 2)

    def _peaks(self, density: NDArray[np.float64]) -> NDArray[np.float64]:
        around = np.arange(-self.near, self.near + 1)
        mass = np.convolve(density, np.ones(len(around)), "same")
        peaks, _ = find_peaks(mass, height=self.least, distance=self.apart)
        padded = np.pad(density, self.near)
        weights = np.array([padded[p : p + len(around)] for p in peaks]).reshape(-1, len(around))
        return peaks + weights @ around / np.maximum(weights.sum(axis=1), 1e-9)

    def score(self, model: keras.Model) -> dict[str, Figures]:
        """Return figures over all beats, by database."""
        return of_databases(lambda stretch: self.find(model, stretch), stretches(True))


@dataclass(frozen=True)
class OneBeat(Task):
    """Onset and offset as two numbers, in a window that holds one beat: a share of the window, from 0 to 1.

    The beat ends midway to the next, up to a tenth of the window earlier or later; what is before it, midway from the
    last, is nought.

    Attributes
    ----------
    window : int
        Samples.
    """

    window: int = 200
    loss = "mse"
    delay = "no: a window must hold one whole beat"
    shift = 0.1

    @property
    def seconds(self) -> float:
        """A window."""
        return self.window / RATE

    def _windows(
        self, source: list[Stretch], random: np.random.Generator
    ) -> Iterator[tuple[str, int, NDArray[np.float32], NDArray[np.float32]]]:
        """Yield each beat whose neighbours are known once: name, first sample, inputs, and where the QRS is."""
        time = np.arange(self.window, dtype=np.float32) / RATE
        for stretch in source:
            for (_, before), (onset, offset), (after, _) in zip(
                stretch.qrs, stretch.qrs[1:], stretch.qrs[2:], strict=False
            ):
                begin, end = int((before + onset) / 2), int((offset + after) / 2)
                end += int(random.integers(-self.window * self.shift, self.window * self.shift + 1))
                first = end - self.window
                if end > len(stretch.signal) or not first <= onset < offset < end:
                    continue
                begin = max(begin, first, 0)
                signal = np.zeros((self.window, 2), np.float32)
                signal[begin - first :, 0] = time[begin - first :]
                signal[begin - first :, 1] = stretch.signal[begin:end, 0]
                yield stretch.name, first, signal, np.array([onset - first, offset - first], np.float32) / self.window

    def batches(self, size: int, random: np.random.Generator) -> Iterator[Batch]:
        """Yield windows of beats, half of them of each database."""
        pools: dict[str, list[tuple[NDArray[np.float32], NDArray[np.float32]]]] = {}
        for name, _, signal, points in self._windows(stretches(False), random):
            pools.setdefault(name.split("/")[0], []).append((signal, points))

        def windows() -> Iterator[tuple[NDArray[Any], ...]]:
            while True:
                for pool in pools.values():
                    yield pool[random.integers(len(pool))]

        for signal, points in stacked(windows(), size):
            yield signal, points, None

    def find(self, model: keras.Model, stretch: Stretch) -> Spans:
        """Return what is told of each beat of a recording that its window can be cut for."""
        windows = list(self._windows([stretch], np.random.default_rng(0)))
        told = model.predict_on_batch(np.stack([signal for _, _, signal, _ in windows]))
        return np.array([first for _, first, _, _ in windows])[:, None] + told * self.window

    def score(self, model: keras.Model) -> dict[str, Figures]:
        """Return the errors in ms, those of always telling the mean position, and the share that is explained."""
        result = {}
        random = np.random.default_rng(0)
        windows = list(self._windows(stretches(True), random))
        for database in sorted({name.split("/")[0] for name, *_ in windows}):
            some = [(signal, points) for name, _, signal, points in windows if name.startswith(f"{database}/")]
            truth = np.stack([points for _, points in some]) * self.window * 4.0
            told = model.predict(np.stack([signal for signal, _ in some]), verbose=0) * self.window * 4.0
            errors = told - truth
            result[database] = {
                "beats": len(some),
                "onset_mean": float(errors[:, 0].mean()),
                "onset_sd": float(errors[:, 0].std()),
                "offset_mean": float(errors[:, 1].mean()),
                "offset_sd": float(errors[:, 1].std()),
                "constant_sd": float(truth[:, 0].std()),
                "explained": float(100 * (1 - errors[:, 0].var() / truth[:, 0].var())),
            }
        return result
