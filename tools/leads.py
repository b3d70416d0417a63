"""What many leads are worth, and what it costs to lose one: ludb."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from models.data import Excerpt, complexes, data_folder, ludb
from streamer.engine import Engine
from streamer.feeds import open_wfdb
from tools.delineation import found_share, within
from tools.detection import detect_samples
from tools.scoring import WINDOW_S, Array, Cells, Count, gross, nearest_errors, pooled, wave_counts


def consensus(leads: list[Excerpt], reference: Array) -> Array:
    """Return the medians of the boundaries that the leads' annotations give to the QRS complexes of one lead."""
    result = []
    for onset, offset in reference:
        middle = (onset + offset) / 2
        near = []
        for excerpt in leads:
            every = complexes(excerpt.waves)[:, :2]
            if len(every):
                nearest = every[np.argmin(np.abs(every.mean(axis=1) - middle))]
                if abs(nearest.mean() - middle) <= WINDOW_S * excerpt.fs:
                    near.append(nearest)
        result.append(np.median(near, axis=0))
    return np.array(result)


def changed(samples: NDArray[np.float64], how: str, two: int) -> NDArray[np.float64]:
    """Return the samples, shape (n, 12), after something has happened to lead II or to others."""
    x = samples.copy()
    if how == "II lost half way":
        x[len(x) // 2 :, two] = np.nan
    elif how == "II upside down":
        x[:, two] *= -1
    elif how == "six leads upside down":
        x[:, ::2] *= -1
    elif how == "six leads flat":
        x[:, ::2] = 0.0
    return x


def lead_rows(engine: Engine) -> tuple[list[str], Cells]:
    """Tabulate lead II alone, twelve leads, and twelve with trouble."""
    records: dict[str, list[Excerpt]] = {}
    for excerpt in ludb(True):
        records.setdefault(excerpt.name.split("/")[1], []).append(excerpt)
    ways = ("II alone", "12", "II lost half way", "II upside down", "six leads upside down", "six leads flat")
    errors: dict[str, list[Array]] = {way: [] for way in ways}
    counts: dict[str, list[Count]] = {way: [] for way in ways}
    for name, excerpts in track(records.items(), "leads", transient=True):
        recording = open_wfdb(Path(data_folder() / "ludb" / name))
        two = recording.leads.index("ii")
        own = next(e for e in excerpts if e.name.endswith("/ii"))
        reference = complexes(own.waves)[:, :2]
        truth = consensus(excerpts, reference)
        for way in ways:
            if way == "II alone":
                found = detect_samples(engine, recording.samples[:, [two]], recording.fs, ["ii"], recording.unit)
            else:
                x = changed(recording.samples, way, two)
                found = detect_samples(engine, x, recording.fs, recording.leads, recording.unit)
            errors[way].append(nearest_errors(found.qrs, truth, recording.fs))
            counts[way].append(wave_counts(within(found.qrs, own), reference, recording.fs, WINDOW_S)[0])
    head = ["leads", "missed", "invented", "found %", "onset, mean ± SD, ms", "95 % within", "offset, mean ± SD, ms",
            "95 % within"]  # fmt: skip
    rows = []
    for way in ways:
        e, c = np.concatenate(errors[way]), gross(counts[way])
        spread = pooled(e)
        cells = [spread.row(part)[k] for part in (0, 1) for k in (0, 2)]
        rows.append([way if way in ("II alone", "12") else f"12, {way}", c.fn, c.fp, found_share(e), *cells])
    return head, rows
