"""One stream from samples to events. It has no engine: it yields jobs, and is told what was found."""

from collections.abc import Generator, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamer.conditioning.kernel import BRIDGE_S, LOST, OFF, RING, SETTLE
from streamer.detect import decoder
from streamer.detect.bank import Bank
from streamer.detect.events import Beat, Event, Onset, Rhythm, Status, Waves
from streamer.detect.found import Found, Telling
from streamer.detect.rhythm.course import Course
from streamer.detect.telling import Teller
from streamer.detect.together import BRIDGE, END, ORDINARY, PART

KEEP_S = 10.0
RANK: dict[type[Event], int] = {Status: 0, Onset: 1, Beat: 2, Waves: 3, Rhythm: 4}


class Job(NamedTuple):
    """Samples that are to go through conditioning, network and decoder.

    Attributes
    ----------
    stream : Stream
    samples : ndarray of float64, shape (n, leads)
        mV.
    kind : int
        `ORDINARY`, `PART`, `BRIDGE` or `END`.
    """

    stream: "Stream"
    samples: NDArray[np.float64]
    kind: int


Work = Generator[Job, None, None]


class Stream:
    """What is known of one stream, and the order of its steps; its signal is a row of a bank.

    A chunk that goes on from the last is a job as it is. For any other, and at the end, `push`, `pause` and `flush` are
    generators: they yield jobs, one after the other, and go on when one is done. Events gather until `take_events`.

    Parameters
    ----------
    bank : Bank
        For the rate and the number of leads.
    fs : float
        Rate of the feed in Hz.
    leads : list of str
        Names, unique.
    """

    def __init__(self, bank: Bank, fs: float, leads: list[str]) -> None:
        self.fs = float(fs)
        self.leads = list(leads)
        self.bank, self.row = bank, bank.add()
        self.step = float(bank.conditioning.step)  # samples of the feed per 250 Hz sample
        self._teller = Teller(self.fs, self.step, self.leads, bank.engine.card)
        self.course = Course(self.fs, bank.engine.card.rhythm)
        self._events: list[Event] = []
        self._begun = False
        self._expected = 0  # the feed's next sample
        self._missing = 0  # samples missing just before it
        self._open = False  # whether a segment is
        self._held = False  # whether it began without a scale
        self._start = 0  # the feed's sample that it began with
        self._end: int | None = None  # and the one that ends it, while it is finished

    def take_events(self) -> list[Event]:
        """Return the events since the last time, in the order in which they became known."""
        events, self._events = self._events, []
        return ordered(events)

    def ordinary(self, samples: NDArray[np.float64], index: int | None) -> Job | None:
        """Return the job of a chunk that goes on from the last one; None if it does not."""
        if not self._open or self._missing or not (index is None or index == self._expected):
            return None
        self._expected += len(samples)
        return Job(self, samples, ORDINARY)

    def refused(self, job: Job) -> Work:
        """Look closer at an ordinary job that has samples without any lead."""
        self._expected -= len(job.samples)
        return self._look(job.samples)

    def push(self, samples: NDArray[np.float64], index: int | None = None) -> Work:
        """Take samples of all leads.

        Parameters
        ----------
        samples : ndarray of float64, shape (n, leads)
            mV; NaN or infinity where a lead is lost.
        index : int, optional
            The feed's index of the first; default: they follow the last.
        """
        if index is not None and index != self._expected:
            gap = index - self._expected
            if not self._begun:
                self._expected = index
            elif gap > 0:
                yield from self._lack(gap)
            else:
                doubled = min(-gap, len(samples))
                samples = samples[doubled:]
                if doubled:
                    detail = f"{doubled} samples from index {index} on had come before and are left out."
                    self._say("duplicate", self._expected - 1, index, detail, samples=doubled)
        self._begun |= len(samples) > 0
        yield from self._look(samples)

    def pause(self) -> Work:
        """Finish what is held, with the right context that there is; the next samples go on after a new start."""
        if self._open:
            yield from self._close(self._expected - 1)

    def flush(self) -> Work:
        """End the stream: finish what is held, and forget everything. The last event is a `Status` `ended`."""
        yield from self.pause()
        at = self._expected - 1
        self._say("ended", at, at, "The stream has ended.")
        self.bank.restart(self.row, keep_scale=False)
        self._teller.begin(0, keep=False)
        self.course.begin(0, keep=False)
        self.bank.forget_rhythm(self.row)
        self.bank.arrays["decoder"]["beat"][self.row] = 0
        self.bank.arrays["off"][self.row] = False
        self._begun = False
        self._expected = self._missing = 0

    def signal(self, after: tuple[int, int]) -> tuple[tuple[int, int], NDArray[np.float64]]:
        """Return the conditioned samples that came since, for display.

        Parameters
        ----------
        after : (start, made)
            What the last call returned: the segment's first sample in the feed, and how many 250 Hz samples were shown.

        Returns
        -------
        (start, made)
            To be given next time.
        values : ndarray of float64, shape (leads, n)
            The newest, NaN where a lead is off; sample k of them lies at `start + (made - n + k) * step` in the feed.
        """
        clock = self.bank.arrays["clock"][self.row]
        ready = int(clock["made"]) if clock["settled"] else 0
        shown = after[1] if after[0] == self._start else 0
        heard = self.bank.arrays["ring"][self.row][:, np.arange(max(shown, ready - RING), ready) % RING]
        values = np.where(heard["flags"] & OFF, np.nan, heard["normal"])
        return (self._start, ready), values

    def _say(
        self, code: str, known: int, index: int, detail: str, lead: str | None = None, samples: int | None = None
    ) -> None:
        self._events.append(Status(known=known, code=code, index=index, detail=detail, lead=lead, samples=samples))

    def _look(self, samples: NDArray[np.float64]) -> Work:
        """Tell stretches without any lead, which are gaps, from the others."""
        finite = np.isfinite(samples)
        samples = np.where(finite, samples, np.nan)
        at = 0
        for heard, length in runs(np.any(finite, axis=1)):
            if heard:
                yield from self._hear(samples[at : at + length])
            else:
                yield from self._lack(length)
            at += length

    def _lack(self, count: int) -> Work:
        """Take note of missing samples. Longer than 100 ms they end the segment; that is told while they last."""
        longest = int(BRIDGE_S * self.fs)
        before = self._missing
        self._missing += count
        self._expected += count
        if before <= longest < self._missing:
            first = self._expected - self._missing
            at = first + longest
            if self._open:
                yield from self._close(at)
                self._events += self.course.interrupt(at)
            detail = f"No samples for more than {1000 * BRIDGE_S:g} ms; the detector starts anew after the gap."
            self._say("gap", at, first, detail)

    def _hear(self, samples: NDArray[np.float64]) -> Work:
        """Take samples that come after `_missing` that did not."""
        missing, self._missing = self._missing, 0
        first = self._expected
        if missing and self._open:
            last = self.bank.arrays["last"][self.row]
            share = np.arange(1, missing + 1)[:, None] / (missing + 1)
            line = last + share * (samples[0] - last)
            self._say(
                "bridged", first, first - missing, f"{missing} missing samples are bridged by a line.", samples=missing
            )
            yield Job(self, line, BRIDGE)
        elif missing:
            detail = f"Samples are back after {missing / self.fs:.3f} s."
            self._say("resumed", first, first, detail, samples=missing)
        if not self._open:
            self._begin(missing)
        self._expected += len(samples)
        yield Job(self, samples, PART)

    def _begin(self, missing: int) -> None:
        """Start a segment at the next sample."""
        keep = missing <= KEEP_S * self.fs
        self.bank.restart(self.row, keep)
        self._teller.begin(self._expected, keep)
        self.course.begin(self._expected, keep)
        if not keep:
            self.bank.forget_rhythm(self.row)
        self._open = True
        self._held = not self.bank.arrays["clock"]["settled"][self.row]
        self._start = self._expected
        if self._held:
            detail = f"The first {SETTLE / 250:g} s are held until the scale of the leads is known."
            self._say("settling", self._expected, self._expected, detail)

    def _close(self, at: int) -> Work:
        """End the segment; what it still held becomes known at sample `at`."""
        self._end = at
        yield Job(self, np.zeros((0, len(self.leads))), END)
        self._open, self._end = False, None

    def watch(self, before: int) -> None:
        """Tell of leads that fell off or came back, and of the scale, since `before` 250 Hz samples were made."""
        arrays, row = self.bank.arrays, self.row
        made = int(arrays["clock"]["made"][row])
        if self._held and before < SETTLE <= made:
            known = self._known(SETTLE)
            self._say("settled", known, known, "The scale of the leads is known.")
        flags = arrays["ring"]["flags"][row][:, np.arange(before, made) % RING]
        off = (flags & OFF) != 0
        for j, lead in enumerate(self.leads):
            for m in np.flatnonzero(np.diff(off[j], prepend=arrays["off"][row, j])):
                if not off[j, m]:
                    code, detail = "lead_back", f"Lead {lead} is back."
                elif flags[j, m] & LOST:
                    code, detail = "lead_off", f"Lead {lead} is off: it has no samples."
                else:
                    code, detail = "lead_off", f"Lead {lead} is off: it has not changed for 0.5 s."
                sample = before + int(m)
                self._say(code, self._known(sample + 1), int(self._start + sample * self.step), detail, lead)
        arrays["off"][row] = off[:, -1]

    def _known(self, made: int) -> int:
        """Return the feed's sample that completed the first `made` 250 Hz samples of the segment."""
        known = self._start + self.bank.conditioning.input_needed(made) - 1
        return known if self._end is None else min(known, self._end)

    def tell(self, what: Found) -> None:
        """Turn what the decoder found into events, and into steps of the rhythm."""
        told = 0
        for k, found in enumerate(what.finds):
            # the waves of a beat are told before a correction of it, or the next one, takes its place
            while told < len(what.tellings) and what.tellings[told].decided < found.decided:
                self._tell_waves(what.tellings[told])
                told += 1
            known, names = self._when(found.decided)
            if found.kind == decoder.ONSET:
                self._events.append(self._teller.onset(found, known, names))
            elif found.kind == decoder.BEAT:
                self._events.append(self._teller.beat(found, what.qualities[k], what.lead_flags[k], known, names))
            else:
                self.course.clock(found, self._start + found.decided * self.step, known)
        for waves in what.tellings[told:]:
            self._tell_waves(waves)

    def follow(self, probabilities: NDArray[np.float32] | None) -> None:
        """Let the rhythm go on, by what its network says of `course.rows`."""
        self._events += self.course.follow(probabilities)

    def _tell_waves(self, told: Telling) -> None:
        known, _ = self._when(told.decided)
        waves = self._teller.waves(told, known)
        self._events.append(waves)
        if waves.revision == 0:
            self.course.beat(*self._teller.last, known, told)

    def _when(self, decided: int) -> tuple[int, list[str]]:
        """Return the feed's sample that made a decision known, and `settling` if it was held for the scale."""
        hop = (decided + self.bank.context) // self.bank.hop
        known = self._known((hop + 1) * self.bank.hop)
        if self._held:
            settled = self._known(SETTLE)
            if known < settled:
                return settled, ["settling"]
        return known, []

    _VALUES = ("_begun", "_expected", "_missing", "_open", "_held", "_start")

    def state(self) -> dict[str, Any]:
        """Return everything that the stream remembers, as plain values and copies of arrays."""
        return {
            "values": {name[1:]: getattr(self, name) for name in self._VALUES}
            | {"teller": self._teller.state(), "course": self.course.state()},
            "arrays": {name: array[self.row].copy() for name, array in self.bank.arrays.items()},
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        for name in self._VALUES:
            setattr(self, name, state["values"][name[1:]])
        self._teller.load(state["values"]["teller"])
        self.course.load(state["values"]["course"])
        for name, array in self.bank.arrays.items():
            array[self.row] = state["arrays"][name]


def runs(mask: NDArray[Any]) -> Iterator[tuple[bool, int]]:
    """Yield (value, length) of each run of equal values."""
    edges = np.flatnonzero(np.diff(mask)) + 1
    for first, after in pairwise([0, *edges.tolist(), len(mask)]):
        if after > first:
            yield bool(mask[first]), after - first


def ordered(events: list[Event]) -> list[Event]:
    """Sort by `known`; of those known at once status comes first, then onset, beat and waves."""
    return sorted(events, key=lambda event: (event.known, RANK[type(event)])) if len(events) > 1 else events
