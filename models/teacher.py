"""A trained network labels the boundaries of beats whose place is known by hand."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray

from models.data import (
    BEATS,
    MASKED,
    NONE,
    NOT_VENTRICULAR,
    QRS,
    UNTYPED,
    VENTRICULAR,
    VQRS,
    Excerpt,
    P,
    data_folder,
    names,
    spans,
)
from models.streams import condition
from models.validate import merged, probabilities
from streamer.conditioning.resampler import RATE
from streamer.engine import Engine, load_engine

SURE = 0.6
VERY_SURE = 0.8
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


def listen(engine: Engine, path: Path) -> tuple[wfdb.Record, NDArray[np.float32]]:
    """Return a record and what the teacher makes of it: the mean over its leads, upright and turned over.

    Returns
    -------
    record : wfdb.Record
    scores : ndarray of float32, shape (n, 4)
        At 250 Hz, without types of QRS.
    """
    record = wfdb.rdrecord(str(path))
    heard = condition(record.p_signal, record.fs)
    scores = merged(probabilities(engine, np.concatenate([heard["normal"], -heard["normal"]])))
    weight = np.tile(heard["quality"], (2, 1))[:, : scores.shape[1]] + 1e-3
    return record, (scores * weight[..., None]).sum(0) / weight.sum(0)[:, None]


def cut(name: str, record: wfdb.Record, labels: NDArray[np.uint8], beats: NDArray[np.float64]) -> list[Excerpt]:
    """Cut a labelled record into excerpts of a minute, each lead by itself.

    The boundaries of a QRS are left open: they are the experts' to give, not the teacher's.

    Parameters
    ----------
    name : str
        Database and record.
    record : wfdb.Record
    labels : ndarray of uint8, shape (n,)
        At 250 Hz, `QRS` for one of any type.
    beats : ndarray of float64, shape (k, 2)
        Beats of known type: 250 Hz sample, and `QRS`, `VQRS` or `UNTYPED`.

    Returns
    -------
    list of Excerpt
    """
    step = record.fs / RATE
    changes = np.flatnonzero(np.diff(labels.astype(np.int64), prepend=-1))
    pieces = list(zip(changes, np.append(changes[1:], len(labels)), strict=True))

    def kind(a: int, b: int) -> int:
        if labels[a] != QRS:
            return int(labels[a])
        inside = beats[(beats[:, 0] > a - NEAR) & (beats[:, 0] < b + NEAR), 1]
        return int(inside[0]) if len(set(inside.tolist())) == 1 else UNTYPED

    waves = [((a - 0.5) * step, (b - 0.5) * step, kind(a, b)) for a, b in pieces if labels[a] not in (NONE, MASKED)]
    edges = [k for k in changes if QRS in labels[max(0, k - 1) : k + 1]]
    doubtful = [
        *(((a - 0.5) * step, (b - 0.5) * step) for a, b in pieces if labels[a] == MASKED),
        *(((k - OPEN_EDGE) * step, (k + OPEN_EDGE) * step) for k in edges),
    ]
    excerpts = []
    length = int(EXCERPT_S * record.fs)
    for start in range(0, max(1, record.sig_len - length // 2), length):
        stop = min(record.sig_len, start + length, int(len(labels) * step))
        inside = spans([w for w in waves if start < w[0] and w[1] < stop], 3) - (start, start, 0)
        shut = spans([d for d in doubtful if start < d[1] and d[0] < stop], 2) - start
        known = spans([(0.3 * record.fs, stop - start - 0.3 * record.fs)], 2)
        for lead in range(record.n_sig):
            signal = record.p_signal[start:stop, lead].astype(np.float32)
            excerpts.append(Excerpt(f"{name}/{record.sig_name[lead]}/{start}", record.fs, signal, inside, known, shut))
    return excerpts


def teach(model: Path, database: str) -> list[Excerpt]:
    """Label the training records of a database whose beats are annotated, both leads.

    Parameters
    ----------
    model : Path
        The teacher's folder.
    database : {"mitdb", "qtdb"}

    Returns
    -------
    list of Excerpt
    """
    engine = load_engine("numba", "careful", model)
    excerpts = []
    for name in names(database, False):
        path = data_folder() / database / name
        if not path.with_suffix(".atr").is_file():
            continue
        record, scores = listen(engine, path)
        annotation = wfdb.rdann(str(path), "atr")
        step = record.fs / RATE
        beats = np.array(
            [
                (s / step, VQRS if k in VENTRICULAR else QRS if k in NOT_VENTRICULAR else UNTYPED)
                for s, k in zip(annotation.sample, annotation.symbol, strict=True)
                if k in BEATS
            ]
        )
        labels = label_record(scores, beats[:, 0], _left_out(annotation, step))
        for a, b in _fibrillating(annotation, step, len(labels)):
            labels[a:b][labels[a:b] == P] = NONE
        excerpts += cut(f"{database}/{name}", record, labels, beats)
    return excerpts


def follow(model: Path) -> list[Excerpt]:
    """Label the training records of cinc2017, which have no annotated beats, where the teacher is sure.

    Parameters
    ----------
    model : Path
        The teacher's folder.

    Returns
    -------
    list of Excerpt
        Without the records that are called too noisy; those of atrial fibrillation have no P.
    """
    engine = load_engine("numba", "careful", model)
    rhythms = dict(
        line.split(",") for line in (data_folder() / "cinc2017" / "REFERENCE.csv").read_text().strip().splitlines()
    )
    excerpts = []
    for name in names("cinc2017", False):
        if rhythms[name] == "~":
            continue
        record, scores = listen(engine, data_folder() / "cinc2017" / name)
        labels = np.argmax(scores, axis=1).astype(np.uint8)
        labels[scores.max(axis=1) < VERY_SURE] = MASKED
        if rhythms[name] == "A":
            labels[labels == P] = NONE
        excerpts += cut(f"cinc2017/{name}", record, labels, np.zeros((0, 2)))
    return excerpts


def _fibrillating(annotation: wfdb.Annotation, step: float, n: int) -> list[tuple[int, int]]:
    """Return the spans of atrial fibrillation and flutter, where there is no P wave."""
    changes = [
        (int(s / step), note.strip("\x00"))
        for s, note in zip(annotation.sample, annotation.aux_note, strict=True)
        if note.startswith("(")
    ]
    bounds = [*(s for s, _ in changes), n]
    return [(a, b) for (_, note), (a, b) in zip(changes, pairwise(bounds), strict=True) if note in ("(AFIB", "(AFL")]


def _left_out(annotation: wfdb.Annotation, step: float) -> list[tuple[float, float]]:
    """Ventricular flutter and fibrillation: there are no beats to find, nor their absence."""
    begins = [s / step for s, k in zip(annotation.sample, annotation.symbol, strict=True) if k == "["]
    ends = [s / step for s, k in zip(annotation.sample, annotation.symbol, strict=True) if k == "]"]
    waves = [s / step for s, k in zip(annotation.sample, annotation.symbol, strict=True) if k == "!"]
    return list(zip(begins, ends, strict=False)) + [(w - RATE / 2, w + RATE / 2) for w in waves]
