"""The terminal view: the strip with its QRS complexes, heart rate, beats and latency."""

from collections import deque
from statistics import median

import plotext
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streamer.wire.messages import (
    BeatMessage,
    EventMessage,
    LatencyMessage,
    RhythmMessage,
    SignalMessage,
    StatusMessage,
    WavesMessage,
)

STRIP_S = 6.0
RHYTHM_NAMES = {
    "N": "normal",
    "AFIB": "atrial fibrillation",
    "AFL": "atrial flutter",
    "SVTA": "supraventricular tachyarrhythmia",
    "VT": "ventricular tachycardia",
    "B": "bigeminy",
    "T": "trigeminy",
    "P": "paced",
    "NOISE": "noise",
    "OTHER": "other",
    "VF": "ventricular fibrillation",
}
STAGES = ("algorithmic", "chunk", "transport", "queue", "compute", "publish", "total")


class Strip:
    """The conditioned signal of the first lead with its QRS complexes, as wide as the terminal allows."""

    def __init__(self) -> None:
        self.lead = ""
        self.fs = 250.0
        self.step = 1.0  # samples of the feed from one of these to the next
        self.samples: deque[tuple[float, float]] = deque(maxlen=int(STRIP_S * 250))
        self.beats: deque[BeatMessage] = deque(maxlen=40)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw with braille dots; a QRS is drawn in another colour and its peak marked."""
        height = options.height or 14
        if not self.samples:
            yield Text("waiting for the first two seconds of signal ...", style="dim")
            return
        last = self.samples[-1][0]
        step = (last - self.samples[0][0]) / max(1, len(self.samples) - 1)
        seconds = [(index - last) / (step * self.fs) if step else 0.0 for index, _ in self.samples]
        values = [value for _, value in self.samples]
        plotext.clear_figure()
        plotext.limit_size(False, False)
        plotext.theme("clear")
        plotext.plotsize(options.max_width, height)
        plotext.plot(seconds, values, marker="braille", color="green")
        spread = [v for v in values if v == v] or [0.0]
        top, bottom = max(spread), min(spread)
        for beat in self.beats:
            inside = [(s, v) for s, (i, v) in zip(seconds, self.samples, strict=True) if beat.onset <= i <= beat.offset]
            if inside:
                plotext.plot([s for s, _ in inside], [v for _, v in inside], marker="braille", color="red+")
                peak = min(inside, key=lambda p: abs(p[0] - (beat.peak - last) / (step * self.fs)))[0]
                plotext.text("▼", peak, top + 0.12 * (top - bottom), color="red+", alignment="center")
        plotext.xlim(-STRIP_S, 0)
        plotext.ylim(bottom - 0.1, top + 0.2 * (top - bottom) + 0.05)
        plotext.yticks([])
        plotext.xticks(
            [-k for k in range(int(STRIP_S), -1, -1)], [f"-{k} s" if k else "now" for k in range(int(STRIP_S), -1, -1)]
        )
        yield Text.from_ansi(plotext.build())


class View:
    """Takes events of one stream and draws itself.

    Parameters
    ----------
    stream : str, optional
        Default: the first that is heard.
    """

    def __init__(self, stream: str | None = None) -> None:
        self.stream = stream
        self._strip = Strip()
        self._beats: deque[BeatMessage] = deque(maxlen=9)
        self._waves: dict[int, WavesMessage] = {}
        self._news: deque[str] = deque(maxlen=4)
        self._latency: LatencyMessage | None = None
        self._rr: deque[float] = deque(maxlen=8)
        self._rhythm: RhythmMessage | None = None

    def take(self, event: EventMessage) -> None:
        """Note an event."""
        if isinstance(event, LatencyMessage):
            self._latency = event
            return
        name = getattr(event, "stream", None)
        if self.stream is None and isinstance(event, BeatMessage | SignalMessage):
            self.stream = name
        if isinstance(event, StatusMessage):
            self._news.append(f"{event.stream}: {event.code.replace('_', ' ')}. {event.detail}")
        if name != self.stream:
            return
        if isinstance(event, SignalMessage):
            self._take_signal(event)
        elif isinstance(event, BeatMessage):
            self._strip.beats.append(event)
            self._beats.append(event)
            if event.rr_ms is not None and event.revision == 0:
                self._rr.append(event.rr_ms)
        elif isinstance(event, WavesMessage):
            self._waves = {event.beat: event} | {b: w for b, w in self._waves.items() if b > event.beat - 20}

        elif isinstance(event, RhythmMessage):
            self._rhythm = event

    def _take_signal(self, event: SignalMessage) -> None:
        lead, values = next(iter(event.leads.items()))
        self._strip.lead, self._strip.fs, self._strip.step = lead, event.fs, event.step
        for k, value in enumerate(values):
            self._strip.samples.append((event.index + k * event.step, float("nan") if value is None else value))

    @property
    def heart_rate(self) -> float | None:
        """Beats a minute, from the median of the last eight RR intervals."""
        return 60_000 / median(self._rr) if self._rr else None

    def __rich__(self) -> Layout:
        """Lay the parts out."""
        rate = self.heart_rate
        title = f"qrstream  {self.stream or '...'}  lead {self._strip.lead or '...'}"
        subtitle = Text(f" ♥ {rate:.0f} /min " if rate else " ♥ -- ", style="bold red")
        subtitle.append(self._rhythm_text(), style="bold yellow")
        layout = Layout()
        layout.split_column(
            Layout(Panel(self._strip, title=title, subtitle=subtitle, border_style="green"), ratio=3, minimum_size=12),
            Layout(name="below", ratio=2, minimum_size=12),
            Layout(Panel(Group(*self._news) if self._news else "", title="status"), size=6),
        )
        layout["below"].split_row(
            Layout(Panel(self._beat_table(), title="beats, ms")),
            Layout(Panel(self._latency_table(), title="latency, ms")),
        )
        return layout

    def _rhythm_text(self) -> str:
        """Say the rhythm, how probable it is and since when, and which definitions are met."""
        rhythm = self._rhythm
        if rhythm is None:
            return ""
        parts = []
        if rhythm.label:
            name = RHYTHM_NAMES[rhythm.label]
            if rhythm.label in rhythm.probabilities:
                name += f" {rhythm.probabilities[rhythm.label]:.2f}"
            newest = self._strip.samples[-1][0] if self._strip.samples else float(rhythm.known)
            since = (newest - rhythm.since) / self._strip.fs / self._strip.step
            parts.append(f"{name} for {max(0.0, since):.0f} s")
        parts += [name.replace("_", " ") for name in rhythm.definitions]
        return "  ".join(parts) + " "

    def _beat_table(self) -> Table:
        table = Table(box=None, expand=True)
        for column in ("beat", "RR", "PR", "QRS", "QT", "sure", "VEB", "after", "flags"):
            table.add_column(column, justify="left" if column == "flags" else "right", no_wrap=True)
        for beat in reversed(self._beats):
            total = beat.latency.total
            width = (beat.offset_ns - beat.onset_ns) / 1e6
            waves = self._waves.get(beat.beat)
            table.add_row(
                f"{beat.beat}",
                _whole(beat.rr_ms),
                _whole(waves.pr_ms if waves else None),
                f"{width:.0f}",
                _whole(waves.qt_ms if waves else None),
                f"{beat.confidence:.2f}",
                "" if beat.ventricular is None else f"{beat.ventricular:.2f}",
                _whole(total),
                " ".join([*beat.flags, *(["corrected"] if beat.revision else [])]),
            )
        return table

    def _latency_table(self) -> Table:
        table = Table(box=None, expand=True)
        for column in ("stage", "p50", "p90", "p99", "max"):
            table.add_column(column, justify="left" if column == "stage" else "right")
        stages = self._latency.stages if self._latency else {}
        for stage in STAGES:
            if stage in stages:
                p = stages[stage]
                style = "bold" if stage == "total" else ""
                table.add_row(stage, *(f"{v:.1f}" for v in (p.p50, p.p90, p.p99, p.max)), style=style)
        if stages:
            table.add_row(f"beats {stages['algorithmic'].count}", "", "", "", "", style="dim")
        return table


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"
