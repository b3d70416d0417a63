"""Pictures of a training run."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt


class Panel(NamedTuple):
    """What is drawn of the validation figures.

    Attributes
    ----------
    title, unit : str
    fields : tuple of str
        Of a row of the history.
    """

    title: str
    unit: str
    fields: tuple[str, ...]


def plot_curves(history: list[dict[str, float]], panels: Sequence[Panel], path: Path) -> None:
    """Draw the loss, and validation figures, against epochs.

    Parameters
    ----------
    history : list of dict
        One row an epoch: `epoch`, `loss` and, now and then, the figures.
    panels : sequence of Panel
    path : Path
        PNG file to write.
    """
    figure, (loss, *others) = plt.subplots(1, 1 + len(panels), figsize=(12, 3.2), layout="constrained")
    loss.plot([r["epoch"] for r in history], [r["loss"] for r in history])
    loss.set(ylabel="cross-entropy", title="training loss")
    for axis, panel in zip(others, panels, strict=True):
        rows = [r for r in history if panel.fields[0] in r]
        for field in panel.fields:
            axis.plot([r["epoch"] for r in rows], [r[field] for r in rows], "o-", markersize=4, label=field)
        axis.set(ylabel=panel.unit, title=panel.title)
        if rows:
            axis.legend(fontsize="small")
    for axis in (loss, *others):
        axis.set_xlabel("epoch")
    figure.savefig(path, dpi=90)
    plt.close(figure)
