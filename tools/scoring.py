"""Scoring: beats as EC57 asks (ANSI/AAMI EC57:2012), boundaries as the delineation literature does."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import wfdb
from numpy.typing import NDArray
from tabulate import tabulate
from wfdb.processing import Comparitor

from models.data import BEATS, NOT_VENTRICULAR, VENTRICULAR
from streamer.detect.events import LIKELY

WINDOW_S = 0.150
CLOSE_S = 0.040
LEARNING_S = 300.0

Array = NDArray[np.float64]
Cells = Sequence[Sequence[object]]


class Count(NamedTuple):
    """Beats found, invented and missed."""

    tp: int
    fp: int
    fn: int

    @property
    def se(self) -> float:
        """Sensitivity in percent; NaN if there is nothing to find."""
        return 100 * self.tp / (self.tp + self.fn) if self.tp + self.fn else float("nan")

    @property
    def ppv(self) -> float:
        """Positive predictivity in percent; NaN if nothing was found."""
        return 100 * self.tp / (self.tp + self.fp) if self.tp + self.fp else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of both, in percent."""
        total = 2 * self.tp + self.fp + self.fn
        return 200 * self.tp / total if total else float("nan")


def percent(count: Count) -> list[str]:
    """Return Se, PPV and F1 as cells."""
    return [f"{value:.2f}" for value in (count.se, count.ppv, count.f1)]


def markdown(head: Sequence[str], rows: Cells) -> str:
    """Return a table in Markdown."""
    return tabulate(rows, head, tablefmt="github", disable_numparse=True)


def annotated_records(folder: Path, extension: str) -> list[Path]:
    """Return the records of a folder that have a reference annotation.

    Raises
    ------
    ValueError
        If there is none.
    """
    records = sorted(p.with_suffix("") for p in folder.glob("*.hea") if p.with_suffix(f".{extension}").is_file())
    if not records:
        raise ValueError(f"{folder} has no record with a .{extension} annotation; expected WFDB files")
    return records


def gross(counts: Iterable[Count]) -> Count:
    """Add up."""
    return Count(*np.sum(list(counts), axis=0).tolist())


@dataclass(frozen=True)
class Reference:
    """The reference annotation of a record.

    Attributes
    ----------
    samples : ndarray of int64, shape (beats,)
    types : ndarray of str, shape (beats,)
        WFDB's symbols.
    left_out : ndarray of float64, shape (k, 2)
        Spans of ventricular flutter or fibrillation, which EC57 does not score.
    """

    samples: NDArray[np.int64]
    types: NDArray[np.str_]
    left_out: Array


def read_reference(record: Path, extension: str = "atr") -> Reference:
    """Read the beats of a reference annotation, and the spans between `[` and `]`."""
    annotation = wfdb.rdann(str(record), extension)
    pairs = list(zip(annotation.sample.tolist(), annotation.symbol, strict=True))
    begins = [s for s, k in pairs if k == "["]
    ends = [s for s, k in pairs if k == "]"]
    beats = [(s, k) for s, k in pairs if k in BEATS]
    return Reference(
        np.array([s for s, _ in beats], np.int64),
        np.array([k for _, k in beats], "U1"),
        np.array(list(zip(begins, ends, strict=False)), np.float64).reshape(-1, 2),
    )


@dataclass(frozen=True)
class Match:
    """Reference beats and detections, one to one.

    Attributes
    ----------
    reference, found : ndarray of int64, shape (pairs,)
        Indices of those that belong together.
    missed, invented : ndarray of int64
        Indices of reference beats and detections that stand alone.
    """

    reference: NDArray[np.int64]
    found: NDArray[np.int64]
    missed: NDArray[np.int64]
    invented: NDArray[np.int64]

    @property
    def count(self) -> Count:
        """How many of each."""
        return Count(len(self.reference), len(self.invented), len(self.missed))


def match(reference: Reference, peaks: Array, fs: float, start_s: float = 0.0, window_s: float = WINDOW_S) -> Match:
    """Match detections with reference beats within 150 ms.

    The pairing is wfdb's `Comparitor`. Its `benchmark_mitdb` is not EC57: it scores whole records, the learning period
    and the ventricular flutter of record 207 included, takes every annotation that `rdann` returns for a beat (rhythm
    and noise marks too), within 100 ms, and averages over records only. Where reference beats lie closer to one another
    than to the next detection, `Comparitor` may give one detection to two of them: here the nearer keeps it.

    Parameters
    ----------
    reference : Reference
    peaks : ndarray of float64
        Detections, in samples.
    fs : float
    start_s : float
        Beats and detections before are not scored; EC57 begins after five minutes.
    window_s : float
    """
    result = Comparitor(reference.samples, np.rint(peaks).astype(np.int64), int(window_s * fs))
    if len(peaks) and len(reference.samples):
        result.compare()
        pairs = np.array([(i, j) for i, j in enumerate(result.matching_sample_nums) if j >= 0], np.int64).reshape(-1, 2)
        distance = np.abs(reference.samples[pairs[:, 0]] - peaks[pairs[:, 1]])
        by_distance = pairs[np.argsort(distance, kind="stable")]
        pairs = by_distance[np.unique(by_distance[:, 1], return_index=True)[1]]
    else:
        pairs = np.zeros((0, 2), np.int64)
    margin = window_s * fs

    def scored(samples: Array | NDArray[np.int64]) -> NDArray[np.bool_]:
        kept = samples >= start_s * fs
        for a, b in reference.left_out:
            kept &= (samples < a - margin) | (samples > b + margin)
        return np.asarray(kept)

    kept = scored(reference.samples[pairs[:, 0]])
    missed = np.setdiff1d(np.arange(len(reference.samples)), pairs[:, 0])
    invented = np.setdiff1d(np.arange(len(peaks)), pairs[:, 1])
    return Match(
        pairs[kept, 0], pairs[kept, 1], missed[scored(reference.samples[missed])], invented[scored(peaks[invented])]
    )


def ventricular(reference: Reference, matched: Match, probabilities: Array) -> Count:
    """Count ventricular ectopic beats as EC57 does.

    Fusion, paced and unclassifiable beats (`F`, `/`, `f`, `Q`) that are called ventricular are not held against the
    detector; invented beats that are called so are.

    Parameters
    ----------
    reference : Reference
    matched : Match
    probabilities : ndarray of float64
        Of each detection to be ventricular.
    """
    types = reference.types[matched.reference]
    called = probabilities[matched.found] >= LIKELY
    true = np.isin(types, sorted(VENTRICULAR))
    other = np.isin(types, sorted(NOT_VENTRICULAR))
    missed = np.isin(reference.types[matched.missed], sorted(VENTRICULAR)).sum()
    false = (called & other).sum() + (probabilities[matched.invented] >= LIKELY).sum()
    return Count(int((called & true).sum()), int(false), int((~called & true).sum() + missed))


def nearest_errors(found: Array, truth: Array, fs: float) -> Array:
    """Return the errors of the annotated waves that were found within 150 ms, in ms.

    Parameters
    ----------
    found, truth : ndarray of float64, shape (waves, 2)
        Onset and offset, in samples; a wave belongs to that whose middle is nearest.
    fs : float

    Returns
    -------
    ndarray of float64, shape (k, 2)
        NaN in rows of waves that were not found; so k is the number of annotated waves.
    """
    errors = np.full((len(truth), 2), np.nan)
    if len(found):
        middles = found.mean(axis=1)
        for k, (onset, offset) in enumerate(truth):
            nearest = found[np.argmin(np.abs(middles - (onset + offset) / 2))]
            if abs(nearest.mean() - (onset + offset) / 2) <= WINDOW_S * fs:
                errors[k] = (nearest - (onset, offset)) * 1000 / fs
    return errors


def wave_counts(found: Array, truth: Array, fs: float, window_s: float) -> list[Count]:
    """Count onsets and offsets found within a window of the annotated ones, one to one.

    Parameters
    ----------
    found, truth : ndarray of float64, shape (waves, 2)
        In samples; those found outside the annotated part must have been left out.
    fs : float
    window_s : float

    Returns
    -------
    list of Count
        Of onsets and of offsets.
    """
    counts = []
    for part in (0, 1):
        a, b = truth[:, part], found[:, part]
        taken: set[int] = set()
        for x in a:
            order = np.argsort(np.abs(b - x))
            for j in order[:3]:
                if int(j) not in taken and abs(b[j] - x) <= window_s * fs:
                    taken.add(int(j))
                    break
        counts.append(Count(len(taken), len(b) - len(taken), len(a) - len(taken)))
    return counts


@dataclass(frozen=True)
class Spread:
    """Mean, SD, median and 95th percentile of the absolute error, of onset and offset, ms."""

    mean: Array
    sd: Array
    median: Array
    p95: Array

    def row(self, part: int) -> list[str]:
        """Return the cells of onset (0) or offset (1)."""
        return [f"{self.mean[part]:.1f} ± {self.sd[part]:.1f}", f"{self.median[part]:.1f}", f"{self.p95[part]:.1f}"]


def pooled(errors: Array) -> Spread:
    """Describe errors, each with the same weight; NaN left out."""
    e = errors[~np.isnan(errors[:, 0])]
    return Spread(e.mean(axis=0), e.std(axis=0), np.median(e, axis=0), np.percentile(np.abs(e), 95, axis=0))


def by_record(records: Sequence[Array]) -> Spread:
    """Describe errors by the means of what the records give, as on qtdb."""
    each = [pooled(errors) for errors in records if (~np.isnan(errors[:, 0])).any()]
    fields = (np.mean([getattr(s, name) for s in each], axis=0) for name in ("mean", "sd", "median", "p95"))
    return Spread(*fields)
