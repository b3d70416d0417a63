"""A recording through the streaming detector, run fast."""

from pathlib import Path
from statistics import median
from typing import TextIO

import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from streamer.detect import Detector, Event, Status
from streamer.detect.events import LIKELY
from streamer.detect.rhythm.episodes import Episode
from streamer.detect.rhythm.record import RECORD_FILE, RecordClassifier
from streamer.engine import load_model
from streamer.feeds import Recording
from streamer.sinks.annotations import final_beats, final_waves

BLOCK_S = 20
SHORT_S, LONG_S = 8, 70  # recordings like those of the challenge get a class as a whole
RECORD_NAMES = {"N": "normal rhythm", "A": "atrial fibrillation", "O": "other rhythm", "~": "too noisy to say"}
MOST_EPISODES = 20


def detect_recording(
    recording: Recording, profile: str = "default", model: Path | None = None, engine: str | None = None
) -> list[Event]:
    """Detect the beats of a recording, with a progress bar.

    Parameters
    ----------
    recording : Recording
    profile, model, engine
        As `Detector` takes them.

    Returns
    -------
    list of Event
    """
    detector = Detector(recording.fs, recording.leads, recording.unit, profile, model, engine)
    events: list[Event] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(recording.name, total=recording.length)
        for block in recording.blocks(int(BLOCK_S * recording.fs)):
            events += detector.push(block)
            progress.advance(task, len(block))
    return events + detector.flush()


def write_lines(events: list[Event], to: TextIO | Path) -> None:
    """Write events, one JSON object a line."""
    text = "".join(msgspec.json.encode(event).decode() + "\n" for event in events)
    if isinstance(to, Path):
        to.write_text(text)
    else:
        to.write(text)


def record_class(recording: Recording, events: list[Event], model: Path | None = None) -> dict[str, float]:
    """Return the probability of each class of a short recording; empty if it is too long or too short for one.

    Parameters
    ----------
    recording : Recording
    events : list of Event
    model : Path, optional
        Model folder; default: the model that comes with the package.
    """
    folder = load_model(model).folder
    if not (folder / RECORD_FILE).is_file() or not SHORT_S <= (recording.length or 0) / recording.fs <= LONG_S:
        return {}
    return RecordClassifier(folder)(events, recording.fs)


def summary(recording: Recording, events: list[Event], found: list[Episode], of_record: dict[str, float]) -> None:
    """Print what was found, to standard error.

    Parameters
    ----------
    recording : Recording
    events : list of Event
    found : list of Episode
        What `streamer.detect.rhythm.episodes.episodes` returned.
    of_record : dict
        What `record_class` returned.
    """
    beats = final_beats(events)
    rr = [beat.rr_ms for beat in beats if beat.rr_ms is not None]
    news: dict[str, int] = {}
    for event in events:
        if isinstance(event, Status) and event.code not in {"settling", "settled", "ended"}:
            news[event.code] = news.get(event.code, 0) + 1
    table = Table(box=None, show_header=False)
    table.add_row(
        "recording", f"{recording.name}: {(recording.length or 0) / recording.fs:.1f} s at {recording.fs:g} Hz"
    )
    table.add_row("leads", ", ".join(recording.leads))
    table.add_row("beats", str(len(beats)))
    if rr:
        rates = sorted(60_000 / value for value in rr)
        low, high = rates[len(rates) // 100], rates[-1 - len(rates) // 100]
        table.add_row("heart rate", f"{60_000 / median(rr):.0f} /min (1st to 99th percentile {low:.0f} to {high:.0f})")
        table.add_row("QRS width", f"{median(1000 * (b.offset - b.onset) / recording.fs for b in beats):.0f} ms")
        told = list(final_waves(events).values())
        for name, field in (
            ("PR", "pr_ms"),
            ("QT", "qt_ms"),
            ("QTc (Bazett)", "qtc_bazett_ms"),
            ("QTc (Fridericia)", "qtc_fridericia_ms"),
        ):
            values = [getattr(waves, field) for waves in told if getattr(waves, field) is not None]
            if values:
                table.add_row(name, f"{median(values):.0f} ms (in {len(values)} of {len(told)} beats)")
        if any(b.ventricular is not None for b in beats):
            table.add_row("ventricular", f"{sum((b.ventricular or 0.0) >= LIKELY for b in beats)} beats, probably")
        table.add_row("delay", f"{median(b.delay_ms for b in beats):.0f} ms of signal after the QRS, by the algorithm")
    if of_record:
        likeliest = max(of_record, key=of_record.__getitem__)
        table.add_row("as a whole", f"{RECORD_NAMES[likeliest]} ({of_record[likeliest]:.2f})")
    if news:
        table.add_row("status", ", ".join(f"{count} {code}" for code, count in news.items()))
    Console(stderr=True).print(table)
    if found:
        Console(stderr=True).print(_rhythm_table(found, recording.fs))


def _rhythm_table(found: list[Episode], fs: float) -> Table:
    """Return the rhythm episodes, one a row; with many of them, one row a rhythm."""
    table = Table(box=None)
    if len(found) <= MOST_EPISODES:
        for title in ("rhythm", "from", "for", "told after", "probability"):
            table.add_column(title, justify="left" if title == "rhythm" else "right")
        for episode in found:
            table.add_row(
                episode.label or "unknown",
                _clock(episode.start / fs),
                f"{(episode.end - episode.start) / fs:.1f} s",
                f"{(episode.known - episode.start) / fs:.1f} s",
                "" if episode.probability is None else f"{episode.probability:.2f}",
            )
        return table
    for title in ("rhythm", "episodes", "in all", "longest", "longest from"):
        table.add_column(title, justify="left" if title == "rhythm" else "right")
    for label in sorted({episode.label or "unknown" for episode in found}):
        some = [episode for episode in found if (episode.label or "unknown") == label]
        longest = max(some, key=lambda episode: episode.end - episode.start)
        table.add_row(
            label,
            str(len(some)),
            _clock(sum(episode.end - episode.start for episode in some) / fs),
            f"{(longest.end - longest.start) / fs:.1f} s",
            _clock(longest.start / fs),
        )
    return table


def _clock(seconds: float) -> str:
    return f"{int(seconds // 3600)}:{int(seconds // 60 % 60):02d}:{seconds % 60:04.1f}"
