"""Validation during training, on the first leads of the validation patients: boundaries of qtdb, beats of mitdb."""

import numpy as np
import wfdb
from numpy.typing import NDArray
from wfdb.processing import Comparitor

from models.data import QRS, VQRS, beats, complexes, data_folder, names, qtdb
from models.streams import condition
from streamer.detect import Detector
from streamer.engine import Engine
from streamer.sinks.annotations import final_beats


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


def merged(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return scores with the ventricular QRS added to the QRS, shape (..., 4)."""
    result = scores[..., : QRS + 2].copy()
    result[..., QRS] += scores[..., VQRS:].sum(axis=-1)
    return result


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
        found = crossings(merged(probabilities(engine, signal)[0])[:, QRS])
        truth = complexes(excerpt.waves)[:, :2] * (250 / excerpt.fs)
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


def beat_errors(engine: Engine) -> dict[str, float]:
    """Return beats missed and invented, in percent of those annotated."""
    annotated, matched, found = 0, 0, 0
    for name in names("mitdb", True):
        record = wfdb.rdrecord(str(data_folder() / "mitdb" / name), channels=[0])
        detector = Detector(record.fs, record.sig_name, engine=engine)
        events = detector.push(record.p_signal) + detector.flush()
        peaks = np.array([round(beat.peak) for beat in final_beats(events)])
        reference, _ = beats("mitdb", name)
        scored = Comparitor(reference, peaks, int(0.15 * record.fs))
        scored.compare()
        annotated, matched, found = annotated + len(reference), matched + scored.tp, found + len(peaks)
    return {"missed": 100 * (annotated - matched) / annotated, "invented": 100 * (found - matched) / annotated}


def merit(row: dict[str, float]) -> float:
    """Return one figure to choose a model by, smaller is better: errors in half percents, SD in its goals of ms."""
    return 2 * (row["missed"] + row["invented"]) + row["onset_sd"] / 6.5 + row["offset_sd"] / 7.5
