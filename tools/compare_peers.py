"""The same records through other detectors, offline, live, and under noise: `python -m tools.compare_peers`."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
import wfdb
from rich.progress import track
from tabulate import tabulate

from models.data import data_folder, names, noises
from models.stress import QUIET_S, stressed
from streamer.cli import sentences
from streamer.engine import Engine, load_engine
from tools.delineation import (
    BOUNDARY_HEAD,
    boundary_row,
    delineate_ludb,
    found_share,
    qtdb_errors,
    qtdb_truth,
    wave_rows,
)
from tools.detection import detect_samples
from tools.peers import (
    BEATS,
    DELINEATORS,
    LIVE_SETTLED_S,
    LIVE_STEP_S,
    LIVE_WINDOW_S,
    PACKAGES,
    Live,
    Signal,
    installed,
)
from tools.scoring import Array, Count, Reference, by_record, gross, match, percent, pooled, read_reference

LEVELS_DB = (12.0, 6.0, 0.0)
OURS = "qrstream, live"
BeatDetector = Callable[[Signal, float], Array]
Delineator = Callable[[Signal, float], dict[str, Array]]


def our_beats(engine: Engine) -> BeatDetector:
    """Return our detector with the face of a peer."""
    return lambda signal, fs: detect_samples(engine, signal[:, None], fs, ["lead"]).peaks


def our_waves(engine: Engine) -> Delineator:
    """Return our delineation with the face of a peer."""
    return lambda signal, fs: detect_samples(engine, signal[:, None], fs, ["lead"]).by_kind


def first_lead(path: Path) -> tuple[Signal, float, Reference]:
    """Read a record's first lead in mV and its reference beats."""
    record = wfdb.rdrecord(str(path), channels=[0])
    signal = np.nan_to_num(record.p_signal[:, 0])
    return signal, record.fs, read_reference(path)


def count(detector: BeatDetector, signal: Signal, fs: float, reference: Reference, start_s: float = 0.0) -> Count:
    """Score one detector on one signal."""
    return match(reference, detector(signal, fs), fs, start_s).count


def beats(detectors: dict[str, BeatDetector], records: Sequence[Path]) -> tuple[list[str], list[list[str]]]:
    """Tabulate detectors on clean records, first lead, whole."""
    counts: dict[str, list[Count]] = {name: [] for name in detectors}
    for path in track(records, "beats", transient=True):
        signal, fs, reference = first_lead(path)
        for name, detector in detectors.items():
            counts[name].append(count(detector, signal, fs, reference))
    rows = []
    for name, each in counts.items():
        c = gross(each)
        rows.append([name, str(c.fn), str(c.fp), *percent(c)])
    return ["beats", "missed", "invented", "Se %", "PPV %", "F1 %"], rows


def noise(detectors: dict[str, BeatDetector], records: Sequence[Path]) -> tuple[list[str], list[list[str]]]:
    """Tabulate errors (missed and invented) in percent of the beats, noise from the fifth minute in turns of two."""
    every = noises(True)
    totals: dict[tuple[str, str, float], list[Count]] = {}
    columns = [(kind, level) for kind in every for level in LEVELS_DB]
    for path in track(records, "noise", transient=True):
        signal, fs, reference = first_lead(path)
        normal = reference.samples[np.isin(reference.types, ["N", "L", "R", "/"])]
        for kind, level in columns:
            noisy = stressed(signal, fs, normal, every[kind][:, 0], level)
            for name, detector in detectors.items():
                totals.setdefault((name, kind, level), []).append(count(detector, noisy, fs, reference, QUIET_S))
    rows = []
    for name in detectors:
        cells = [gross(totals[(name, kind, level)]) for kind, level in columns]
        rows.append([name, *(f"{100 * (c.fn + c.fp) / (c.tp + c.fn):.2f}" for c in cells)])
    return ["errors, % of beats", *(f"{kind} {level:g} dB" for kind, level in columns)], rows


def boundaries(delineators: dict[str, Delineator]) -> tuple[list[str], list[list[str]]]:
    """Tabulate QRS boundaries on qtdb and ludb."""
    rows = []
    for name, run in delineators.items():

        def on_qtdb(path: Path, leads: list[str], run: Delineator = run) -> Array:
            record = wfdb.rdrecord(str(path), channel_names=leads)
            return run(record.p_signal[:, 0], record.fs)["QRS"]

        errors = list(qtdb_errors(on_qtdb, qtdb_truth()).values())
        rows.append(boundary_row(f"{name}: qtdb, first lead", by_record(errors), found_share(np.concatenate(errors))))
    for name, run in delineators.items():
        ludb = delineate_ludb(lambda path, lead, run=run: run(*_lead(path, lead)))  # type: ignore[misc]
        rows.append(boundary_row(f"{name}: ludb, lead II", pooled(ludb.errors), found_share(ludb.errors)))
    return BOUNDARY_HEAD, rows


def waves(delineators: dict[str, Delineator]) -> tuple[list[str], Sequence[Sequence[object]]]:
    """Tabulate P, QRS and T on lead II of ludb."""
    return wave_rows(
        {name: delineate_ludb(lambda path, lead, run=run: run(*_lead(path, lead))) for name, run in delineators.items()}  # type: ignore[misc]
    )


def _lead(path: Path, lead: str) -> tuple[Signal, float]:
    record = wfdb.rdrecord(str(path), channel_names=[lead])
    return record.p_signal[:, 0], record.fs


def compare(engine: Engine) -> dict[str, str]:
    """Return all tables, title to Markdown."""
    for name in PACKAGES:
        if not installed(name):
            typer.echo(f"left out: {name} is not installed; pip install -e '.[peers]' brings it", err=True)
    peers = {name: detector for name, detector in BEATS.items() if installed(name)}
    offline = {OURS: our_beats(engine)} | peers
    live = {f"{name}, live": Live(detector) for name, detector in peers.items() if name != "OpenECG"}
    delineators = {OURS: our_waves(engine)} | {name: run for name, run in DELINEATORS.items() if installed(name)}
    records = [data_folder() / "mitdb" / name for name in names("mitdb", True)]
    window = f"window of {LIVE_WINDOW_S:g} s, every {LIVE_STEP_S:g} s, {LIVE_SETTLED_S:g} s to settle"
    tables = {
        f"Beats: mitdb, validation patients, first lead, 150 ms (peers offline, and live: {window})": beats(
            offline | live, records
        ),
        "Noise: the same records, noise from the fifth minute on; missed and invented in percent of the beats": noise(
            {name: run for name, run in offline.items() if name != "OpenECG"}, records
        ),
        "QRS boundaries, ms": boundaries(delineators),
        "Waves: ludb, lead II": waves(delineators),
    }
    return {
        title: tabulate(rows, head, tablefmt="github", disable_numparse=True) for title, (head, rows) in tables.items()
    }


def main(
    model: Annotated[Path | None, typer.Option(help="Model folder; default: the released one.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the tables to this JSON file.")] = None,
) -> None:
    """Print one table for each question; needs the extra `peers`."""
    with sentences():
        tables = compare(load_engine("numba", "default", model))
        for title, text in tables.items():
            typer.echo(f"\n{title}\n\n{text}")
        if out:
            out.write_text(json.dumps({"tables": tables}, indent=1))


if __name__ == "__main__":
    typer.run(main)
