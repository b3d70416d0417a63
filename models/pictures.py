"""Pictures of a training run."""

from pathlib import Path

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt


def plot_curves(history: list[dict[str, float]], path: Path) -> None:
    """Draw loss and validation error against epochs.

    Parameters
    ----------
    history : list of dict
        One row an epoch: `epoch`, `loss` and, now and then, what `boundary_errors` returns.
    path : Path
        PNG file to write.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
    left.plot([r["epoch"] for r in history], [r["loss"] for r in history])
    left.set(xlabel="epoch", ylabel="cross-entropy", yscale="log", title="training loss")
    rows = [r for r in history if "onset_sd" in r]
    for field, colour in (("onset_sd", "C0"), ("offset_sd", "C1")):
        right.plot([r["epoch"] for r in rows], [r[field] for r in rows], "o-", color=colour, label=field)
    right.set(xlabel="epoch", ylabel="ms", title="qtdb, validation patients")
    if rows:
        right.legend()
    figure.savefig(path, dpi=100)
    plt.close(figure)
