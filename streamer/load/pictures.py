"""The pictures of a latency report."""

from pathlib import Path
from typing import Any

import numpy as np

from streamer.latency import Algorithmic
from streamer.load.summary import whole
from streamer.load.trial import SERVICE, Trial

NINES = np.array([50, 90, 99, 99.9, 99.99])


def draw(trials: list[Trial], delay: Algorithmic | None, path: Path) -> None:
    """Draw percentile curves, latency over time, streams against p99, and chunk length against the total.

    Parameters
    ----------
    trials : list of Trial
    delay : Algorithmic or None
        By design; drawn beside what was measured.
    path : Path
        Of the PNG.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    streams = sorted({trial.plan.streams for trial in trials})
    chunks = sorted({trial.plan.chunk_ms for trial in trials})
    panels = [_percentiles, _course, *([_streams] if len(streams) > 1 else []), *([_chunks] if len(chunks) > 1 else [])]
    figure, axes = plt.subplots(1, len(panels), figsize=(5.2 * len(panels), 4.2), layout="constrained", squeeze=False)
    for panel, axis in zip(panels, axes[0], strict=True):
        panel(axis, trials, delay)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _name(trial: Trial, trials: list[Trial]) -> str:
    parts = []
    if len({t.plan.streams for t in trials}) > 1 or len(trials) == 1:
        parts.append(f"{trial.plan.streams} stream{'s' * (trial.plan.streams > 1)}")
    if len({t.plan.chunk_ms for t in trials}) > 1 or len(trials) == 1:
        parts.append(f"{trial.plan.chunk_ms:g} ms chunks")
    return ", ".join(parts)


def _percentiles(axis: Any, trials: list[Trial], delay: Algorithmic | None) -> None:
    for trial in trials:
        histogram = trial.histograms[whole(trial)]
        if not histogram.total_count:
            continue
        top = 100 * (1 - 1 / histogram.total_count)  # of fewer beats there is no percentile
        at = 100 - np.geomspace(100, 100 - top, 200) if top > 0 else np.array([0.0])
        values = [histogram.get_value_at_percentile(p) / 1000 for p in at]
        axis.plot(100 / (100 - at), values, label=_name(trial, trials))
    axis.set_xscale("log")
    axis.set_xticks(100 / (100 - NINES), [f"{p:g} %" for p in NINES])
    axis.minorticks_off()
    axis.set(xlabel="percentile of the beats", ylabel="ms", title=f"{_what(trials)}", ylim=(0, None))
    if delay:
        axis.axhline(delay.largest, color="grey", linestyle=":", label="algorithm, at most")
    axis.legend(frameon=False, fontsize=8)


def _course(axis: Any, trials: list[Trial], delay: Algorithmic | None) -> None:
    for trial in trials:
        if trial.course:
            seconds, ms = np.array(trial.course).T
            axis.plot(seconds, ms, ".", markersize=2, label=_name(trial, trials))
    axis.set(xlabel="s", ylabel="ms", title="From planned sending to arrival", ylim=(0, None))


def _streams(axis: Any, trials: list[Trial], delay: Algorithmic | None) -> None:
    for chunk in sorted({trial.plan.chunk_ms for trial in trials}):
        some = sorted((t for t in trials if t.plan.chunk_ms == chunk), key=lambda t: t.plan.streams)
        axis.plot(
            [t.plan.streams for t in some],
            [t.ms(SERVICE, 99) or np.nan for t in some],
            "o-",
            label=f"{chunk:g} ms chunks",
        )
    axis.set(xlabel="streams", ylabel="ms", title="Planned sending to result, p99", ylim=(0, None))
    axis.legend(frameon=False, fontsize=8)


def _chunks(axis: Any, trials: list[Trial], delay: Algorithmic | None) -> None:
    most = max(trial.plan.streams for trial in trials)
    some = sorted((t for t in trials if t.plan.streams == most), key=lambda t: t.plan.chunk_ms)
    where = np.arange(len(some))
    for percentile, shade in ((99, "#c6dbef"), (50, "#3182bd")):
        axis.bar(where, [t.ms(whole(t), percentile) or 0 for t in some], color=shade, label=f"p{percentile}")
    if delay:
        axis.axhline(delay.largest, color="black", linestyle=":", label="algorithm, at most")
    axis.set_xticks(where, [f"{t.plan.chunk_ms:g} ms" for t in some])
    axis.set(xlabel=f"chunk, {most} streams" if most > 1 else "chunk", ylabel="ms", title=_what(some))
    axis.legend(frameon=False, fontsize=8)


def _what(trials: list[Trial]) -> str:
    return "End of QRS to subscriber" if whole(trials[0]) == "total" else "Planned sending to subscriber"
