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
from streamer.feeds import Recording
from streamer.sinks.annotations import final_beats, final_waves

BLOCK_S = 20


def detect_recording(
    recording: Recording, profile: str = "default", model: Path | None = None, engine: str = "onnx"
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


def summary(recording: Recording, events: list[Event]) -> None:
    """Print what was found, to standard error."""
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
    if news:
        table.add_row("status", ", ".join(f"{count} {code}" for code, count in news.items()))
    Console(stderr=True).print(table)
