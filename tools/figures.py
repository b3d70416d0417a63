"""The pictures of `docs/accuracy.md`: `make figures`."""

import json
import shutil
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import msgspec
import numpy as np
import typer
import wfdb
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from rich.progress import track

from models.beats import Calibration, fit
from models.data import data_folder, ludb, names
from streamer.cli import sentences
from streamer.engine import Engine
from streamer.engine.card import Segment, default_folder, load_model
from streamer.engine.compiled import NumbaEngine
from tools.beats import Scored, score_folder
from tools.delineation import annotated, delineate_ludb, qtdb_errors, qtdb_truth
from tools.detection import detect
from tools.scoring import Array, by_record, gross

DOCS = Path(__file__).parents[1] / "docs"
CONTEXTS = (6, 10, 14, 20, 30, 44, 74)
HOP = 10
HARDEST = 3
COLOURS = {"P": "C2", "QRS": "C3", "T": "C0"}


def engine_with(context: int) -> Engine:
    """Return the released model with another right context, in 250 Hz samples."""
    model = load_model()
    profiles = model.card.profiles | {"trial": Segment(HOP, context)}
    return NumbaEngine(
        msgspec.structs.replace(model, card=msgspec.structs.replace(model.card, profiles=profiles)), "trial"
    )


def qrs_errors(engine: Engine) -> dict[str, Array]:
    """Return the boundary errors on qtdb, first lead, ms."""
    return qtdb_errors(lambda path, leads: detect(engine, path, leads).qrs, qtdb_truth())


def draw_errors(engine: Engine, path: Path) -> None:
    """Draw the distributions of the boundary errors."""
    qtdb = np.concatenate(list(qrs_errors(engine).values()))
    lead_two = delineate_ludb(lambda record, lead: detect(engine, record, [lead]).by_kind).errors
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained", sharey=True)
    bins = np.arange(-50, 51, 2.5)
    for axis, part, title in zip(axes, (0, 1), ("QRS onset", "QRS offset"), strict=True):
        for errors, label in ((qtdb, "qtdb, first lead, q1c"), (lead_two, "ludb, lead II")):
            axis.hist(errors[:, part], bins, density=True, alpha=0.55, label=f"{label}: {len(errors)} beats")
        axis.set(title=title, xlabel="found minus annotated, ms")
        axis.axvline(0, color="k", linewidth=0.8)
    axes[0].set_ylabel("density")
    axes[0].set_ylim(0, 1.4 * axes[0].get_ylim()[1])
    axes[0].legend(fontsize=8)
    _save(figure, path)


def draw_context(path: Path) -> None:
    """Draw accuracy against right context."""
    rows = []
    for context in track(CONTEXTS, "right context", transient=True):
        engine = engine_with(context)
        spread = by_record(list(qrs_errors(engine).values()))
        beats = gross(
            s.whole.count for s in score_folder(engine, [data_folder() / "mitdb" / n for n in names("mitdb", True)])
        )
        rows.append([4 * context, *spread.sd, 100 * (beats.fn + beats.fp) / (beats.tp + beats.fn)])
    table = np.array(rows)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
    left.plot(table[:, 0], table[:, 1], "o-", label="onset")
    left.plot(table[:, 0], table[:, 2], "o-", label="offset")
    left.set(ylabel="SD of qtdb, ms", ylim=(0, 10))
    left.legend()
    right.plot(table[:, 0], table[:, 3], "o-", color="C2")
    right.set(ylabel="errors, % of mitdb's beats", ylim=(0, 1.0))
    for axis in (left, right):
        axis.set_xlabel("right context, ms (hop 40 ms)")
        axis.set_xscale("log")
        axis.set_xticks(table[:, 0], [f"{x:g}" for x in table[:, 0]])
        axis.minorticks_off()
        axis.axvline(80, color="k", linewidth=0.8, linestyle=":")
    _save(figure, path)


def draw_costs(costs: Path, path: Path) -> None:
    """Draw accuracy against cost, from what `models.costs` wrote."""
    rows = json.loads(costs.read_text())["rows"]
    x = [row["megaflops"] for row in rows]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
    left.plot(x, [row["onset_sd"] for row in rows], "o-", label="onset")
    left.plot(x, [row["offset_sd"] for row in rows], "o-", label="offset")
    left.set(ylabel="SD of qtdb, ms", ylim=(0, 10))
    left.legend()
    right.plot(x, [row["missed"] + row["invented"] for row in rows], "o-", color="C2")
    right.set(ylabel="errors, % of mitdb's beats", ylim=(0, None))
    for axis in (left, right):
        axis.set_xlabel("MFLOP a second of ECG")
        axis.set_xscale("log")
        axis.set_xticks(x, [f"{row['megaflops']:.1f}\n{row['parameters']} par." for row in rows])
        axis.minorticks_off()
    _save(figure, path)


def draw_hardest(engine: Engine, path: Path) -> None:
    """Draw what was missed and invented in the records with the most errors: the worst ten seconds of each."""
    scored = score_folder(engine, [data_folder() / "mitdb" / name for name in names("mitdb", True)])
    hardest = sorted(scored, key=lambda s: -(s.whole.count.fn + s.whole.count.fp))[:HARDEST]
    figure, axes = plt.subplots(HARDEST, 1, figsize=(11, 2.3 * HARDEST), layout="constrained")
    for axis, s in zip(axes, hardest, strict=True):
        _draw_stretch(axis, s)
    _save(figure, path)


def _draw_stretch(axis: Axes, s: Scored) -> None:
    wrong = np.concatenate([s.reference.samples[s.whole.missed], s.found.peaks[s.whole.invented]]) / s.fs
    start = max(0.0, max(wrong, key=lambda t: np.sum(np.abs(wrong - t) < 4)) - 4)
    span = slice(int(start * s.fs), int((start + 10) * s.fs))
    signal = wfdb.rdrecord(str(data_folder() / "mitdb" / s.name), channels=[0]).p_signal[span, 0]
    axis.plot(start + np.arange(len(signal)) / s.fs, signal, "k", linewidth=0.7)
    low, high = float(np.nanmin(signal)), float(np.nanmax(signal))
    for sample, kind in zip(s.reference.samples / s.fs, s.reference.types, strict=True):
        if start < sample < start + 10:
            axis.text(sample, high, kind, ha="center", va="bottom", fontsize=8)
    for points, colour, label in (
        (s.reference.samples[s.whole.missed], "C3", "missed"),
        (s.found.peaks[s.whole.invented], "C1", "invented"),
        (s.found.peaks[s.whole.found], "C2", "found"),
    ):
        seen = points[(points > span.start) & (points < span.stop)] / s.fs
        axis.plot(seen, np.full(len(seen), low), "^", color=colour, label=label)
    axis.set_ylabel("mV")
    axis.set_title(f"mitdb {s.name}: {s.whole.count.fn} missed, {s.whole.count.fp} invented in all", pad=14)
    axis.legend(loc="lower right", ncols=3, fontsize=7)
    axis.set_xlabel("s")


def draw_reliability(path: Path) -> None:
    """Draw how often what is told is true, each patient told by a calibration of the others."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model"
        shutil.copytree(default_folder(), copy)
        calibrations = fit(copy)
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    titles = {"confidence": "a beat", "ventricular": "a ventricular beat"}
    for axis, (name, calibration) in zip(axes, calibrations.items(), strict=True):
        _draw_curve(axis, calibration)
        axis.set(title=f"{name}: that it is {titles[name]}", xlabel="told", ylabel="true", aspect="equal")
    _save(figure, path)


def _draw_curve(axis: Axes, calibration: Calibration) -> None:
    edges = np.linspace(0, 1, 11)
    bins = np.clip(np.digitize(calibration.told, edges) - 1, 0, 9)
    used = [k for k in range(10) if np.sum(bins == k) >= 20]
    told = [calibration.told[bins == k].mean() for k in used]
    true = [calibration.truth[bins == k].mean() for k in used]
    axis.plot([0, 1], [0, 1], "k:", linewidth=0.8)
    axis.plot(told, true, "o-")
    for k, x, y in zip(used, told, true, strict=True):
        axis.annotate(f"{np.sum(bins == k)}", (x, y), textcoords="offset points", xytext=(6, -10), fontsize=7)


def draw_waves(engine: Engine, path: Path, record: str = "6", lead: str = "ii") -> None:
    """Draw what was found and what is annotated in a record of ludb."""
    excerpt = next(e for e in ludb(True) if e.name == f"ludb/{record}/{lead}")
    found, truth = detect(engine, data_folder() / "ludb" / record, [lead]).by_kind, annotated(excerpt)
    figure, axis = plt.subplots(figsize=(11, 2.8), layout="constrained")
    t = np.arange(len(excerpt.signal)) / excerpt.fs
    axis.plot(t, excerpt.signal, "k", linewidth=0.8)
    low, high = float(excerpt.signal.min()), float(excerpt.signal.max())
    for wave, colour in COLOURS.items():
        for first, last in found[wave] / excerpt.fs:
            axis.axvspan(first, last, color=colour, alpha=0.25, linewidth=0)
        for first, last in truth[wave] / excerpt.fs:
            axis.plot([first, last], [low - 0.05 * (high - low)] * 2, color=colour, linewidth=3)
    axis.set(xlabel="s", ylabel="mV", xlim=(1, 8), title=f"ludb {record}, lead II: found (shaded), annotated (bars)")
    _save(figure, path)


def _save(figure: plt.Figure, path: Path) -> None:
    figure.savefig(path, dpi=90)
    plt.close(figure)
    typer.echo(f"wrote {path.relative_to(DOCS.parent)}")


def main() -> None:
    """Draw all pictures of the accuracy; needs the databases."""
    with sentences():
        engine = NumbaEngine(load_model(), "default")
        pictures = DOCS / "pictures"
        pictures.mkdir(exist_ok=True)
        draw_waves(engine, pictures / "waves.png")
        draw_errors(engine, pictures / "errors.png")
        draw_hardest(engine, pictures / "hardest.png")
        draw_costs(DOCS / "tables" / "costs.json", pictures / "costs.png")
        draw_context(pictures / "context.png")
        draw_reliability(pictures / "reliability.png")


if __name__ == "__main__":
    typer.run(main)
