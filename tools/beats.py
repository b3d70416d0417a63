"""Beats of records with reference annotations, and their tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import wfdb
from rich.progress import track

from streamer.engine import Engine
from tools.detection import Detection, detect
from tools.scoring import LEARNING_S, Cells, Count, Match, Reference, gross, match, percent, read_reference, ventricular

PACED = {"102", "104", "107", "217"}


@dataclass(frozen=True)
class Scored:
    """One record with reference beats, and what was found."""

    name: str
    fs: float
    reference: Reference
    found: Detection
    whole: Match
    after_learning: Match


def score_folder(engine: Engine, records: Sequence[Path], extension: str = "atr") -> list[Scored]:
    """Detect and match the beats of records, first lead."""
    result = []
    for path in track(records, f"beats of {records[0].parent.name}", transient=True):
        reference = read_reference(path, extension)
        fs = wfdb.rdheader(str(path)).fs
        found = detect(engine, path)
        matches = (match(reference, found.peaks, fs, start) for start in (0.0, LEARNING_S))
        result.append(Scored(path.name, fs, reference, found, *matches))
    return result


def beat_rows(scored: Sequence[Scored]) -> tuple[list[str], Cells]:
    """Tabulate records, their sum and their average, whole and from the fifth minute on."""
    head = ["record", "beats", "invented", "missed", "Se %", "PPV %", "F1 %", "after 5 min: Se %", "PPV %", "F1 %"]
    rows: list[list[object]] = []
    for s in scored:
        c, late = s.whole.count, s.after_learning.count
        rows.append([s.name, c.tp + c.fn, c.fp, c.fn, *percent(c), *percent(late)])
    c, late = gross(s.whole.count for s in scored), gross(s.after_learning.count for s in scored)
    rows.append(["gross", c.tp + c.fn, c.fp, c.fn, *percent(c), *percent(late)])
    every = [
        f"{np.nanmean([getattr(getattr(s, part).count, name) for s in scored]):.2f}"
        for part in ("whole", "after_learning")
        for name in ("se", "ppv", "f1")
    ]
    rows.append(["average", "", "", "", *every])
    return head, rows


def ventricular_counts(scored: Sequence[Scored]) -> dict[str, Count]:
    """Count ventricular ectopic beats, by EC57: after five minutes, without the paced records."""
    counts = {}
    for s in scored:
        if s.name not in PACED:
            sure = np.array([beat.ventricular or 0.0 for beat in s.found.beats])
            counts[s.name] = ventricular(s.reference, s.after_learning, sure)
    return counts


def ventricular_rows(scored: Sequence[Scored]) -> tuple[list[str], Cells]:
    """Tabulate them."""
    counts = ventricular_counts(scored)
    rows: list[list[object]] = [
        [name, c.tp + c.fn, c.fp, c.fn, f"{c.se:.2f}", f"{c.ppv:.2f}"] for name, c in counts.items()
    ]
    c = gross(counts.values())
    rows.append(["gross", c.tp + c.fn, c.fp, c.fn, f"{c.se:.2f}", f"{c.ppv:.2f}"])
    return ["record", "VEB", "wrongly so", "missed", "VEB Se %", "VEB +P %"], rows
