"""Endless conditioned streams for training: excerpts one after the other, as a detector would hear them."""

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.augment import Augmenter, widen
from models.data import MASKED, NONE, Excerpt
from streamer.conditioning.conditioner import Conditioner
from streamer.conditioning.kernel import LOST, OFF, RING
from streamer.conditioning.resampler import RATE

BLOCK = 512
WIDENED = 0.3
AFTER_START = int(0.2 * RATE)


def condition(signal: NDArray[np.float64], fs: float) -> NDArray[np.void]:
    """Condition a whole recording with the detector's own code.

    Parameters
    ----------
    signal : ndarray of float64, shape (n, leads)
        In mV.
    fs : float
        Hz.

    Returns
    -------
    ndarray of RING_DTYPE, shape (leads, samples at 250 Hz)
    """
    conditioner = Conditioner(fs, signal.shape[1])
    pieces, read = [], 0
    while len(signal):
        signal = signal[conditioner.push(signal, BLOCK) :]
        if not len(signal):
            conditioner.drain()
        pieces.append(conditioner.ring[:, np.arange(read, conditioner.ready) % RING])
        read = conditioner.ready
    return np.concatenate(pieces, axis=1)


def label(
    excerpt: Excerpt, samples: int, step: float, lost: NDArray[np.bool_], random: np.random.Generator
) -> NDArray[np.uint8]:
    """Give each 250 Hz sample its class.

    Boundaries are given to a sample; each is moved within it at random, or the network would learn it half a sample
    wide.

    Parameters
    ----------
    excerpt : Excerpt
    samples : int
        250 Hz samples.
    step : float
        Samples of the excerpt per 250 Hz sample.
    lost : ndarray of bool, shape (samples,)
        Where the lead is lost: nothing can be seen there, so nothing is asked.
    random : Generator

    Returns
    -------
    ndarray of uint8, shape (samples,)
        `MASKED` where nothing is known.
    """
    result = np.full(samples, MASKED, np.uint8)

    def mark(first: float, last: float, value: int) -> None:
        first, last = np.array([first, last]) + random.uniform(-0.5, 0.5, 2)
        result[max(0, int(np.ceil(first / step))) : int(np.floor(last / step)) + 1] = value

    for first, last in excerpt.known:
        mark(first, last, NONE)
    known = result != MASKED
    for first, last, kind in excerpt.waves:
        mark(first, last, int(kind))
    for first, last in excerpt.doubtful:
        mark(first, last, MASKED)
    result[~known | lost] = MASKED
    result[:AFTER_START] = MASKED
    return result


@dataclass(frozen=True)
class Batch:
    """One step of training for all streams; the next batch goes on where this one ends."""

    samples: NDArray[np.float32]  # (streams, left + window + right)
    labels: NDArray[np.uint8]  # (streams, window)


class Streams:
    """Draw excerpts for ever and cut them into windows that follow one another.

    Parameters
    ----------
    excerpts : sequence of Excerpt
    weights : sequence of float
        How often each is drawn.
    augmenter : Augmenter
    count : int
        Streams in a batch.
    window, left, right : int
        250 Hz samples of a window, and those shown on both sides of it.
    seed : int
    """

    def __init__(
        self,
        excerpts: Sequence[Excerpt],
        weights: Sequence[float],
        augmenter: Augmenter,
        count: int,
        window: int,
        left: int,
        right: int,
        seed: int,
    ) -> None:
        self._excerpts = excerpts
        self._p = np.asarray(weights, np.float64) / np.sum(weights)
        self._augmenter = augmenter
        self._window, self._left, self._right = window, left, right
        self._random = [np.random.default_rng([seed, k]) for k in range(count)]
        self._signals = [np.zeros(left, np.float32) for _ in range(count)]
        self._labels = [np.full(left, MASKED, np.uint8) for _ in range(count)]

    def _extend(self, k: int) -> None:
        random = self._random[k]
        excerpt = self._excerpts[random.choice(len(self._excerpts), p=self._p)]
        if random.random() < WIDENED:
            excerpt = widen(excerpt, random)
        signal, fs = self._augmenter(excerpt.signal, excerpt.fs, random)
        conditioned = condition(signal, fs)[0]
        labels = label(excerpt, len(conditioned), fs / RATE, (conditioned["flags"] & (LOST | OFF)) != 0, random)
        self._signals[k] = np.concatenate([self._signals[k], conditioned["normal"]])
        self._labels[k] = np.concatenate([self._labels[k], labels])

    def batch(self) -> Batch:
        """Cut the next window of every stream."""
        length = self._left + self._window + self._right
        for k in range(len(self._signals)):
            while len(self._signals[k]) < length:
                self._extend(k)
        samples = np.stack([s[:length] for s in self._signals])
        labels = np.stack([s[self._left : self._left + self._window] for s in self._labels])
        self._signals = [s[self._window :] for s in self._signals]
        self._labels = [s[self._window :] for s in self._labels]
        return Batch(samples, labels)

    def ahead(self, count: int) -> Iterator[Batch]:
        """Yield `count` batches, made in a thread while the network works."""
        ready: queue.Queue[Batch] = queue.Queue(4)

        def work() -> None:
            for _ in range(count):
                ready.put(self.batch())

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        for _ in range(count):
            yield ready.get()
        thread.join()
