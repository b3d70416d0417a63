"""Recordings and their reference waves, as training reads them."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray

VALIDATION: dict[str, Callable[[str], bool]] = {
    "mitdb": lambda name: name in {"106", "119", "203", "208", "223", "217"},
    "qtdb": lambda name: (
        name
        in {
            *("sel223", "sel15814", "sel16265", "sel16786", "sel17453", "sel302", "sel310", "sel33", "sel40", "sel49"),
            *("sele0106", "sele0116", "sele0133", "sele0406", "sele0612"),
        }
    ),
    "ludb": lambda name: int(name) % 5 == 1,
    "cinc2017": lambda name: int(name[1:]) % 5 == 0,
}
# what a sample or a wave is: the network's classes, then a QRS of unknown type, and what nothing is known about
NONE, P, QRS, T, VQRS, UNTYPED, MASKED = 0, 1, 2, 3, 4, 5, 255
WAVES = {"p": P, "N": UNTYPED, "t": T}
BEATS = frozenset("NLRBAaJSVrFejnE/fQ?")
VENTRICULAR = frozenset("VE")
NOT_VENTRICULAR = frozenset("NLRBAaJSejn")
NOISE_TRAINING_SHARE = 2 / 3


def data_folder() -> Path:
    """Return where the databases lie: $QRSTREAM_DATA, else `../shared/data` beside the clone.

    Raises
    ------
    FileNotFoundError
        If the folder is not there.
    """
    folder = Path(os.environ.get("QRSTREAM_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no databases in {folder}; set QRSTREAM_DATA to a folder that holds mitdb, qtdb, ludb, cinc2017, "
            "nstdb_noise, afdb_rr and nsr2db_rr (wfdb.dl_database fetches them)"
        )
    return folder


def names(database: str, validation: bool) -> list[str]:
    """List the records of one side of the split, by patient."""
    headers = sorted((data_folder() / database).glob("*.hea"))
    return [header.stem for header in headers if VALIDATION[database](header.stem) == validation]


@dataclass(frozen=True)
class Excerpt:
    """A stretch of one lead with what is known about it.

    Attributes
    ----------
    name : str
        Database, record and lead.
    fs : float
        Hz.
    signal : ndarray of float32, shape (n,)
        mV.
    waves : ndarray of float64, shape (waves, 3)
        First and last sample and class of each wave.
    known : ndarray of float64, shape (spans, 2)
        First and last sample of each span in which every wave is given; elsewhere nothing is learned.
    doubtful : ndarray of float64, shape (spans, 2)
        Spans inside the known ones that are left out.
    start : int
        Sample of the record that the excerpt begins with.
    """

    name: str
    fs: float
    signal: NDArray[np.float32]
    waves: NDArray[np.float64]
    known: NDArray[np.float64]
    doubtful: NDArray[np.float64]
    start: int = 0


def complexes(waves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the waves that are QRS complexes, of whatever type."""
    return waves[np.isin(waves[:, 2], (QRS, VQRS, UNTYPED))]


def spans(rows: Sequence[tuple[float, ...]], width: int) -> NDArray[np.float64]:
    """Return rows as an array that keeps its width when there are none."""
    return np.array(rows, np.float64).reshape(-1, width)


def parse_waves(annotation: wfdb.Annotation) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]], list[int]]:
    """Read `(`, peak, `)` triples.

    Returns
    -------
    waves : list of (first, last, class)
    doubtful : list of (first, last)
        Where a wave is known to be but not from where: a T without onset, a U.
    peaks : list of int
        Of the QRS complexes.
    """
    waves: list[tuple[int, ...]] = []
    doubtful: list[tuple[int, ...]] = []
    peaks: list[int] = []
    onset: int | None = None
    peak, kind = 0, ""
    last_end = 0
    for sample, symbol in zip(annotation.sample.tolist(), annotation.symbol, strict=True):
        if symbol == "(":
            onset, kind = sample, ""
        elif symbol == ")":
            if kind in WAVES and onset is not None:
                waves.append((onset, sample, WAVES[kind]))
            elif kind:
                if kind == "t":
                    waves.append((peak, sample, T))
                doubtful.append((last_end + 1, peak if kind == "t" else sample))
            onset, kind, last_end = None, "", sample
        elif symbol in {"p", "t", "u"} or symbol in BEATS:
            if not (kind == "t" and symbol == "t"):
                peak, kind = sample, symbol if symbol in {"p", "t", "u"} else "N"
            if kind == "N":
                peaks.append(sample)
    return waves, doubtful, peaks


def qtdb(validation: bool, leads: int = 2) -> list[Excerpt]:
    """Read the beats of the QT Database that the first expert annotated, with ten seconds of lead-in."""
    excerpts = []
    for name in names("qtdb", validation):
        path = str(data_folder() / "qtdb" / name)
        record, annotation = wfdb.rdrecord(path), wfdb.rdann(path, "q1c")
        waves, doubtful, peaks = parse_waves(annotation)
        rr = float(np.median(np.diff(peaks))) if len(peaks) > 1 else record.fs
        groups = np.split(np.array(peaks), np.flatnonzero(np.diff(peaks) > 1.7 * rr) + 1)
        qrs = sorted((first, last) for first, last, kind in waves if kind == UNTYPED)
        for group in groups:
            inside = [(a, b) for a, b in qrs if group[0] - rr < a and b < group[-1] + rr]
            if not inside:
                continue
            # before its first QRS the first beat's P is given; after the last QRS its T, and then nothing
            first = min([a for a, b, _ in waves if inside[0][0] - 0.4 * record.fs < b <= inside[0][0]] + [inside[0][0]])
            last = max([b for a, b, _ in waves if inside[-1][1] <= a < inside[-1][1] + 0.5 * rr] + [inside[-1][1]])
            start, stop = max(0, first - 10 * record.fs), min(record.sig_len, last + record.fs)
            shift = [-start, -start]
            for lead in range(leads):
                excerpts.append(
                    Excerpt(
                        f"qtdb/{name}/{record.sig_name[lead]}",
                        record.fs,
                        record.p_signal[start:stop, lead].astype(np.float32),
                        spans([w for w in waves if first <= w[0] and w[1] <= last], 3) + np.array([*shift, 0]),
                        spans([(first, last)], 2) + shift,
                        spans([d for d in doubtful if first <= d[0] and d[1] <= last], 2) + shift,
                        start,
                    )
                )
    return excerpts


def ludb(validation: bool) -> list[Excerpt]:
    """Read LUDB, twelve leads, each with its own annotation; the beats at the ends are not all annotated."""
    excerpts = []
    for name in names("ludb", validation):
        path = str(data_folder() / "ludb" / name)
        record = wfdb.rdrecord(path)
        for lead, title in enumerate(record.sig_name):
            waves, doubtful, _ = parse_waves(wfdb.rdann(path, title))
            qrs = [w for w in waves if w[2] == UNTYPED]
            if not qrs:
                continue
            first = min(w[0] for w in waves if w[1] >= qrs[0][0] - 0.4 * record.fs)
            last = max(w[1] for w in waves if w[0] <= qrs[-1][1] + 0.5 * record.fs)
            excerpts.append(
                Excerpt(
                    f"ludb/{name}/{title}",
                    record.fs,
                    record.p_signal[:, lead].astype(np.float32),
                    spans(waves, 3),
                    spans([(first, last)], 2),
                    spans(doubtful, 2),
                )
            )
    return excerpts


def beats(database: str, name: str) -> tuple[NDArray[np.int64], list[str]]:
    """Return the reference beats of a record: sample and type of each."""
    annotation = wfdb.rdann(str(data_folder() / database / name), "atr")
    kept = [(s, k) for s, k in zip(annotation.sample, annotation.symbol, strict=True) if k in BEATS]
    return np.array([s for s, _ in kept], np.int64), [k for _, k in kept]


def noises(validation: bool) -> dict[str, NDArray[np.float32]]:
    """Read the noises of the noise stress test, two channels each, mV at 360 Hz.

    Returns
    -------
    dict of ndarray, shape (n, 2)
        `bw`, `em` and `ma`: the first two thirds for training, the rest for validation.
    """
    result = {}
    for kind in ("bw", "em", "ma"):
        signal = wfdb.rdrecord(str(data_folder() / "nstdb_noise" / kind)).p_signal.astype(np.float32)
        cut = int(len(signal) * NOISE_TRAINING_SHARE)
        result[kind] = signal[cut:] if validation else signal[:cut]
    return result
