"""Measure a model, streaming: on the validation patients (`make evaluate`), or on any folder of WFDB records."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
import wfdb
from numpy.typing import NDArray
from rich.progress import track
from tabulate import tabulate

from models.data import Excerpt, P, T, complexes, data_folder, ludb, names, parse_waves, qtdb
from streamer.detect import Beat, Detector, Waves
from streamer.engine import Engine, load_engine
from streamer.feeds import open_wfdb
from streamer.sinks.annotations import final_beats, final_waves, write_annotations
from tools.scoring import (
    CLOSE_S,
    LEARNING_S,
    WINDOW_S,
    Array,
    Count,
    Match,
    Reference,
    Spread,
    by_record,
    gross,
    match,
    nearest_errors,
    pooled,
    read_reference,
    ventricular,
    wave_counts,
)

PACED = {"102", "104", "107", "217"}
Cells = Sequence[Sequence[object]]


@dataclass(frozen=True)
class Detection:
    """What the detector made of a recording."""

    beats: list[Beat]
    waves: dict[int, Waves]

    @property
    def peaks(self) -> Array:
        """Of the QRS complexes, in samples."""
        return np.array([beat.peak for beat in self.beats], np.float64)

    @property
    def qrs(self) -> Array:
        """Onset and offset of the QRS complexes, in samples, shape (n, 2)."""
        return np.array([(beat.onset, beat.offset) for beat in self.beats], np.float64).reshape(-1, 2)

    def wave(self, name: str) -> Array:
        """Onset and offset of every `p` or `t`, in samples, shape (n, 2)."""
        found = [getattr(waves, name) for waves in self.waves.values()]
        return np.array([(w.onset, w.offset) for w in found if w is not None], np.float64).reshape(-1, 2)


def detect(engine: Engine, path: Path, leads: list[str] | None = None) -> Detection:
    """Run the detector over a record: over its first lead, or those named.

    Parameters
    ----------
    engine : Engine
    path : Path
        WFDB record without extension.
    leads : list of str, optional
    """
    recording = open_wfdb(path, leads or [wfdb.rdheader(str(path)).sig_name[0]])
    return detect_samples(engine, recording.samples, recording.fs, recording.leads, recording.unit)


def detect_samples(
    engine: Engine, samples: NDArray[np.float64], fs: float, leads: list[str], unit: str = "mV"
) -> Detection:
    """Run the detector over samples, shape (n, leads)."""
    detector = Detector(fs, leads, unit, engine=engine)
    events = detector.push(samples) + detector.flush()
    return Detection(final_beats(events), final_waves(events))


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


def percent(count: Count) -> list[str]:
    """Return Se, PPV and F1 as cells."""
    return [f"{value:.2f}" for value in (count.se, count.ppv, count.f1)]


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


def ventricular_rows(scored: Sequence[Scored]) -> tuple[list[str], Cells]:
    """Tabulate ventricular ectopic beats, by EC57: after five minutes, without the paced records."""
    counts = {}
    for s in scored:
        if s.name not in PACED:
            sure = np.array([beat.ventricular or 0.0 for beat in s.found.beats])
            counts[s.name] = ventricular(s.reference, s.after_learning, sure)
    rows: list[list[object]] = [
        [name, c.tp + c.fn, c.fp, c.fn, f"{c.se:.2f}", f"{c.ppv:.2f}"] for name, c in counts.items()
    ]
    c = gross(counts.values())
    rows.append(["gross", c.tp + c.fn, c.fp, c.fn, f"{c.se:.2f}", f"{c.ppv:.2f}"])
    return ["record", "VEB", "called so", "missed", "VEB Se %", "VEB +P %"], rows


def qtdb_truth(annotation: str = "q1c") -> dict[str, Array]:
    """Return onset and offset of the QRS complexes that an expert annotated, by validation record."""
    if annotation == "q1c":
        truth: dict[str, list[Array]] = {}
        for excerpt in qtdb(True, leads=1):
            truth.setdefault(excerpt.name.split("/")[1], []).append(complexes(excerpt.waves)[:, :2] + excerpt.start)
        return {name: np.unique(np.concatenate(pieces), axis=0) for name, pieces in truth.items()}
    result = {}
    for name in names("qtdb", True) + names("qtdb", False):
        path = data_folder() / "qtdb" / name
        if path.with_suffix(f".{annotation}").is_file():
            waves, _, _ = parse_waves(wfdb.rdann(str(path), annotation))
            result[name] = complexes(np.array(waves, np.float64).reshape(-1, 3))[:, :2]
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


def measure(engine: Engine) -> tuple[dict[str, str], dict[str, dict[str, float]]]:
    """Measure everything on the validation patients.

    Returns
    -------
    tables : dict of str
        Title to table, in Markdown.
    figures : dict
        What goes on the card.
    """
    tables = {}

    def table(title: str, head: list[str], rows: Cells) -> None:
        tables[title] = tabulate(rows, head, tablefmt="github", disable_numparse=True)

    scored = score_folder(engine, [data_folder() / "mitdb" / name for name in names("mitdb", True)])
    table("Beats: mitdb, validation patients, first lead, within 150 ms", *beat_rows(scored))
    table(
        "Ventricular ectopic beats: mitdb, validation patients that are not paced, by EC57", *ventricular_rows(scored)
    )

    def ours(path: Path, leads: list[str]) -> Array:
        return detect(engine, path, leads).qrs

    first = qtdb_errors(ours, qtdb_truth())
    better = qtdb_errors(ours, qtdb_truth(), None)
    second = qtdb_errors(ours, {n: t for n, t in qtdb_truth("q2c").items() if n in first})
    table(
        "QRS boundaries by record: qtdb, validation patients, first lead against q1c, ms",
        BOUNDARY_HEAD,
        [boundary_row(name, pooled(e), found_share(e)) for name, e in first.items()],
    )

    def by_leads(leads: list[str] | None) -> Callable[[Path, str], dict[str, Array]]:
        def run(path: Path, lead: str) -> dict[str, Array]:
            found = detect(engine, path, leads or [lead])
            return {"P": found.wave("p"), "QRS": found.qrs, "T": found.wave("t")}

        return run

    lead_two = delineate_ludb(by_leads(None))
    twelve = delineate_ludb(by_leads(wfdb.rdheader(str(data_folder() / "ludb" / "1")).sig_name))
    rows = [
        boundary_row(
            "qtdb, first lead", by_record(list(first.values())), found_share(np.concatenate([*first.values()]))
        )
    ]
    rows.append(
        boundary_row(
            "qtdb, better lead", by_record(list(better.values())), found_share(np.concatenate([*better.values()]))
        )
    )
    if second:
        rows.append(
            boundary_row(
                "qtdb, first lead, q2c",
                by_record(list(second.values())),
                found_share(np.concatenate([*second.values()])),
            )
        )
    rows.append(boundary_row("ludb, lead II", pooled(lead_two.errors), found_share(lead_two.errors)))
    rows.append(
        boundary_row("ludb, 12 leads against II's annotation", pooled(twelve.errors), found_share(twelve.errors))
    )
    table("QRS boundaries, ms (qtdb: means of what the records give; ludb: pooled)", BOUNDARY_HEAD, rows)
    table(
        "Waves: ludb, validation patients, annotations of lead II",
        *wave_rows({"lead II": lead_two, "12 leads": twelve}),
    )

    c, v = gross(s.whole.count for s in scored), by_record(list(first.values()))
    pool = pooled(lead_two.errors)
    figures = {
        "mitdb": {"Se": round(c.se, 3), "PPV": round(c.ppv, 3), "F1": round(c.f1, 3)},
        "qtdb": _card(v) | {"Se": float(found_share(np.concatenate([*first.values()])))},
        "ludb": _card(pool) | {"Se": float(found_share(lead_two.errors))},
        "ludb_waves": {
            f"{wave}_{part}_F1": round(lead_two.waves[wave][0][k].f1, 2)
            for wave in ("P", "QRS", "T")
            for k, part in enumerate(("onset", "offset"))
        },
    }
    return tables, figures


def _card(spread: Spread) -> dict[str, float]:
    return {
        f"{part}_{name}": round(float(getattr(spread, name)[k]), 2)
        for k, part in enumerate(("onset", "offset"))
        for name in ("mean", "sd")
    }


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


def evaluate_folder(engine: Engine, folder: Path, extension: str, qrs: Path | None) -> str:
    """Return the table of beats of every record of a folder that has a reference annotation.

    Raises
    ------
    typer.BadParameter
        If there is none.
    """
    records = sorted(p.with_suffix("") for p in folder.glob("*.hea") if p.with_suffix(f".{extension}").is_file())
    if not records:
        raise typer.BadParameter(f"{folder} has no record with a .{extension} annotation; expected WFDB files")
    scored = score_folder(engine, records, extension)
    if qrs:
        for s in scored:
            if s.found.beats:
                write_annotations(s.found.beats, s.name, "qrs", qrs, s.fs, boundaries=False)
    return tabulate(beat_rows(scored)[1], beat_rows(scored)[0], tablefmt="github", disable_numparse=True)


def main(
    folder: Annotated[
        Path | None, typer.Argument(help="WFDB records to score; default: the validation patients.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Model folder; default: the released one.")] = None,
    profile: Annotated[str, typer.Option(help="default, fast or careful.")] = "default",
    extension: Annotated[str, typer.Option(help="Of the reference annotation in FOLDER.")] = "atr",
    qrs: Annotated[Path | None, typer.Option(help="Also write .qrs files there, for bxb of the WFDB software.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write tables and figures to this JSON file.")] = None,
) -> None:
    """Print tables of beats, boundaries and waves."""
    engine = load_engine("onnx", profile, model)
    if folder:
        typer.echo(evaluate_folder(engine, folder, extension, qrs))
        return
    tables, figures = measure(engine)
    for title, text in tables.items():
        typer.echo(f"\n{title}\n\n{text}")
    if out:
        out.write_text(json.dumps({"tables": tables, "figures": figures}, indent=1))


if __name__ == "__main__":
    typer.run(main)
