"""Scores of what a design finds in recordings: QRS complexes found and invented, and the errors of their boundaries."""

from collections.abc import Callable, Iterable

import keras
import numpy as np
from numpy.typing import NDArray

from models.gallery.stretches import Stretch

NEAR_S = 0.15  # a QRS is found if the middle of what was found lies as near to its middle
BATCH = 256
RECURRENT = (keras.layers.LSTM, keras.layers.Bidirectional)
Spans = NDArray[np.float64]


def outputs(model: keras.Model, signal: NDArray[np.float32], window: int, hop: int, right: int) -> NDArray[np.float32]:
    """Run a design over a recording as it would run over a stream: a window each hop, of which a hop is kept.

    Parameters
    ----------
    model : keras.Model
        (windows, window, leads) to (windows, window, outputs).
    signal : ndarray of float32, shape (n, leads)
    window, hop, right : int
        Samples that are read at once, from one window to the next, and after the hop that is kept.

    Returns
    -------
    ndarray of float32, shape (n, outputs)
    """
    hops = -(-(len(signal) + right) // hop)
    padded = np.zeros((window - hop + hops * hop, signal.shape[1]), np.float32)
    padded[window - hop : window - hop + len(signal)] = signal
    pieces = np.lib.stride_tricks.sliding_window_view(padded, window, axis=0)[::hop].swapaxes(1, 2)
    kept = [
        model.predict_on_batch(pieces[k : k + BATCH])[:, window - right - hop : window - right]
        for k in range(0, len(pieces), BATCH)
    ]
    return np.concatenate([piece.reshape(-1, piece.shape[-1]) for piece in kept])[right : right + len(signal)]


def found_in(stretch: Stretch, found: Spans) -> tuple[int, int, int, Spans]:
    """Compare what was found with the reference.

    Parameters
    ----------
    stretch : Stretch
    found : ndarray of float64, shape (k, 2)
        Onset and offset in samples.

    Returns
    -------
    hits, misses, extras : int
        Within the known spans.
    errors : ndarray of float64, shape (hits, 2)
        Found minus reference, ms.
    """
    middles, errors, free = found.mean(axis=1), [], np.ones(len(found), np.bool_)
    for onset, offset in stretch.qrs:
        distance = np.where(free, np.abs(middles - (onset + offset) / 2), np.inf)
        if len(distance) and distance.min() < NEAR_S * stretch.fs:
            k = int(np.argmin(distance))
            free[k] = False
            errors.append((found[k] - (onset, offset)) * 1000 / stretch.fs)
    inside = (stretch.known[:, 0] <= middles[free, None]) & (middles[free, None] <= stretch.known[:, 1])
    extras = int(inside.any(axis=1).sum())
    return len(errors), len(stretch.qrs) - len(errors), extras, np.array(errors).reshape(-1, 2)


def score(finder: Callable[[Stretch], Spans], source: Iterable[Stretch]) -> dict[str, float]:
    """Return sensitivity and positive predictivity in percent, and mean and SD of the errors in ms, over all beats."""
    hits, misses, extras, errors = 0, 0, 0, []
    for stretch in source:
        some, missed, invented, wrong = found_in(stretch, finder(stretch))
        hits, misses, extras = hits + some, misses + missed, extras + invented
        errors.append(wrong)
    every = np.concatenate(errors) if hits else np.full((1, 2), np.nan)
    return {
        "beats": hits + misses,
        "se": 100 * hits / (hits + misses),
        "ppv": 100 * hits / max(1, hits + extras),
        "onset_mean": float(every[:, 0].mean()),
        "onset_sd": float(every[:, 0].std()),
        "offset_mean": float(every[:, 1].mean()),
        "offset_sd": float(every[:, 1].std()),
    }


def megaflops(model: keras.Model, seconds: float) -> float:
    """Return the cost in 10^6 multiplications and additions for each second of ECG.

    A weight that is no bias is multiplied once for each position of its layer's output.

    Parameters
    ----------
    model : keras.Model
    seconds : float
        Of ECG, that one call brings further.
    """
    macs = 0
    for layer in model.layers:
        positions = keras.tree.flatten(layer.input)[0] if isinstance(layer, RECURRENT) else layer.output
        steps = int(np.prod(positions.shape[1:-1]))
        macs += steps * sum(int(np.prod(w.shape)) for w in layer.weights if len(w.shape) > 1)
    return 2e-6 * macs / seconds
