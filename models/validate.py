"""Quick validation during training: QRS boundaries on the validation patients of qtdb, lead 0, default profile."""

import numpy as np
from numpy.typing import NDArray

from models.data import QRS, qtdb
from models.streams import condition
from streamer.engine import Engine


def probabilities(engine: Engine, signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a network over a conditioned recording, from its first sample to its last but the convolutions' right half.

    Parameters
    ----------
    engine : Engine
    signal : ndarray of float32, shape (leads, n)

    Returns
    -------
    ndarray of float32, shape (leads, m, classes)
    """
    block = engine.segment.hop * 100
    state = engine.initial(len(signal))
    pieces = []
    whole = signal.shape[1] // engine.segment.hop * engine.segment.hop
    for start in range(0, whole, block):
        piece, state = engine.run(signal[:, start : min(start + block, whole)], state)
        pieces.append(piece)
    pieces.append(engine.finish(signal[:, whole:], state))
    return np.concatenate(pieces, axis=1)[:, engine.segment.right_context :]


def crossings(qrs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (onset, offset) in samples of each stretch above 0.5 that lasts 24 ms or more, shape (k, 2)."""
    above = np.concatenate([[False], qrs > 0.5, [False]])
    edges = np.flatnonzero(np.diff(above.astype(np.int8)))
    found = []
    for first, after in edges.reshape(-1, 2):
        if after - first >= 6 and first > 0 and after < len(qrs):
            onset = first - (qrs[first] - 0.5) / (qrs[first] - qrs[first - 1])
            offset = after - (0.5 - qrs[after]) / (qrs[after - 1] - qrs[after])
            found.append((onset, offset))
    return np.array(found).reshape(-1, 2)


def boundary_errors(engine: Engine) -> dict[str, float]:
    """Return mean and mean SD of records of the QRS boundary errors in ms, and the share of QRS found."""
    errors: dict[str, list[NDArray[np.float64]]] = {}
    total = 0
    for excerpt in qtdb(True, leads=1):
        record = excerpt.name.split("/")[1]
        signal = condition(excerpt.signal[:, None].astype(np.float64), excerpt.fs)["normal"]
        found = crossings(probabilities(engine, signal)[0, :, QRS])
        truth = excerpt.waves[excerpt.waves[:, 2] == QRS, :2] * (250 / excerpt.fs)
        total += len(truth)
        for onset, offset in truth:
            if len(found):
                nearest = found[np.argmin(np.abs(found.mean(1) - (onset + offset) / 2))]
                if abs(nearest.mean() - (onset + offset) / 2) < 37:
                    errors.setdefault(record, []).append((nearest - (onset, offset)) * 4.0)
    means = np.array([np.mean(e, axis=0) for e in errors.values()])
    deviations = np.array([np.std(e, axis=0) for e in errors.values()])
    return {
        "onset_mean": float(means[:, 0].mean()),
        "onset_sd": float(deviations[:, 0].mean()),
        "offset_mean": float(means[:, 1].mean()),
        "offset_sd": float(deviations[:, 1].mean()),
        "found": sum(map(len, errors.values())) / total,
    }
