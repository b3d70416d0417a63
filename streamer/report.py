"""What was found in a recording, as a picture and a table: `qrstream detect --report`."""

import csv
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from streamer.detect.events import LIKELY, Event, Rhythm
from streamer.detect.rhythm.episodes import Episode
from streamer.sinks.annotations import final_beats

COLOURS = {
    "N": "#9ecae1", "AFIB": "#d62728", "AFL": "#ff9896", "SVTA": "#ff7f0e", "VT": "#8c1a6a", "B": "#2ca02c",
    "T": "#98df8a", "P": "#7f7f7f", "NOISE": "#dddddd", "OTHER": "#c5b0d5", "VF": "#000000",
}  # fmt: skip
DEFINITIONS = ("brady", "tachy", "pause", "asystole", "ventricular_run", "fibrillation")


def check(folder: Path) -> None:
    """Make sure that a report can be written.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    ValueError
        If the folder is a file, or matplotlib is not installed.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; expected a folder for the report")
    if find_spec("matplotlib") is None:
        raise ValueError("a report needs matplotlib: pip install 'qrstream[report]'")


def met_spans(events: Sequence[Event], end: float) -> dict[str, list[tuple[float, float]]]:
    """Return from where to where each definition was met, in samples.

    Parameters
    ----------
    events : sequence of Event
    end : float
        Sample at which the recording ends.
    """
    spans: dict[str, list[tuple[float, float]]] = {name: [] for name in DEFINITIONS}
    since: dict[str, float] = {}
    for event in events:
        if isinstance(event, Rhythm):
            for name in [name for name in since if since[name] != event.definitions.get(name)]:
                spans[name].append((since.pop(name), float(event.known)))
            since |= event.definitions
    for name, start in since.items():
        spans[name].append((start, end))
    return spans


def write_report(
    events: Sequence[Event], found: Sequence[Episode], name: str, fs: float, length: float, folder: Path
) -> list[Path]:
    """Write `NAME-rhythm.png`, the heart rate and the rhythms over time, and `NAME-rhythm.csv`, the episodes.

    Parameters
    ----------
    events : sequence of Event
    found : sequence of Episode
    name : str
        Of the recording.
    fs, length : float
        Hz; samples.
    folder : Path
        Made if it is not there.

    Returns
    -------
    list of Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / f"{name}-rhythm.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["rhythm", "from_s", "to_s", "told_s", "probability"])
        for episode in found:
            probability = "" if episode.probability is None else f"{episode.probability:.3f}"
            times = [f"{sample / fs:.3f}" for sample in (episode.start, episode.end, episode.known)]
            writer.writerow([episode.label or "unknown", *times, probability])
    picture = folder / f"{name}-rhythm.png"
    draw(events, found, name, fs, length, picture)
    return [picture, table]


def draw(
    events: Sequence[Event], found: Sequence[Episode], name: str, fs: float, length: float, path: Path,
    truth: Sequence[Episode] = (),
) -> None:  # fmt: skip
    """Draw the heart rate of every beat, the rhythms, and the definitions that were met.

    Parameters
    ----------
    events, found, name, fs, length
        As `write_report` takes them.
    path : Path
        PNG file.
    truth : sequence of Episode
        Annotated rhythms, to be shown above.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    unit, title = (60.0, "minutes") if length / fs < 3 * 3600 else (3600.0, "hours")
    if length / fs < 180:
        unit, title = 1.0, "seconds"

    def time(sample: float) -> float:
        return sample / fs / unit

    met = {name: spans for name, spans in met_spans(events, length).items() if spans}
    rows: list[tuple[str, list[tuple[float, float, str]]]] = []
    bands = (("annotated", truth), ("told", found)) if truth else (("rhythm", found),)
    for row, episodes in bands:
        rows.append((row, [(e.start, e.end, COLOURS.get(e.label, "#b8860b")) for e in episodes if e.label]))
    for definition, spans in met.items():
        rows.append((definition.replace("_", " "), [(a, b, "#444444") for a, b in spans]))
    figure = Figure(figsize=(11, 3.0 + 0.26 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    rate: Any
    band: Any
    rate, band = figure.subplots(2, 1, sharex=True, height_ratios=[3.0, 0.3 * len(rows)])
    beats = [b for b in final_beats(events) if b.rr_ms is not None]
    for ventricular, colour in ((False, "#1f77b4"), (True, "#d62728")):
        some = [b for b in beats if ((b.ventricular or 0.0) >= LIKELY) == ventricular]
        label = "ventricular" if ventricular else "other beats"
        x, y = [time(b.peak) for b in some], [60_000 / (b.rr_ms or 1.0) for b in some]
        rate.plot(x, y, ".", color=colour, markersize=2 if len(beats) > 300 else 4, label=label, rasterized=True)
    rate.set(ylabel="beats a minute", title=f"{name}: heart rate by beat, and rhythm", ylim=(0, None))
    rate.legend(loc="upper right", ncols=2, markerscale=3, frameon=False)
    for k, (_, coloured) in enumerate(rows):
        for start, end, colour in coloured:
            band.barh(k, time(end) - time(start), left=time(start), height=0.8, color=colour)
    band.set(yticks=range(len(rows)), yticklabels=[row for row, _ in rows], xlabel=title, xlim=(0, time(length)))
    band.invert_yaxis()
    used = {e.label for e in [*found, *truth] if e.label}
    patches = [Patch(color=colour, label=label) for label, colour in COLOURS.items() if label in used]
    if patches:
        band.legend(handles=patches, loc="upper center", bbox_to_anchor=(0.5, -0.9 / len(rows) - 0.25),
                    ncols=len(patches), frameon=False)  # fmt: skip
    figure.savefig(path, dpi=100)
