"""The pictures of `docs/rhythm.md`: `make figures`."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import numpy as np
import typer
from matplotlib import pyplot as plt
from numpy.typing import NDArray

from streamer.cli import sentences
from streamer.detect.events import Rhythm
from streamer.engine import load_engine
from streamer.report import draw
from tools.evaluate_rhythm import LABELS, counted, records_of
from tools.joined import follow_joined
from tools.rhythm import Followed, confusion

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
CURVES = Path(__file__).parents[1] / "runs" / "rhythm" / "curves.png"
TIMELINE = "203"
BINS = np.linspace(0, 1, 11)


def draw_confusion(records: Sequence[Followed], path: Path) -> None:
    """Draw what was told of each annotated rhythm, in percent of its time."""
    table = confusion(records, LABELS)
    kept = table.sum(axis=1) > 0
    share = 100 * table[kept] / table[kept].sum(axis=1, keepdims=True)
    figure, axis = plt.subplots(figsize=(9.5, 0.55 * len(share) + 1.8), layout="constrained")
    axis.imshow(share, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for (i, j), value in np.ndenumerate(share):
        if value >= 0.5:
            axis.text(j, i, f"{value:.0f}", ha="center", va="center", color="white" if value > 55 else "black")
    minutes = table[kept].sum(axis=1) / 60
    rows = [f"{name} ({m:.1f} min)" for name, m in zip(np.array(LABELS)[kept], minutes, strict=True)]
    axis.set(
        xticks=range(len(LABELS) + 1), xticklabels=[*LABELS, "unknown"], yticks=range(len(rows)),
        yticklabels=rows, xlabel="told", ylabel="annotated", title="mitdb, validation patients: % of the time",
    )  # fmt: skip
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_delays(groups: dict[str, list[float]], path: Path) -> None:
    """Draw how late atrial fibrillation was told."""
    figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
    for k, (name, delays) in enumerate(groups.items()):
        label = f"{name}: {len(delays)} onsets, median {np.median(delays):.1f} s, 90 % {np.quantile(delays, 0.9):.1f} s"
        axis.hist(delays, np.arange(0, 32, 1.0), alpha=0.6, color=f"C{k}", label=label)
    axis.axvline(12, color="grey", linestyle=":")
    axis.set(xlabel="s from the onset of atrial fibrillation to the event", ylabel="onsets")
    axis.legend(frameon=False)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def told_and_true(records: Sequence[Followed], label: str) -> NDArray[np.float64]:
    """Return the probability of a label in every event, and whether it is annotated there, shape (n, 2)."""
    rows = []
    for record in records:
        starts = [episode.start for episode in record.truth]
        for event in record.events:
            if isinstance(event, Rhythm) and event.probabilities and event.cause == "time":
                k = int(np.searchsorted(starts, event.known, side="right")) - 1
                if k >= 0 and record.truth[k].label != "AFL":
                    rows.append((event.probabilities[label], float(record.truth[k].label == label)))
    return np.array(rows, np.float64).reshape(-1, 2)


def draw_reliability(groups: dict[str, Sequence[Followed]], path: Path) -> None:
    """Draw how often what was told with a probability was so."""
    figure, axes = plt.subplots(1, len(groups), figsize=(4.6 * len(groups), 4), layout="constrained", squeeze=False)
    for axis, (name, records) in zip(axes[0], groups.items(), strict=True):
        for label, colour in (("AFIB", "C3"), ("N", "C0")):
            pairs = told_and_true(records, label)
            if not len(pairs) or not pairs[:, 1].any():
                continue
            where = np.clip(np.digitize(pairs[:, 0], BINS) - 1, 0, len(BINS) - 2)
            points = [(p[:, 0].mean(), p[:, 1].mean(), len(p)) for b in range(10) if len(p := pairs[where == b]) >= 5]
            x, y, n = np.array(points).T
            brier = np.mean((pairs[:, 0] - pairs[:, 1]) ** 2)
            axis.plot(x, y, "-", color=colour, linewidth=1)
            axis.scatter(x, y, 8 + 12 * np.log10(n), color=colour, label=f"{label}: Brier {brier:.3f}")
        axis.plot([0, 1], [0, 1], ":", color="grey")
        axis.set(xlabel="probability told", ylabel="share annotated so", title=name)
        axis.legend(frameon=False)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main() -> None:
    """Draw every picture."""
    with sentences():
        engine = load_engine()
        every = records_of(engine)
        mitdb, afdb, _ = every.values()
        record = next(r for r in mitdb if r.name == TIMELINE)
        draw(record.events, record.told, f"mitdb {TIMELINE}, MLII", record.fs, record.length,
             PICTURES / "rhythm-timeline.png", record.truth)  # fmt: skip
        draw_confusion(mitdb, PICTURES / "rhythm-confusion.png")
        delays = {
            "cinc2017, N joined to A": counted(follow_joined(engine), "AFIB", 0.0).delays,
            "afdb_rr and mitdb": counted([*afdb, *mitdb], "AFIB").delays,
        }
        draw_delays(delays, PICTURES / "rhythm-delays.png")
        draw_reliability({"mitdb, first lead": mitdb, "afdb_rr, RR alone": afdb}, PICTURES / "rhythm-reliability.png")
        if CURVES.is_file():
            shutil.copy(CURVES, PICTURES / "rhythm-curves.png")
        typer.echo(f"drew {PICTURES}/rhythm-*.png")


if __name__ == "__main__":
    typer.run(main)
