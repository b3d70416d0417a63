"""Measure a model on the validation patients, streaming: `make evaluate`; and release it: `make release`."""

import json
import shutil
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
import typer
import wfdb
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from wfdb.processing import Comparitor

from models.data import QRS, beats, data_folder, ludb, names, qtdb
from models.export import write_sums
from streamer.detect import Beat, Detector
from streamer.engine import Engine, load_engine
from streamer.feeds import open_wfdb
from streamer.sinks.annotations import final_beats

WINDOW_S = 0.150
RELEASED = Path(__file__).parents[1] / "models" / "released" / "default"


class Count(NamedTuple):
    """Beats found, invented and missed."""

    tp: int
    fp: int
    fn: int

    @property
    def figures(self) -> dict[str, float]:
        """Sensitivity, positive predictivity and F1 in percent."""
        return {
            "Se": round(100 * self.tp / max(1, self.tp + self.fn), 3),
            "PPV": round(100 * self.tp / max(1, self.tp + self.fp), 3),
            "F1": round(200 * self.tp / max(1, 2 * self.tp + self.fp + self.fn), 3),
        }


def detect(engine: Engine, path: Path, lead: str | None = None) -> list[Beat]:
    """Return the beats of a record, from its first lead or the one named."""
    recording = open_wfdb(path, [lead or wfdb.rdheader(str(path)).sig_name[0]])
    detector = Detector(recording.fs, recording.leads, engine=engine)
    return final_beats(detector.push(recording.samples) + detector.flush())


def count_beats(engine: Engine) -> dict[str, Count]:
    """Score the beats of the validation patients of mitdb within 150 ms, first lead, whole records."""
    result = {}
    for name in track(names("mitdb", True), "mitdb", transient=True):
        reference, _ = beats("mitdb", name)
        found = [round(beat.peak) for beat in detect(engine, data_folder() / "mitdb" / name)]
        scored = Comparitor(reference, np.array(found), int(WINDOW_S * 360))
        scored.compare()
        result[name] = Count(scored.tp, scored.fp, scored.fn)
    return result


def errors(found: list[Beat], truth: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
    """Return (onset, offset) errors in ms of the annotated QRS complexes that were found, shape (k, 2)."""
    points = np.array([(beat.onset, beat.offset) for beat in found]).reshape(-1, 2)
    rows = []
    for onset, offset in truth:
        centre = (onset + offset) / 2
        nearest = points[np.argmin(np.abs(points.mean(axis=1) - centre))] if len(points) else np.array([-1e9, -1e9])
        if abs(nearest.mean() - centre) <= WINDOW_S * fs:
            rows.append((nearest - (onset, offset)) * 1000 / fs)
    return np.array(rows).reshape(-1, 2)


def qtdb_errors(engine: Engine) -> tuple[dict[str, NDArray[np.float64]], int]:
    """Return the boundary errors of each validation record of qtdb (first lead, q1c), and the annotated complexes."""
    truth: dict[str, list[NDArray[np.float64]]] = {}
    for excerpt in qtdb(True, leads=1):
        complexes = excerpt.waves[excerpt.waves[:, 2] == QRS, :2] + excerpt.start
        truth.setdefault(excerpt.name.split("/")[1], []).append(complexes)
    result, total = {}, 0
    for name, pieces in track(truth.items(), "qtdb", transient=True):
        complexes = np.unique(np.concatenate(pieces), axis=0)
        total += len(complexes)
        result[name] = errors(detect(engine, data_folder() / "qtdb" / name), complexes, 250)
    return result, total


def ludb_errors(engine: Engine) -> tuple[NDArray[np.float64], int]:
    """Return the pooled boundary errors of lead II of the validation records of ludb, and the annotated complexes."""
    rows, total = [], 0
    excerpts = [e for e in ludb(True) if e.name.endswith("/ii")]
    for excerpt in track(excerpts, "ludb", transient=True):
        truth = excerpt.waves[excerpt.waves[:, 2] == QRS, :2]
        total += len(truth)
        path = data_folder() / "ludb" / excerpt.name.split("/")[1]
        rows.append(errors(detect(engine, path, "ii"), truth, excerpt.fs))
    return np.concatenate(rows), total


def beat_table(counts: dict[str, Count]) -> tuple[Table, dict[str, float]]:
    """Tabulate records and their sum, with and without 203."""
    table = Table(title="Beats, mitdb, validation patients, first lead, within 150 ms")
    for column in ("record", "beats", "invented", "missed", "Se %", "PPV %", "F1 %"):
        table.add_column(column, justify="left" if column == "record" else "right")
    gross = Count(*np.sum(list(counts.values()), axis=0).tolist())
    others = Count(*np.sum([c for name, c in counts.items() if name != "203"], axis=0).tolist())
    for name, c in [*counts.items(), ("all", gross), ("all but 203", others)]:
        table.add_row(name, str(c.tp + c.fn), str(c.fp), str(c.fn), *(f"{v:.2f}" for v in c.figures.values()))
    return table, gross.figures


def boundary_table(title: str, rows: dict[str, NDArray[np.float64]]) -> Table:
    """Tabulate mean and SD of onset and offset for each group of errors."""
    table = Table(title=title)
    for column in ("record", "beats", "onset, ms", "offset, ms"):
        table.add_column(column, justify="left" if column == "record" else "right")
    for name, e in rows.items():
        mean, sd = e.mean(axis=0), e.std(axis=0)
        table.add_row(name, str(len(e)), *(f"{m:.1f} ± {s:.1f}" for m, s in zip(mean, sd, strict=True)))
    return table


def summarise(each: NDArray[np.float64], spread: NDArray[np.float64], found: float) -> dict[str, float]:
    """Return mean and SD of both boundaries in ms, and the share of the annotated complexes that was found."""
    return {
        "onset_mean": round(float(each[0]), 2),
        "onset_sd": round(float(spread[0]), 2),
        "offset_mean": round(float(each[1]), 2),
        "offset_sd": round(float(spread[1]), 2),
        "Se": round(100 * found, 2),
    }


def measure(engine: Engine, console: Console) -> dict[str, dict[str, float]]:
    """Print the tables and return their sums by database."""
    table, mitdb = beat_table(count_beats(engine))
    console.print(table)
    records, total = qtdb_errors(engine)
    console.print(boundary_table("QRS boundaries, qtdb, validation patients, first lead, against q1c", records))
    means = np.array([e.mean(axis=0) for e in records.values()]).mean(axis=0)
    spreads = np.array([e.std(axis=0) for e in records.values()]).mean(axis=0)
    qt = summarise(means, spreads, sum(map(len, records.values())) / total)
    pooled, annotated = ludb_errors(engine)
    lu = summarise(pooled.mean(axis=0), pooled.std(axis=0), len(pooled) / annotated)
    last = Table(
        title="QRS boundaries: mean ± SD in ms (qtdb: means of the records; ludb: lead II, pooled), found within 150 ms"
    )
    for column in ("database", "onset", "offset", "Se %"):
        last.add_column(column)
    for name, row in (("qtdb", qt), ("ludb", lu)):
        onset, offset = (f"{row[f'{p}_mean']:.1f} ± {row[f'{p}_sd']:.1f}" for p in ("onset", "offset"))
        last.add_row(name, onset, offset, f"{row['Se']:.2f}")
    console.print(last)
    return {"mitdb": mitdb, "qtdb": qt, "ludb": lu}


def write_card(folder: Path) -> None:
    """Write CARD.md, for people, from card.json."""
    card = json.loads((folder / "card.json").read_text())
    lines = [f"# {card['name']} {card['version']}", ""]
    lines += [f"{card['parameters']} parameters, reads {card['rate']} Hz, classes {', '.join(card['classes'])}.", ""]
    for title, key in (("Trained on", "trained_on"), ("Licences of the data", "licences"), ("Limits", "limits")):
        lines += [f"## {title}", "", *(f"- {line}" for line in card[key]), ""]
    lines += [
        "## Figures",
        "",
        "Streaming, default profile, one lead, validation patients; `make evaluate` prints them.",
        "",
    ]
    for table, figures in card["figures"].items():
        lines.append(f"- {table}: " + ", ".join(f"{name} {value:g}" for name, value in figures.items()))
    (folder / "CARD.md").write_text("\n".join(lines) + "\n")


def main(
    model: Annotated[Path | None, typer.Option(help="Model folder; default: the released one.")] = None,
    profile: Annotated[str, typer.Option(help="default, fast or careful.")] = "default",
    release: Annotated[Path | None, typer.Option(help="Measure this model and make it the released one.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the tables to this text file.")] = None,
) -> None:
    """Print the tables of beats and boundaries."""
    console = Console(record=True, width=110)
    figures = measure(load_engine("onnx", profile, release or model), console)
    if out:
        console.save_text(str(out))
    if release:
        if release.resolve() != RELEASED.resolve():
            shutil.rmtree(RELEASED, ignore_errors=True)
            shutil.copytree(release, RELEASED)
        card = json.loads((RELEASED / "card.json").read_text()) | {"figures": figures}
        (RELEASED / "card.json").write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n")
        write_sums(RELEASED)
        write_card(RELEASED)
        console.print(f"released: {RELEASED}")


if __name__ == "__main__":
    typer.run(main)
