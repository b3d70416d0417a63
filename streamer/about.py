"""What a bug report needs."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from streamer import __version__
from streamer.engine import load_engine
from streamer.latency import algorithmic

PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "pyzmq",
    "msgspec",
    "onnxruntime",
    "wfdb",
    "tensorflow",
    "tensorflow-cpu",
    "keras",
)
RATES = (100, 130, 200, 250, 360, 500, 1000)


def machine() -> str:
    """Return versions, and the machine with its load, a line each."""
    lines = [f"qrstream {__version__}", f"python {platform.python_version()} on {platform.platform()}"]
    for package in PACKAGES:
        try:
            lines.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    load = " ".join(f"{x:.2f}" for x in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    return "\n".join([*lines, f"machine: {platform.machine()}, {os.cpu_count()} cores, load {load}"])


def describe(model: Path | None, engine: str | None) -> str:
    """Return versions, the model's card, the algorithmic delay and the machine, a line each.

    Raises
    ------
    EngineError, ModelError
        If the engine or the model cannot be loaded.
    """
    loaded = load_engine(engine, "default", model)
    card = loaded.card
    lines = [
        machine(),
        f"engine: {loaded.name}",
        f"model: {card.name} {card.version}, {card.parameters} parameters, digest {loaded.model.digest[:12]}",
        f"  classes: {', '.join(card.classes)} at {card.rate} Hz",
        *(f"  trained on: {line}" for line in card.trained_on),
        *(f"  limit: {line}" for line in card.limits),
    ]
    for table, figures in card.figures.items():
        lines.append(f"  {table}: " + ", ".join(f"{name} {value:g}" for name, value in figures.items()))
    if card.rhythm:
        lines.append(f"rhythm: {card.rhythm.parameters} parameters, classes: {', '.join(card.rhythm.classes)}")
        lines += [f"  trained on: {line}" for line in card.rhythm.trained_on]
        lines += [f"  limit: {line}" for line in card.rhythm.limits]
        for table, figures in card.rhythm.figures.items():
            lines.append(f"  {table}: " + ", ".join(f"{name} {value:g}" for name, value in figures.items()))
    lines.append("algorithmic delay, ms of signal from the end of a QRS, at most:")
    lines.append(f"  {'profile':9}{'resampler':>10}{'hop':>6}{'right context':>15}{'hold':>6}{'sum':>7}")
    for name, segment in card.profiles.items():
        d = algorithmic(250, segment)
        lines.append(f"  {name:9}{d.resampler:10.1f}{d.hop:6.0f}{d.right_context:15.0f}{d.hold:6.0f}{d.largest:7.1f}")
    rates = ", ".join(f"{fs} Hz: {algorithmic(fs, card.profiles['default']).resampler:.1f}" for fs in RATES)
    lines.append(f"  resampler at other rates: {rates}")
    return "\n".join(lines)
