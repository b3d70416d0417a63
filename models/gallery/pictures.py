"""A picture of each design: what it puts out for the same few seconds of ECG."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
import keras
import numpy as np
from matplotlib import pyplot as plt
from scipy.signal import resample_poly

from models.data import QRS
from models.gallery.design import Design
from models.gallery.records import CLASSES, FS, Records
from models.gallery.stretches import RATE, Stretch, stretches, twelve_leads
from models.gallery.tasks import OneBeat, Positions, Samples
from models.validate import crossings, merged, probabilities
from streamer.engine import Engine

RECORD, LEAD = "ludb/16", "ii"
FIRST_S, LAST_S = 3.0, 7.0
CURVES = ("none", "P", "QRS", "T")
COLOURS = {"none": "0.7", "P": "C2", "QRS": "C3", "T": "C0", "onset": "C1", "offset": "C4"}


def shown() -> Stretch:
    """Return the lead that every picture shows."""
    return next(s for s in stretches(True) if s.name == f"{RECORD}/{LEAD}")


def draw(design: Design, model: keras.Model, path: Path) -> None:
    """Draw the ECG with its reference QRS complexes, and below it what a design says of it.

    Parameters
    ----------
    design : Design
    model : keras.Model
        Trained.
    path : Path
        PNG file to write.
    """
    one, task = shown(), design.task
    if isinstance(task, Samples):
        read = one if task.leads == 1 else next(s for s in twelve_leads(True) if s.name == RECORD)
        told = task.probabilities(model, read)
        curves = dict(zip(CURVES if task.classes > 1 else ("QRS",), told.T, strict=True))
        _picture(one, path, curves, task.find(model, read))
    elif isinstance(task, Positions):
        densities = dict(zip(("onset", "offset"), task.densities(model, one).T, strict=True))
        _picture(one, path, densities, task.find(model, one))
    elif isinstance(task, OneBeat):
        _picture(one, path, {}, task.find(model, one))
    elif isinstance(task, Records):
        signal = resample_poly(one.signal[:, 0], FS, RATE)
        told = task.told(model, ((signal - signal.mean()) / signal.std()).astype(np.float32))
        title = "   ".join(f"{name} {value:.2f}" for name, value in zip(CLASSES, told.tolist(), strict=True))
        _picture(one, path, {}, None, title)


def draw_released(engine: Engine, path: Path) -> None:
    """Draw what the released model says."""
    one = shown()
    told = merged(probabilities(engine, one.signal.T)[0])
    _picture(one, path, dict(zip(CURVES, told.T, strict=True)), crossings(told[:, QRS]))


def _picture(one: Stretch, path: Path, curves: dict[str, Any], found: Any, title: str = "") -> None:
    """Draw the ECG, the reference shaded, and a bar below each of what was found; and curves below it, if any."""
    rows = 2 if curves else 1
    shape = {"figsize": (9, 1 + 0.9 * rows), "height_ratios": (3, 2)[:rows]}
    figure, axes = plt.subplots(rows, 1, **shape, layout="constrained", sharex=True, squeeze=False)
    ecg, last = axes[0, 0], axes[-1, 0]
    time = np.arange(len(one.signal)) / one.fs
    inside = (time >= FIRST_S) & (time < LAST_S)
    margin = 0.08 * np.ptp(one.signal[inside])
    low, high = one.signal[inside].min() - 3 * margin, one.signal[inside].max() + margin
    ecg.plot(time, one.signal[:, 0], color="k", linewidth=0.8)
    for onset, offset in one.qrs / one.fs:
        ecg.axvspan(onset, offset, color="C3", alpha=0.25, linewidth=0)
    for onset, offset in [] if found is None else found / one.fs:
        ecg.plot([onset, offset], [low + margin] * 2, color="k", linewidth=3, solid_capstyle="butt")
    ecg.set(xlim=(FIRST_S, LAST_S), ylim=(low, high), yticks=[])
    ecg.set_title(title, fontsize="small")
    for name, values in curves.items():
        last.plot(time[: len(values)], values, color=COLOURS[name], linewidth=1.2, label=name)
    if curves:
        last.legend(loc="upper right", fontsize="x-small", ncols=len(curves))
        last.set_ylim(0, None)
    last.set_xlabel("s")
    figure.savefig(path, dpi=110)
    plt.close(figure)
