"""A trained network labels the boundaries of beats whose place is known by hand."""

from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray

from models.data import BEATS, MASKED, NONE, QRS, Excerpt, data_folder, names, spans
from models.streams import condition
from models.validate import probabilities
from streamer.conditioning.resampler import RATE
from streamer.engine import load_engine

SURE = 0.6
NEAR = int(0.15 * RATE)
CORE = int(0.024 * RATE)
EXCERPT_S = 60
OPEN_EDGE = 3


def label_record(
    scores: NDArray[np.float32], peaks: NDArray[np.float64], left_out: list[tuple[float, float]]
) -> NDArray[np.uint8]:
    """Give each 250 Hz sample a class from the teacher's scores and the annotated beats.

    A QRS is what the teacher sees around an annotated beat, above half of its largest score there; where it sees
    nothing,
    only the 48 ms around the annotation count as QRS and the rest is left open. What it takes for a QRS elsewhere is
    none.

    Parameters
    ----------
    scores : ndarray of float32, shape (n, classes)
    peaks : ndarray of float64, shape (beats,)
        Annotated beats, in 250 Hz samples.
    left_out : list of (first, last)
        Spans that are not to be learned from.

    Returns
    -------
    ndarray of uint8, shape (n,)
    """
    n = len(scores)
    classes = np.argmax(scores, axis=1).astype(np.uint8)
    classes[scores.max(axis=1) < SURE] = MASKED
    claimed = np.zeros(n, np.bool_)
    starts: list[tuple[int, int, bool]] = []
    for peak in peaks:
        a, b = max(0, int(peak) - NEAR), min(n, int(peak) + NEAR + 1)
        if b - a < 2 * NEAR:
            continue
        near = scores[a:b, QRS]
        top = a + int(np.argmax(near * np.exp(-(((np.arange(a, b) - peak) / (0.6 * NEAR)) ** 2))))
        level = 0.5 * float(scores[top, QRS])
        first, last = top, top
        while first > 0 and scores[first - 1, QRS] >= level:
            first -= 1
        while last < n - 1 and scores[last + 1, QRS] >= level:
            last += 1
        seen = scores[top, QRS] > 0.15 and 8 <= last - first <= 60
        starts.append((first, last, True) if seen else (int(peak) - CORE, int(peak) + CORE, False))
    for first, last, seen in starts:
        if not seen:
            classes[max(0, first - NEAR) : last + NEAR] = MASKED
    for first, last, _ in starts:
        claimed[max(0, first) : last + 1] = True
    elsewhere = (classes == QRS) & ~claimed
    near = np.convolve(claimed, np.ones(2 * CORE + 1), "same") > 0
    classes[elsewhere & near] = MASKED
    classes[elsewhere & ~near] = NONE
    classes[claimed] = QRS
    for a, b in left_out:
        classes[max(0, int(a)) : max(0, int(b))] = MASKED
    return classes


def teach(model: Path, database: str) -> list[Excerpt]:
    """Label the training records of a database, both leads, in excerpts of a minute.

    Parameters
    ----------
    model : Path
        The teacher's folder.
    database : {"mitdb", "qtdb"}

    Returns
    -------
    list of Excerpt
    """
    engine = load_engine("onnx", "careful", model)
    excerpts = []
    for name in names(database, False):
        path = data_folder() / database / name
        if not path.with_suffix(".atr").is_file():
            continue
        record, annotation = wfdb.rdrecord(str(path)), wfdb.rdann(str(path), "atr")
        step = record.fs / RATE
        beats = np.array([s for s, k in zip(annotation.sample, annotation.symbol, strict=True) if k in BEATS])
        heard = condition(record.p_signal, record.fs)
        both = np.concatenate([heard["normal"], -heard["normal"]])
        scores = probabilities(engine, both)
        weight = np.tile(heard["quality"], (2, 1))[:, : scores.shape[1]] + 1e-3
        mean = (scores * weight[..., None]).sum(0) / weight.sum(0)[:, None]
        labels = label_record(mean, beats / step, _left_out(annotation, step))
        changes = np.flatnonzero(np.diff(labels.astype(np.int64), prepend=-1))
        ends = np.append(changes[1:], len(labels))
        waves = [
            ((a - 0.5) * step, (b - 0.5) * step, float(labels[a]))
            for a, b in zip(changes, ends, strict=True)
            if labels[a] not in (NONE, MASKED)
        ]
        # the teacher's own boundaries are not learned from: they are the experts' to give
        edges = [k for k in changes if QRS in labels[max(0, k - 1) : k + 1]]
        doubtful = [
            *(((a - 0.5) * step, (b - 0.5) * step) for a, b in zip(changes, ends, strict=True) if labels[a] == MASKED),
            *(((k - OPEN_EDGE) * step, (k + OPEN_EDGE) * step) for k in edges),
        ]
        length = int(EXCERPT_S * record.fs)
        for start in range(0, record.sig_len - length // 2, length):
            stop = min(record.sig_len, start + length, int(len(labels) * step))
            inside = spans([w for w in waves if start < w[0] and w[1] < stop], 3) - (start, start, 0)
            shut = spans([d for d in doubtful if start < d[1] and d[0] < stop], 2) - start
            for lead in range(record.n_sig):
                excerpts.append(
                    Excerpt(
                        f"{database}/{name}/{record.sig_name[lead]}/{start}",
                        record.fs,
                        record.p_signal[start:stop, lead].astype(np.float32),
                        inside,
                        spans([(0.3 * record.fs, stop - start - 0.3 * record.fs)], 2),
                        shut,
                    )
                )
    return excerpts


def _left_out(annotation: wfdb.Annotation, step: float) -> list[tuple[float, float]]:
    """Ventricular flutter and fibrillation: there are no beats to find, nor their absence."""
    begins = [s / step for s, k in zip(annotation.sample, annotation.symbol, strict=True) if k == "["]
    ends = [s / step for s, k in zip(annotation.sample, annotation.symbol, strict=True) if k == "]"]
    waves = [s / step for s, k in zip(annotation.sample, annotation.symbol, strict=True) if k == "!"]
    return list(zip(begins, ends, strict=False)) + [(w - RATE / 2, w + RATE / 2) for w in waves]
