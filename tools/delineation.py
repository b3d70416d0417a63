"""Boundaries and waves of qtdb and ludb, validation patients, and their tables."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import wfdb
from rich.progress import track

from models.data import Excerpt, P, T, complexes, data_folder, ludb, names, parse_waves
from tools.scoring import (
    CLOSE_S,
    WINDOW_S,
    Array,
    Cells,
    Count,
    Spread,
    gross,
    nearest_errors,
    percent,
    wave_counts,
)


def qtdb_truth(annotation: str = "q1c", validation: bool | None = True) -> dict[str, Array]:
    """Return onset and offset of the QRS complexes of an annotation, in samples, by record.

    Parameters
    ----------
    annotation : {"q1c", "q2c", "pu0", "pu1"}
        First or second expert (few records), or the automatic annotation of a lead.
    validation : bool or None
        None: the patients of both sides of the split.
    """
    sides = (True, False) if validation is None else (validation,)
    result = {}
    for name in [name for side in sides for name in names("qtdb", side)]:
        path = data_folder() / "qtdb" / name
        if path.with_suffix(f".{annotation}").is_file():
            waves, _, _ = parse_waves(wfdb.rdann(str(path), annotation))
            found = complexes(np.array(waves, np.float64).reshape(-1, 3))[:, :2]
            if len(found):
                result[name] = np.unique(found, axis=0)
    return result


def qtdb_errors(
    run: Callable[[Path, list[str]], Array], truth: dict[str, Array], lead: int | None = 0
) -> dict[str, Array]:
    """Return the QRS boundary errors of records of qtdb, ms.

    Parameters
    ----------
    run : callable
        Record and leads to onset and offset of the QRS complexes, in samples.
    truth : dict of ndarray
    lead : int or None
        0 or 1; None takes for each beat the lead with the smaller error, as the literature on qtdb does, whose experts
        saw both leads.
    """
    result = {}
    for name, complexes_ in track(truth.items(), "qtdb", transient=True):
        path = data_folder() / "qtdb" / name
        leads = wfdb.rdheader(str(path)).sig_name
        chosen = range(2) if lead is None else [lead]
        each = np.stack([nearest_errors(run(path, [leads[k]]), complexes_, 250) for k in chosen])
        size = np.where(np.isnan(each), np.inf, np.abs(each))
        result[name] = np.take_along_axis(each, size.argmin(axis=0)[None], axis=0)[0]
    return result


@dataclass(frozen=True)
class Delineated:
    """Records of ludb: what was found and what is annotated, within the annotated part."""

    errors: Array  # of QRS, ms; NaN where not found
    waves: dict[str, list[list[Count]]]  # P, QRS, T: at 150 and at 40 ms, of onset and offset


def delineate_ludb(run: Callable[[Path, str], dict[str, Array]], lead: str = "ii") -> Delineated:
    """Score a delineator on the validation records of ludb.

    Parameters
    ----------
    run : callable
        Record and annotated lead to onset and offset of `P`, `QRS` and `T`, in samples.
    lead : str
        Whose annotation is the truth.
    """
    errors: list[Array] = []
    counts: dict[str, list[list[list[Count]]]] = {"P": [], "QRS": [], "T": []}
    excerpts = [e for e in ludb(True) if e.name.split("/")[2] == lead]
    for excerpt in track(excerpts, "ludb", transient=True):
        found = run(data_folder() / "ludb" / excerpt.name.split("/")[1], lead)
        truth = annotated(excerpt)
        errors.append(nearest_errors(found["QRS"], truth["QRS"], excerpt.fs))
        for wave, rows in truth.items():
            inside = within(found[wave], excerpt)
            counts[wave].append([wave_counts(inside, rows, excerpt.fs, w) for w in (WINDOW_S, CLOSE_S)])
    summed = {
        wave: [[gross(record[w][part] for record in each) for part in (0, 1)] for w in (0, 1)]
        for wave, each in counts.items()
    }
    return Delineated(np.concatenate(errors), summed)


def annotated(excerpt: Excerpt) -> dict[str, Array]:
    """Return onset and offset of the annotated waves by kind."""
    kinds = excerpt.waves[:, 2]
    return {
        "P": excerpt.waves[kinds == P, :2],
        "QRS": complexes(excerpt.waves)[:, :2],
        "T": excerpt.waves[kinds == T, :2],
    }


def within(waves: Array, excerpt: Excerpt) -> Array:
    """Keep the waves that lie in the annotated part and in none that is left open, give or take the window."""
    middle = waves.mean(axis=1)
    margin = WINDOW_S * excerpt.fs
    kept = np.zeros(len(waves), np.bool_)
    for first, last in excerpt.known:
        kept |= (middle > first) & (middle < last)
    for first, last in excerpt.doubtful:
        kept &= (middle < first - margin) | (middle > last + margin)
    return waves[kept]


def boundary_row(name: str, spread: Spread, found: str) -> list[str]:
    """Return the cells of a row of boundaries."""
    return [name, *spread.row(0), *spread.row(1), found]


BOUNDARY_HEAD = [
    "QRS", "onset, mean ± SD", "median", "95 % within", "offset, mean ± SD", "median", "95 % within", "found %",
]  # fmt: skip


def found_share(errors: Array) -> str:
    """Return how many annotated waves were found, in percent."""
    return f"{100 * np.mean(~np.isnan(errors[:, 0])):.2f}"


def wave_rows(by_name: dict[str, Delineated]) -> tuple[list[str], Cells]:
    """Tabulate onsets and offsets found within 150 and 40 ms."""
    head = [
        "",
        "wave",
        "150 ms, onset: Se %",
        "PPV %",
        "F1 %",
        "offset: Se %",
        "PPV %",
        "F1 %",
        "40 ms, onset: Se %",
        "offset: Se %",
    ]
    rows = []
    for name, result in by_name.items():
        for wave, (wide, close) in result.waves.items():
            rows.append([name, wave, *percent(wide[0]), *percent(wide[1]), f"{close[0].se:.2f}", f"{close[1].se:.2f}"])
    return head, rows
