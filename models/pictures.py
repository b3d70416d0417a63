"""Pictures of a training run."""

from pathlib import Path

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt


def plot_curves(history: list[dict[str, float]], path: Path) -> None:
    """Draw loss and validation errors against epochs.

    Parameters
    ----------
    history : list of dict
        One row an epoch: `epoch`, `loss` and, now and then, what `boundary_errors` and `beat_errors` return.
    path : Path
        PNG file to write.
    """
    figure, (loss, boundaries, beats) = plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
    loss.plot([r["epoch"] for r in history], [r["loss"] for r in history])
    loss.set(ylabel="cross-entropy", title="training loss")
    rows = [r for r in history if "onset_sd" in r]
    for axis, fields in ((boundaries, ("onset_sd", "offset_sd")), (beats, ("missed", "invented"))):
        for field in fields:
            axis.plot([r["epoch"] for r in rows], [r[field] for r in rows], "o-", markersize=4, label=field)
        if rows:
            axis.legend()
    boundaries.set(ylabel="ms", title="qtdb, validation patients")
    beats.set(ylabel="% of the beats", title="mitdb, validation patients")
    for axis in (loss, boundaries, beats):
        axis.set_xlabel("epoch")
    figure.savefig(path, dpi=90)
    plt.close(figure)


def plot_rhythm_curves(history: list[dict[str, float]], path: Path) -> None:
    """Draw loss and validation figures of the rhythm network against epochs.

    Parameters
    ----------
    history : list of dict
        One row an epoch: `epoch`, `loss` and, now and then, what `models.rhythm.validate.beat_counts` returns.
    path : Path
        PNG file to write.
    """
    figure, (loss, fibrillation, others) = plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
    loss.plot([r["epoch"] for r in history], [r["loss"] for r in history])
    loss.set(ylabel="cross-entropy", title="training loss")
    rows = [r for r in history if "afdb_rr_AFIB_Se" in r]
    for axis, databases, labels in ((fibrillation, ("afdb_rr", "mitdb"), ("AFIB",)), (others, ("mitdb",), ("B", "T"))):
        for field in [f"{d}_{k}_{part}" for d in databases for k in labels for part in ("Se", "PPV")]:
            axis.plot([r["epoch"] for r in rows], [r[field] for r in rows], "o-", markersize=4, label=field)
        if rows:
            axis.legend(fontsize="small")
    fibrillation.set(ylabel="% of the beats", title="atrial fibrillation, validation patients")
    others.set(ylabel="% of the beats", title="bigeminy and trigeminy, validation patients")
    for axis in (loss, fibrillation, others):
        axis.set_xlabel("epoch")
    figure.savefig(path, dpi=90)
    plt.close(figure)
