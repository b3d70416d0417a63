"""The rhythm of a feed that sends the times of beats alone."""

from collections.abc import Iterable

from streamer.detect.events import Rhythm
from streamer.detect.rhythm.course import Course
from streamer.engine.base import Engine

APART_S = 10.0
REPORT_S = 5.0


class RhythmDetector:
    """Tells the rhythm of a feed that sends the times of beats alone, such as a heart rate strap.

    Parameters
    ----------
    fs : float
        Of the feed's sample index, Hz; 1000 for times in ms.
    engine : Engine
        With a rhythm network.
    """

    def __init__(self, fs: float, engine: Engine) -> None:
        self._fs, self._engine = fs, engine
        self._course = Course(fs, engine.card.rhythm)
        self._state = self._silent = engine.initial_rhythm()
        self._last: float | None = None
        self._told: float | None = None  # beat at which an event was last due by time

    def push(self, peaks: Iterable[float]) -> list[Rhythm]:
        """Take the next beats.

        Parameters
        ----------
        peaks : iterable of float
            Their R peaks, in samples of the feed, each later than the one before. Beats more than 10 s apart are a gap.

        Returns
        -------
        list of Rhythm

        Raises
        ------
        ValueError
            If a beat is not later than the one before.
        """
        events: list[Rhythm] = []
        for peak in peaks:
            if self._last is not None and not peak > self._last:
                raise ValueError(f"a beat at {peak:g} comes after one at {self._last:g}; expected later ones")
            if self._last is None or peak - self._last > APART_S * self._fs:
                events += self._follow()
                self._course.begin(int(peak), keep=False)
                self._state, self._last, self._told = self._silent, None, None
            rr_ms = None if self._last is None else 1000 * (peak - self._last) / self._fs
            report = self._told is not None and peak - self._told >= REPORT_S * self._fs
            if report or self._told is None:
                self._told = float(peak)
            self._course.beat(float(peak), rr_ms, 0.0, int(peak), report=report)
            self._last = float(peak)
        return events + self._follow()

    def _follow(self) -> list[Rhythm]:
        rows = self._course.rows()
        if rows is None or self._state is None:
            return self._course.follow(None)
        probabilities, self._state = self._engine.follow(rows, self._state)
        return self._course.follow(probabilities[0])
