"""ECG with its reference QRS complexes, as the designs of the gallery read it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.data import MASKED, NONE, QRS, UNTYPED, VQRS, Excerpt, complexes, ludb, qtdb
from models.streams import condition, label
from streamer.conditioning.kernel import LOST, OFF
from streamer.conditioning.resampler import RATE

# what a design reads: the signal as the detector conditions it, or in mV, evenly at 250 Hz or as it was recorded
NORMAL, RAW, GIVEN = "normal", "raw", "given"
SEED = 6
LEADS = 12


@dataclass(frozen=True)
class Stretch:
    """A stretch of ECG, of one lead or of twelve, and what is known of it.

    Attributes
    ----------
    name : str
        Database, record and lead.
    fs : float
        Hz.
    signal : ndarray of float32, shape (n, leads)
    labels : ndarray of uint8, shape (n,)
        `NONE`, `P`, `QRS`, `T`, or `MASKED` where nothing is known.
    qrs : ndarray of float64, shape (complexes, 2)
        Onset and offset in samples.
    known : ndarray of float64, shape (spans, 2)
        First and last sample of each span in which every QRS is given.
    """

    name: str
    fs: float
    signal: NDArray[np.float32]
    labels: NDArray[np.uint8]
    qrs: NDArray[np.float64]
    known: NDArray[np.float64]


@cache
def stretches(validation: bool, kind: str = NORMAL) -> list[Stretch]:
    """Return the manually delineated leads of qtdb and ludb.

    Parameters
    ----------
    validation : bool
        Of the validation patients, or of the others.
    kind : {"normal", "raw", "given"}
    """
    random = np.random.default_rng(SEED)
    excerpts = qtdb(validation, leads=1 if validation else 2) + ludb(validation)
    return [_stretch(excerpt, kind, random) for excerpt in excerpts]


def _stretch(excerpt: Excerpt, kind: str, random: np.random.Generator) -> Stretch:
    if kind == GIVEN:
        signal, fs, lost = excerpt.signal, excerpt.fs, np.zeros(len(excerpt.signal), np.bool_)
    else:
        conditioned = condition(excerpt.signal[:, None].astype(np.float64), excerpt.fs)[0]
        signal, fs, lost = conditioned[kind], float(RATE), (conditioned["flags"] & (LOST | OFF)) != 0
    step = excerpt.fs / fs
    labels = label(excerpt, len(signal), step, lost, random)
    labels[np.isin(labels, (VQRS, UNTYPED))] = QRS
    return Stretch(
        excerpt.name, fs, np.nan_to_num(signal)[:, None], labels, complexes(excerpt.waves)[:, :2] / step,
        excerpt.known / step,
    )  # fmt: skip


@cache
def twelve_leads(validation: bool) -> list[Stretch]:
    """Return ludb, all leads of a recording together; a QRS is where at least half of the leads have one."""
    records: dict[str, list[Stretch]] = {}
    for one in stretches(validation):
        if one.name.startswith("ludb/"):
            records.setdefault(one.name.rsplit("/", 1)[0], []).append(one)
    return [_joined(name, leads) for name, leads in records.items() if len(leads) == LEADS]


def _joined(name: str, leads: list[Stretch]) -> Stretch:
    inside = np.zeros(len(leads[0].labels))
    for lead in leads:
        for onset, offset in lead.qrs:
            inside[int(np.ceil(onset)) : int(offset) + 1] += 1
    most = np.concatenate([[False], inside >= LEADS / 2, [False]])
    qrs = np.flatnonzero(np.diff(most.astype(np.int8))).reshape(-1, 2) - np.array([0.0, 1.0])
    # the first and the last QRS are known whole, though not every lead begins and ends with them
    first = min(max(lead.known[0, 0] for lead in leads), qrs[0, 0])
    last = max(min(lead.known[-1, 1] for lead in leads), qrs[-1, 1])
    labels = np.full(len(inside), MASKED, np.uint8)
    labels[int(first) : int(last) + 1] = NONE
    for onset, offset in qrs:
        labels[int(onset) : int(offset) + 1] = QRS
    signal = np.concatenate([lead.signal for lead in leads], axis=1)
    return Stretch(name, leads[0].fs, signal, labels, qrs, np.array([[first, last]]))


def drawn(
    source: Sequence[Stretch], length: int, random: np.random.Generator, inside: bool = False
) -> Iterator[tuple[Stretch, int]]:
    """Yield stretches and first samples of windows for ever, half of them of each database.

    Parameters
    ----------
    source : sequence of Stretch
    length : int
        Samples of a window.
    random : Generator
    inside : bool
        Whether a window must lie within a known span; else at least its middle does.
    """
    pools: dict[str, list[tuple[Stretch, int, int]]] = {}
    for stretch in source:
        for first, last in stretch.known:
            margin = 0 if inside else length // 2
            low = max(0, int(np.ceil(first)) - margin)
            high = min(len(stretch.labels), int(last) + 1 + margin) - length
            if high >= low:
                pools.setdefault(stretch.name.split("/")[0], []).append((stretch, low, high))
    databases = list(pools.values())
    while True:
        pool = databases[random.integers(len(databases))]
        stretch, low, high = pool[random.integers(len(pool))]
        yield stretch, int(random.integers(low, high + 1))
