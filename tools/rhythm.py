"""Scoring of rhythms: by duration as EC57 asks, by episode with the delay of detection, and the classes of cinc2017."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray

from models.data import BEATS
from models.rhythm.data import rhythms
from streamer.detect import Detector
from streamer.detect.events import Event, Rhythm
from streamer.detect.rhythm import Episode, RhythmDetector, episodes
from streamer.engine import Engine
from streamer.feeds import open_wfdb
from streamer.sinks.annotations import final_beats

# what PhysioNet names otherwise
ALIASES = {"VFL": "VF", "SBR": "N", "J": "OTHER", "NOD": "OTHER", "IVR": "OTHER", "AB": "OTHER", "BII": "OTHER",
           "PREX": "N"}  # fmt: skip
SHORTEST_S = 10.0  # annotated episodes of less are not asked to be found
Spans = NDArray[np.float64]


@dataclass(frozen=True)
class Followed:
    """Rhythms of a record, annotated and told.

    Attributes
    ----------
    name : str
    fs : float
        Hz.
    length : float
        Samples.
    truth : list of Episode
    events : list of Event
    told : list of Episode
        From where they are told to have begun.
    live : list of Episode
        From when they were told.
    peaks : ndarray of float64
        Of the beats.
    """

    name: str
    fs: float
    length: float
    truth: list[Episode]
    events: list[Event]
    told: list[Episode]
    live: list[Episode]
    peaks: NDArray[np.float64]


def followed(
    name: str, fs: float, length: float, real: list[Episode], events: list[Event], peaks: NDArray[np.float64]
) -> Followed:
    """Put together what was found in a record."""
    live: list[Episode] = []
    for event in events:
        if isinstance(event, Rhythm) and not (live and live[-1].label == event.label):
            live.append(Episode(event.label, float(event.known), length, event.known, None))
    return Followed(name, fs, length, real, events, episodes(events, length), ended(live), peaks)


def ended(found: list[Episode]) -> list[Episode]:
    """Return episodes of which each ends where the next one starts."""
    ends = [episode.start for episode in found[1:]] + [found[-1].end] if found else []
    return [episode._replace(end=end) for episode, end in zip(found, ends, strict=True)]


def with_told(record: Followed, told: list[Episode]) -> Followed:
    """Return a record as another way of detection tells it."""
    return replace(record, told=told, live=told)


def as_definition(record: Followed, name: str, label: str) -> Followed:
    """Return a record as if a definition that is met were its label."""
    since: list[Episode] = []
    live: list[Episode] = []
    for event in record.events:
        if isinstance(event, Rhythm):
            met = label if name in event.definitions else None
            at = event.definitions.get(name, float(event.known))
            if not live or live[-1].label != met:
                live.append(Episode(met, float(event.known), record.length, event.known, None))
                since.append(Episode(met, at, record.length, event.known, None))
    return replace(record, told=ended(since), live=ended(live))


def truth(path: Path, length: float, extension: str = "atr") -> list[Episode]:
    """Return the annotated rhythms of a record."""
    changes = rhythms(path, extension)
    ends = [sample for sample, _ in changes[1:]] + [length]
    return [
        Episode(ALIASES.get(name, name), float(start), float(end), start, None)
        for (start, name), end in zip(changes, ends, strict=True)
    ]


def follow_signal(engine: Engine, path: Path, lead: int = 0, extension: str = "atr") -> Followed:
    """Run the detector over one lead of a record."""
    recording = open_wfdb(path, [wfdb.rdheader(str(path)).sig_name[lead]])
    detector = Detector(recording.fs, recording.leads, recording.unit, engine=engine)
    events = detector.push(recording.samples) + detector.flush()
    length = float(recording.length or 0)
    peaks = np.array([beat.peak for beat in final_beats(events)])
    return followed(path.name, recording.fs, length, truth(path, length, extension), events, peaks)


def follow_beats(engine: Engine, path: Path, fs: float, beats: str, extension: str | None = "atr") -> Followed:
    """Run the rhythm network over the annotated beats of a record: RR intervals alone.

    Parameters
    ----------
    engine : Engine
    path : Path
    fs : float
        Hz.
    beats : str
        Extension of the annotation that has the beats.
    extension : str or None
        Of that which has the rhythms; None: normal sinus rhythm throughout.
    """
    annotation = wfdb.rdann(str(path), beats)
    samples = annotation.sample[np.isin(annotation.symbol, sorted(BEATS))]
    samples = samples[np.concatenate([[True], np.diff(samples) > 0])]
    length = float(samples[-1])
    known = truth(path, length, extension) if extension else [Episode("N", 0.0, length, 0, None)]
    return followed(path.name, fs, length, known, [*RhythmDetector(fs, engine).push(samples)], samples.astype(float))


def spans(found: Iterable[Episode], label: str) -> Spans:
    """Return from where to where a label holds, shape (k, 2); those that touch are joined."""
    joined: list[list[float]] = []
    for episode in found:
        if episode.label == label:
            if joined and joined[-1][1] >= episode.start:
                joined[-1][1] = episode.end
            else:
                joined.append([episode.start, episode.end])
    return np.array(joined, np.float64).reshape(-1, 2)


def overlap(a: Spans, b: Spans) -> float:
    """Return how long both hold."""
    return float(sum(np.clip(np.minimum(end, b[:, 1]) - np.maximum(start, b[:, 0]), 0, None).sum() for start, end in a))


def duration(found: Spans) -> float:
    """Return how long all spans are."""
    return float((found[:, 1] - found[:, 0]).sum())


@dataclass
class Times:
    """Seconds of one rhythm: told rightly, told in all, annotated, and in all.

    `left_out` is time that was told and is annotated as something that is not held against the detector.
    """

    right: float = 0.0
    told: float = 0.0
    annotated: float = 0.0
    left_out: float = 0.0
    whole: float = 0.0

    def add(self, record: Followed, label: str, live: bool, pardoned: str | None = None) -> None:
        """Add a record."""
        real, told = spans(record.truth, label), spans(record.live if live else record.told, label)
        self.right += overlap(real, told) / record.fs
        self.told += duration(told) / record.fs
        self.annotated += duration(real) / record.fs
        self.whole += record.length / record.fs
        if pardoned:
            self.left_out += overlap(spans(record.truth, pardoned), told) / record.fs

    @property
    def se(self) -> float:
        """Sensitivity by duration, percent."""
        return 100 * self.right / self.annotated if self.annotated else float("nan")

    @property
    def ppv(self) -> float:
        """Positive predictivity by duration, percent."""
        told = self.told - self.left_out
        return 100 * self.right / told if told else float("nan")

    @property
    def sp(self) -> float:
        """Specificity by duration, percent."""
        other = self.whole - self.annotated - self.left_out
        return 100 * (1 - (self.told - self.left_out - self.right) / other) if other else float("nan")


@dataclass
class Found:
    """Episodes of one rhythm.

    Attributes
    ----------
    annotated, found : int
        Annotated ones that are long enough to be asked for, and those of them that were told while they lasted.
    false : int
        Told ones that touch no annotated one.
    hours : float
    delays : list of float
        From the annotated onset to the event, s; of episodes that begin within the record, and before which the rhythm
        was not told already.
    """

    annotated: int = 0
    found: int = 0
    false: int = 0
    hours: float = 0.0
    delays: list[float] = field(default_factory=list)

    def add(self, record: Followed, label: str, shortest_s: float = SHORTEST_S) -> None:
        """Add a record."""
        real, live = spans(record.truth, label), spans(record.live, label)
        told = spans(record.told, label)
        for start, end in real:
            if (end - start) / record.fs < shortest_s:
                continue
            self.annotated += 1
            inside = live[(live[:, 1] > start) & (live[:, 0] < end)]
            if len(inside):
                self.found += 1
                if start > SHORTEST_S * record.fs and inside[0, 0] >= start:
                    self.delays.append(float(inside[0, 0] - start) / record.fs)
        self.false += sum(overlap(np.array([span]), real) == 0 for span in told)
        self.hours += record.length / record.fs / 3600


def confusion(records: Sequence[Followed], labels: Sequence[str]) -> NDArray[np.float64]:
    """Return seconds of each annotated rhythm (rows) by what was told (columns, the last is unknown)."""
    table = np.zeros((len(labels), len(labels) + 1))
    for record in records:
        told = record.told
        for i, real in enumerate(labels):
            whole = spans(record.truth, real)
            for j, label in enumerate(labels):
                table[i, j] += overlap(whole, spans(told, label)) / record.fs
            table[i, -1] += (
                duration(whole) / record.fs
                - overlap(whole, np.array([(e.start, e.end) for e in told if e.label], np.float64).reshape(-1, 2))
                / record.fs
            )
    return table


def challenge_f1(real: Sequence[str], told: Sequence[str]) -> dict[str, float]:
    """Return F1 of each class of cinc2017, and the challenge's score, the mean of N, A and O (Clifford et al. 2017)."""
    result = {}
    for name in "NAO~":
        both = sum(a == b == name for a, b in zip(real, told, strict=True))
        every = sum(a == name for a in real) + sum(b == name for b in told)
        result[name] = 2 * both / every if every else float("nan")
    return result | {"F1": float(np.mean([result[name] for name in "NAO"]))}
