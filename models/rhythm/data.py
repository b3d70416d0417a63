"""Beats of recordings as the rhythm network reads them, each with the rhythms that it may belong to."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray
from rich.progress import track

from models.data import BEATS, VALIDATION, data_folder, noises
from models.stress import stressed
from streamer.detect.pool import DetectorPool
from streamer.detect.rhythm.course import Course, Step
from streamer.engine import Engine, load_engine

CLASSES = ("N", "AFIB", "AFL", "SVTA", "VT", "B", "T", "P", "NOISE", "OTHER")
RECORD = ("N", "A", "O", "~")  # of cinc2017
RR_VALIDATION: dict[str, Callable[[str], bool]] = {
    "afdb_rr": lambda name: name in {"04746", "05091", "06995", "07162"},
    "nsr2db_rr": lambda name: int(name[3:]) >= 16,
}
SPLIT = VALIDATION | RR_VALIDATION | {"joined": lambda name: VALIDATION["cinc2017"](name.split("+")[0])}
# what PhysioNet's names mean here; a set where the annotation does not say more
ANY = frozenset(CLASSES)
NOT_AF = ANY - {"AFIB", "AFL", "NOISE"}
MEANT: dict[str, frozenset[str]] = {name: frozenset({name}) for name in CLASSES} | {
    "PREX": frozenset({"N", "OTHER"}),
    "SBR": frozenset({"N"}),
    "NOD": frozenset({"OTHER"}),
    "J": frozenset({"OTHER"}),
    "IVR": frozenset({"OTHER"}),
    "AB": frozenset({"OTHER"}),
    "BII": frozenset({"OTHER"}),
    "VFL": frozenset(),
}
CINC = {"N": frozenset({"N"}), "A": frozenset({"AFIB"}), "O": ANY - {"AFIB", "NOISE"}, "~": frozenset({"NOISE"})}
LUDB = {"sinus": "N", "fibrillation": "AFIB", "flutter": "AFL"}
LUDB_LEADS = ("i", "ii", "v1", "v5")
ECTOPIC_NEAR = 8  # beats around an ectopic one in which nsr2db may be bigeminal or worse
NOISE_DB = (18.0, 6.0)


@dataclass(frozen=True)
class Beats:
    """Steps of one lead of a record.

    Attributes
    ----------
    name : str
        Database, record, lead and noise.
    fs : float
        Hz.
    at : ndarray of float64, shape (steps,)
        Sample of each.
    known : ndarray of float64, shape (steps,)
        Sample that made it known.
    rows : ndarray of float32, shape (steps, features)
    meant : ndarray of bool, shape (steps, classes)
        Rhythms that the step may belong to; none where nothing is known.
    record : int
        Of `RECORD`; -1 where the database has none.
    """

    name: str
    fs: float
    at: NDArray[np.float64]
    known: NDArray[np.float64]
    rows: NDArray[np.float32]
    meant: NDArray[np.bool_]
    record: int = -1


class Collector(Course):
    """A course that keeps its steps and tells nothing."""

    def __init__(self, fs: float) -> None:
        super().__init__(fs, None)
        self.kept: list[Step] = []

    def follow(self, probabilities: NDArray[np.float32] | None) -> list:
        """Keep the steps."""
        self.kept += [step for step in self._steps if step.row is not None]
        self._last = max([self._last, *(step.at for step in self._steps if step.is_beat)])
        self._steps = []
        return []


def steps(engine: Engine, signal: NDArray[np.float64], fs: float) -> list[Step]:
    """Run the detector over one lead and return what the rhythm network would read."""
    pool = DetectorPool(engine)
    pool.add("", fs, ["lead"])
    collector = Collector(fs)
    pool.stream("").course = collector
    pool.push({"": (signal[:, None], None)})
    pool.pause([""])
    return collector.kept


def bits(meant: frozenset[str]) -> NDArray[np.bool_]:
    """Return a set of rhythms as a row of `Beats.meant`."""
    return np.array([name in meant for name in CLASSES])


def rhythms(path: Path, extension: str = "atr") -> list[tuple[int, str]]:
    """Return the rhythm changes of an annotation, as (sample, name)."""
    annotation = wfdb.rdann(str(path), extension)
    notes = [text.strip("\x00 ") for text in annotation.aux_note]
    return [(int(s), t[1:]) for s, t in zip(annotation.sample, notes, strict=True) if t.startswith("(")]


def labels(changes: list[tuple[int, str]], at: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return what each sample may be, shape (samples, classes)."""
    table = np.array([np.zeros(len(CLASSES), bool), *(bits(MEANT.get(name, frozenset())) for _, name in changes)])
    return table[np.searchsorted([sample for sample, _ in changes], at, side="right")]


def collected(
    name: str, engine: Engine, signal: NDArray[np.float64], fs: float,
    meant: frozenset[str] | list[tuple[int, str]], record: int = -1,
) -> Beats:  # fmt: skip
    """Return the steps of a signal, shape (n,) in mV; `meant` is one set, or a list of rhythm changes."""
    kept = steps(engine, signal, fs)
    at = np.array([step.at for step in kept])
    rows = np.array([step.row for step in kept], np.float32).reshape(len(kept), -1)
    every = labels(meant, at) if isinstance(meant, list) else np.repeat(bits(meant)[None], len(kept), axis=0)
    return Beats(name, fs, at, np.array([float(step.known) for step in kept]), rows, every, record)


def of_intervals(name: str, fs: float, samples: NDArray[np.int64], meant: NDArray[np.bool_]) -> Beats:
    """Return the steps of a record of which only the RR intervals are known."""
    course = Collector(fs)
    before: int | None = None
    for sample in samples.tolist():
        rr_ms = None if before is None or not 0.15 < (sample - before) / fs < 5 else 1000 * (sample - before) / fs
        course.beat(float(sample), rr_ms, 0.0, sample)
        before = sample
    rows = np.array([step.row for step in course._steps], np.float32)
    at = samples.astype(np.float64)
    return Beats(name, fs, at, at, rows, meant)


def join(names: tuple[str, str]) -> tuple[NDArray[np.float64], float, int]:
    """Return two recordings of cinc2017 one after the other: samples, rate, and where the second begins."""
    one, other = (wfdb.rdrecord(str(data_folder() / "cinc2017" / name)) for name in names)
    # no step where they meet, which a real change of rhythm would not have
    second = other.p_signal[:, 0] - other.p_signal[0, 0] + one.p_signal[-1, 0]
    return np.concatenate([one.p_signal[:, 0], second]), one.fs, one.sig_len


def joined(validation: bool) -> list[tuple[str, str]]:
    """Return pairs of recordings of patients of one side of the split: normal rhythm, then atrial fibrillation."""
    classes = reference()
    chosen = [name for name in sorted(classes) if VALIDATION["cinc2017"](name) == validation]
    normal, fibrillating = ([name for name in chosen if classes[name] == kind] for kind in "NA")
    return list(zip(normal, fibrillating, strict=False))


_engine: Engine | None = None


def _loaded() -> Engine:
    global _engine
    _engine = _engine or load_engine()
    return _engine


def read(job: tuple[str, str]) -> list[Beats]:
    """Return the steps of one record: (database, name)."""
    database, name = job
    path = data_folder() / database / name
    if database == "afdb_rr":
        annotation = wfdb.rdann(str(path), "qrs")
        meant = labels(rhythms(path), annotation.sample)
        normal = bits(frozenset({"N"}))
        meant[(meant == normal).all(axis=1)] = bits(NOT_AF)  # all that is neither fibrillation nor flutter is N there
        return [of_intervals(f"{database}/{name}", 250, annotation.sample, meant)]
    if database == "nsr2db_rr":
        annotation = wfdb.rdann(str(path), "ecg")
        kinds = np.array(annotation.symbol)
        is_beat = np.isin(kinds, sorted(BEATS))
        samples, kinds = annotation.sample[is_beat], kinds[is_beat]
        near = np.convolve(kinds != "N", np.ones(2 * ECTOPIC_NEAR + 1), "same") > 0.5
        meant = np.where(near[:, None], bits(NOT_AF - {"OTHER", "P"}), bits(frozenset({"N"})))
        return [of_intervals(f"{database}/{name}", 128, samples, meant)]
    engine = _loaded()
    if database == "joined":
        one, other = name.split("+")
        classes = reference()
        signal, fs, turn = join((one, other))
        kept = collected(f"joined/{name}", engine, signal, fs, frozenset())
        first, second = bits(CINC[classes[one]]), bits(CINC[classes[other]])
        return [replace(kept, meant=np.where((kept.at < turn)[:, None], first, second))]
    record = wfdb.rdrecord(str(path))
    result = []
    if database == "mitdb":
        changes = rhythms(path)
        annotation = wfdb.rdann(str(path), "atr")
        normal = annotation.sample[np.isin(annotation.symbol, ["N", "L", "R", "/"])]
        every = noises(VALIDATION["mitdb"](name))
        random = np.random.default_rng(int(name))
        for lead in range(2):
            signal = record.p_signal[:, lead]
            result.append(collected(f"mitdb/{name}/{lead}/clean", engine, signal, record.fs, changes))
            for level in NOISE_DB:
                kind = str(random.choice(sorted(every)))
                noisy = stressed(signal, record.fs, normal, every[kind][:, lead], level, 0)
                result.append(collected(f"mitdb/{name}/{lead}/{kind}{level:g}", engine, noisy, record.fs, changes))
    elif database == "cinc2017":
        kind = reference()[name]
        meant = CINC[kind]
        result.append(
            collected(f"cinc2017/{name}", engine, record.p_signal[:, 0], record.fs, meant, RECORD.index(kind))
        )
    elif database == "ludb":
        text = next(line for line in record.comments if line.lower().startswith("rhythm")).lower()
        meant = next((frozenset({label}) for word, label in LUDB.items() if word in text), frozenset())
        for lead in LUDB_LEADS:
            signal = record.p_signal[:, record.sig_name.index(lead)]
            result.append(collected(f"ludb/{name}/{lead}", engine, signal, record.fs, meant))
    return result


def reference() -> dict[str, str]:
    """Return the class of each record of cinc2017."""
    with (data_folder() / "cinc2017" / "REFERENCE.csv").open() as file:
        return {row[0]: row[1] for row in csv.reader(file)}


def jobs() -> Iterator[tuple[str, str]]:
    """Yield (database, name) of all records."""
    for database in ("cinc2017", "mitdb", "ludb", "afdb_rr", "nsr2db_rr"):
        for header in sorted((data_folder() / database).glob("*.hea")):
            yield database, header.stem
    # the training pairs, both ways round
    for k, (one, other) in enumerate(joined(False)):
        yield "joined", f"{one}+{other}" if k % 2 else f"{other}+{one}"


def read_all() -> list[Beats]:
    """Read all records, two at a time, with progress."""
    every = list(jobs())
    with Pool(2) as pool:
        return [b for some in track(pool.imap(read, every, 8), "beats", len(every), transient=True) for b in some]
