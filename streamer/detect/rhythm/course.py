"""The course of a rhythm: beats and silences in, `Rhythm` events out."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamer.detect.events import LIKELY, Rhythm
from streamer.detect.fibrillation import WINDOW_S
from streamer.detect.found import Find, Telling
from streamer.detect.rhythm.definitions import HEARD, Definitions, mean_rate
from streamer.detect.rhythm.features import History
from streamer.engine.card import RhythmCard

FOLLOW = 0.3  # rate at which the probabilities that decide follow those of the network, by step
ENTER = 0.35  # by which another rhythm must be more probable than that which was told
LEAST = 0.1  # one that is less probable is not told any more
# a rhythm that comes to stay is told, and left, by means that follow at a slower rate, above and below these
LASTING = ("AFIB", "AFL")
SLOWLY = 0.1
BEGIN, END = 0.7, 0.4
AT_ONCE = ("VT",)  # unless it is interrupted by one of these
FEWEST = 4  # beats before a rhythm is told
VF = "VF"  # told by definition
RATES = 16  # RR intervals of the heart rate


class Step(NamedTuple):
    """A beat, or time without.

    Attributes
    ----------
    known : int
    at : float
        Sample of the feed: the peak of the beat, or the moment.
    row : ndarray of float32, shape (features,), or None
        What the network reads.
    silent_s : float or None
        Since the last beat; None at a beat.
    rr_ms : float or None
    ventricular : bool
    heard : float
        Share of the samples since the last step that were not lost.
    fibrillating : bool
    report : bool
        Whether an event is due by time.
    """

    known: int
    at: float
    row: NDArray[np.float32] | None
    silent_s: float | None = None
    rr_ms: float | None = None
    ventricular: bool = False
    heard: float = 1.0
    fibrillating: bool = False
    report: bool = False

    @property
    def is_beat(self) -> bool:
        """Whether it is a beat."""
        return self.row is not None and self.silent_s is None


class Course:
    """Decides from the network's probabilities, and from definitions, which rhythm is told.

    Parameters
    ----------
    fs : float
        Of the feed, Hz.
    card : RhythmCard or None
        Of the rhythm network; without it the label is never known.
    """

    def __init__(self, fs: float, card: RhythmCard | None) -> None:
        self._fs, self._card = fs, card
        self._history = History()
        self._definitions = Definitions()
        self._steps: list[Step] = []
        self._forget(0.0)

    def _forget(self, at: float) -> None:
        """Know nothing from a sample on."""
        self._label: str | None = None
        self._since = at
        self._mean: list[float] = []  # probabilities that decide
        self._slow: list[float] = []
        self._first: list[float] = []  # sample from which on each class has been the likeliest, else -1
        self._beats = 0  # of evidence
        self._rates: list[float] = []
        self._last = at  # sample of the last beat
        self._start = at

    def begin(self, start: int, keep: bool) -> None:
        """Start at a sample, after a gap: evidence begins anew; the RR intervals before it may be kept to compare with.

        Parameters
        ----------
        start : int
        keep : bool
        """
        self._forget(float(start))
        self._definitions.interrupt()
        if not keep:
            self._history = History()

    def interrupt(self, at: int) -> list[Rhythm]:
        """Take note of a gap that has lasted too long at a sample: nothing is known any more.

        Returns
        -------
        list of Rhythm
            One, if something was known.
        """
        known = self._label is not None or bool(self._definitions.met)
        self._forget(float(at))
        self._definitions.interrupt()
        return [self._event(Step(at, float(at), None), "change")] if known else []

    def beat(
        self,
        at: float,
        rr_ms: float | None,
        ventricular: float,
        known: int,
        told: Telling | None = None,
        report: bool = False,
    ) -> None:
        """Take a beat.

        Parameters
        ----------
        at : float
            Its peak, in samples of the feed.
        rr_ms : float or None
        ventricular : float
            Probability.
        known : int
        told : Telling, optional
            What else is known of it.
        report : bool
            Whether an event is due by time.
        """
        row = self._history.beat(None if rr_ms is None else rr_ms / 1000, told)
        self._steps.append(Step(known, at, row, None, rr_ms, ventricular >= LIKELY, report=report))

    def clock(self, found: Find, at: float, known: int) -> None:
        """Take note that time has passed.

        Parameters
        ----------
        found : Find
            Of the kind CLOCK.
        at : float
            In samples of the feed.
        known : int
        """
        row, silent_s, heard = None, None, 1.0
        if found.silent:
            before = next((step.at for step in reversed(self._steps) if step.is_beat), self._last)
            silent_s, heard = (at - before) / self._fs, found.evidence.heard
            row = self._history.silence(silent_s, found.evidence)
        self._steps.append(
            Step(known, at, row, silent_s, None, False, heard, bool(found.fibrillating), bool(found.report))
        )

    def rows(self) -> NDArray[np.float32] | None:
        """Return what the network is to read next, shape (1, steps, features), or None."""
        rows = [step.row for step in self._steps if step.row is not None]
        return np.stack(rows)[None] if rows else None

    def follow(self, probabilities: NDArray[np.float32] | None) -> list[Rhythm]:
        """Go on by the steps taken since the last time.

        Parameters
        ----------
        probabilities : ndarray of float32, shape (steps, classes), or None
            Of the rows; None without a network.

        Returns
        -------
        list of Rhythm
        """
        events: list[Rhythm] = []
        rows = iter([] if probabilities is None else probabilities.tolist())
        for step in self._steps:
            told = (self._label, dict(self._definitions.met))
            if step.row is not None and probabilities is not None:
                self._consider(step, next(rows))
            self._define(step)
            label = self._decide(step)
            if (label, self._definitions.met) != told:
                if label != self._label:
                    self._label, self._since = label, self._begun(step, label)
                    if label is None or label == VF:
                        self._first = [-1.0] * len(self._first)
                events.append(self._event(step, "change"))
            elif step.report:
                events.append(self._event(step, "time"))
        self._steps = []
        return events

    def _consider(self, step: Step, probabilities: list[float]) -> None:
        """Let the probabilities that decide follow those of the network."""
        if not self._mean:
            self._mean, self._slow = list(probabilities), list(probabilities)
            self._first = [-1.0] * len(self._mean)
        likeliest = probabilities.index(max(probabilities))
        for k, p in enumerate(probabilities):
            self._mean[k] += FOLLOW * (p - self._mean[k])
            self._slow[k] += SLOWLY * (p - self._slow[k])
            if k != likeliest:
                self._first[k] = -1.0
            elif self._first[k] < 0 and step.is_beat and self._label != VF:
                self._first[k] = step.at

    def _define(self, step: Step) -> None:
        if step.is_beat:
            self._definitions.beat(step.at, step.rr_ms, step.ventricular)
            self._beats += 1
            self._last = step.at
            if step.rr_ms is not None:
                self._rates = [*self._rates, step.rr_ms][-RATES:]
        else:
            self._definitions.fibrillation(step.at - WINDOW_S * self._fs, step.fibrillating)
            if step.silent_s is not None:
                self._definitions.silence(self._last, step.silent_s, step.heard)

    def _decide(self, step: Step) -> str | None:
        met = self._definitions.met
        if "fibrillation" in met:
            return VF
        if "pause" in met or step.heard < HEARD or not self._mean or self._beats < FEWEST or self._card is None:
            return None
        classes, now = self._card.classes, self._label
        best = self._mean.index(max(self._mean))
        label = classes[best]
        if now not in classes:
            return label
        before = classes.index(now)
        if label in LASTING and self._slow[best] < BEGIN:
            return now
        if now in LASTING and label not in AT_ONCE and self._slow[before] > END:
            return now
        stays = self._mean[best] - self._mean[before] < ENTER and self._mean[before] > LEAST
        return now if stays else label

    def _begun(self, step: Step, label: str | None) -> float:
        """Return the sample from which on a label that is now told is told of."""
        if label == VF:
            return self._definitions.met["fibrillation"]
        if label is None:
            return self._definitions.met.get("pause", self._last)
        assert self._card
        first = self._first[self._card.classes.index(label)]
        return first if first >= 0 else step.at

    def _event(self, step: Step, cause: str) -> Rhythm:
        known = self._label is not None and self._label != VF and self._card is not None
        rates = [60_000 / rr for rr in self._rates]
        return Rhythm(
            known=step.known,
            label=self._label,
            since=self._since,
            cause=cause,
            probabilities=dict(zip(self._card.classes, self._mean, strict=True)) if known and self._card else {},
            beats=self._beats,
            seconds=(step.at - self._start) / self._fs,
            heart_rate=mean_rate(self._rates) if rates else None,
            lowest_rate=min(rates) if rates else None,
            highest_rate=max(rates) if rates else None,
            definitions=dict(self._definitions.met),
            delay_ms=1000 * (step.known - self._since) / self._fs,
        )

    _VALUES = ("label", "since", "mean", "slow", "first", "beats", "rates", "last", "start")

    def state(self) -> dict[str, Any]:
        """Return everything that is remembered, as plain values."""
        return {name: getattr(self, f"_{name}") for name in self._VALUES} | {
            "history": self._history.state(),
            "definitions": self._definitions.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        for name in self._VALUES:
            setattr(self, f"_{name}", state[name])
        self._history.load(state["history"])
        self._definitions.load(state["definitions"])
