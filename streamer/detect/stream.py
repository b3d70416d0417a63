"""One stream from samples to events. It has no engine: it asks for probabilities and goes on when they come."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.conditioning.conditioner import Conditioner
from streamer.conditioning.kernel import BRIDGE_S, LOST, OFF, RING, SETTLE
from streamer.detect import decoder
from streamer.detect.events import Beat, Event, Onset, Rhythm, Status, Waves
from streamer.detect.evidence import TEMPLATE_DTYPE
from streamer.detect.fibrillation import LISTENER_DTYPE
from streamer.detect.rhythm.course import Course
from streamer.detect.telling import Teller
from streamer.detect.waves import TOLD_DTYPE
from streamer.engine.base import Engine, Floats, RhythmState, State

KEEP_S = 10.0
BLOCK = SETTLE  # 250 Hz samples conditioned at a time; with as many held, they fit the ring
RANK: dict[type[Event], int] = {Status: 0, Onset: 1, Beat: 2, Waves: 3, Rhythm: 4}


@dataclass(slots=True)
class Request:
    """What a stream wants from the engine.

    Attributes
    ----------
    samples : ndarray of float32, shape (leads, n)
    state : State
    final : bool
        Whether the segment ends (`Engine.finish`) or goes on (`Engine.run`).
    """

    samples: Floats
    state: State
    final: bool


@dataclass(slots=True)
class RhythmRequest:
    """What a stream wants from the rhythm network.

    Attributes
    ----------
    rows : ndarray of float32, shape (1, steps, features)
    state : RhythmState
    """

    rows: Floats
    state: RhythmState


AnyRequest = Request | RhythmRequest
Answer = tuple[Floats, State] | tuple[Floats, RhythmState]
Part = Generator[AnyRequest, Any, None]
Work = Generator[AnyRequest, Any, list[Event]]


class Stream:
    """The state of one stream, and the steps that samples take through it.

    `push` and `flush` are generators: they yield a `Request` for each piece of work for the network and take its
    answer, so that one stream alone and a thousand in a batch run the same code.

    Parameters
    ----------
    engine : Engine
        Asked for its segment and its initial state only.
    fs : float
        Rate of the feed in Hz, 100 to 2000.
    leads : list of str
        Names, unique, 1 to 16.

    Raises
    ------
    ValueError
        If the rate or the leads are out of range.
    """

    def __init__(self, engine: Engine, fs: float, leads: list[str]) -> None:
        if not 1 <= len(leads) <= 16:
            raise ValueError(f"{len(leads)} leads; expected 1 to 16")
        if len(set(leads)) < len(leads):
            raise ValueError(f"lead names {', '.join(leads)} are not unique")
        self.fs = float(fs)
        self.leads = list(leads)
        self._conditioner = Conditioner(fs, len(leads))
        self._step = float(self._conditioner.step)
        self._hop, self._context = engine.segment.hop, engine.segment.right_context
        self._initial = self._network = engine.initial(len(leads))
        self._decoder = np.zeros(1, decoder.DECODER_DTYPE)
        room = 2 * (2 * BLOCK // decoder.SHORTEST + 2) + 2 * BLOCK // decoder.PULSE + 2
        self._templates = np.zeros(len(leads), TEMPLATE_DTYPE)
        self._listeners = np.zeros(len(leads), LISTENER_DTYPE)
        self._found = np.zeros(room, decoder.FOUND_DTYPE)
        self._qualities = np.zeros((room, len(leads)))
        self._lead_flags = np.zeros((room, len(leads)), np.int64)
        self._told = np.zeros(room, TOLD_DTYPE)
        self._teller = Teller(self.fs, self._step, self.leads, engine.card)
        self.course = Course(self.fs, engine.card.rhythm)
        self._silent = self._rhythm = engine.initial_rhythm()
        self._last = np.full(len(leads), np.nan)  # the newest sample of each lead
        self._off = np.zeros(len(leads), np.bool_)
        self._begun = False
        self._expected = 0  # the feed's next sample
        self._missing = 0  # samples missing just before it
        self._open = False  # whether a segment is
        self._held = False  # whether it began without a scale
        self._start = 0  # the feed's sample that it began with
        self._fed = 0  # its 250 Hz samples that the network has had
        self._watched = 0  # and those looked at for lost leads

    def push(self, samples: NDArray[np.float64], index: int | None = None) -> Work:
        """Take samples of all leads.

        Parameters
        ----------
        samples : ndarray of float64, shape (n, leads)
            mV; NaN or infinity where a lead is lost. Not changed.
        index : int, optional
            The feed's index of the first; default: they follow the last.

        Returns
        -------
        list of Event
            In the order in which they became known.
        """
        events: list[Event] = []
        if index is not None and index != self._expected:
            gap = index - self._expected
            if not self._begun:
                self._expected = index
            elif gap > 0:
                yield from self._lack(gap, events)
            else:
                doubled = min(-gap, len(samples))
                samples = samples[doubled:]
                if doubled:
                    detail = f"{doubled} samples from index {index} on had come before and are left out."
                    events.append(
                        Status(known=self._expected - 1, code="duplicate", index=index, samples=doubled, detail=detail)
                    )
        self._begun |= len(samples) > 0
        finite = np.isfinite(samples)
        if not finite.all():
            samples = np.where(finite, samples, np.nan)
        at = 0
        for heard, length in runs(np.any(finite, axis=1)):
            if heard:
                yield from self._hear(samples[at : at + length], events)
            else:
                yield from self._lack(length, events)
            at += length
        return ordered(events)

    def pause(self) -> Work:
        """Finish what is held, with the right context that there is; the next samples go on after a new start.

        Returns
        -------
        list of Event
        """
        events: list[Event] = []
        if self._open:
            yield from self._close(self._expected - 1, events)
        return ordered(events)

    def flush(self) -> Work:
        """End the stream: finish what is held, and forget everything.

        Returns
        -------
        list of Event
            The last is a `Status` with the code `ended`.
        """
        events = yield from self.pause()
        at = self._expected - 1
        events.append(Status(known=at, code="ended", index=at, detail="The stream has ended."))
        self._conditioner.restart(keep_scale=False)
        self._teller.begin(0, keep=False)
        self.course.begin(0, keep=False)
        self._forget_rhythm()
        self._decoder["beat"] = 0
        self._off[:] = False
        self._begun = False
        self._expected = self._missing = 0
        return events

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
        ready = self._conditioner.ready
        shown = after[1] if after[0] == self._start else 0
        heard = self._conditioner.ring[:, np.arange(max(shown, ready - RING), ready) % RING]
        values = np.where(heard["flags"] & OFF, np.nan, heard["normal"])
        return (self._start, ready), values

    @property
    def step(self) -> float:
        """Samples of the feed per 250 Hz sample."""
        return self._step

    def _lack(self, count: int, events: list[Event]) -> Part:
        """Take note of missing samples. Longer than 100 ms they end the segment; that is told while they last."""
        longest = int(BRIDGE_S * self.fs)
        before = self._missing
        self._missing += count
        self._expected += count
        if before <= longest < self._missing:
            first = self._expected - self._missing
            at = first + longest
            if self._open:
                yield from self._close(at, events)
                events += self.course.interrupt(at)
            events.append(
                Status(
                    known=at,
                    code="gap",
                    index=first,
                    detail=f"No samples for more than {1000 * BRIDGE_S:g} ms; the detector starts anew after the gap.",
                )
            )

    def _hear(self, samples: NDArray[np.float64], events: list[Event]) -> Part:
        """Take samples that come after `_missing` that did not."""
        missing, self._missing = self._missing, 0
        if missing and self._open:
            share = np.arange(1, missing + 1)[:, None] / (missing + 1)
            line = self._last + share * (samples[0] - self._last)
            detail = f"{missing} missing samples are bridged by a line."
            events.append(
                Status(
                    known=self._expected, code="bridged", index=self._expected - missing, samples=missing, detail=detail
                )
            )
            yield from self._condition(line, events, bridge=True)
        elif missing and not self._open:
            detail = f"Samples are back after {missing / self.fs:.3f} s."
            events.append(
                Status(known=self._expected, code="resumed", index=self._expected, samples=missing, detail=detail)
            )
        if not self._open:
            self._begin(missing, events)
        self._expected += len(samples)
        self._last = samples[-1].copy()
        yield from self._condition(samples, events)

    def _begin(self, missing: int, events: list[Event]) -> None:
        """Start a segment at the next sample."""
        keep = missing <= KEEP_S * self.fs
        self._conditioner.restart(keep_scale=keep)
        self._teller.begin(self._expected, keep)
        self.course.begin(self._expected, keep)
        if not keep:
            self._forget_rhythm()
        self._open = True
        self._held = not self._conditioner.settled
        self._start = self._expected
        self._network = self._initial
        self._fed = self._watched = 0
        self._listeners[:] = np.zeros((), LISTENER_DTYPE)
        beat = self._decoder["beat"][0]
        self._decoder[:] = np.zeros(1, decoder.DECODER_DTYPE)
        self._decoder["beat"] = beat
        self._decoder["previous"] = -1.0
        self._decoder["last_onset"] = self._decoder["last_offset"] = -1e9
        if self._held:
            detail = f"The first {SETTLE / 250:g} s are held until the scale of the leads is known."
            events.append(Status(known=self._expected, code="settling", index=self._expected, detail=detail))

    def _forget_rhythm(self) -> None:
        """Begin without evidence, and without a usual beat to compare with."""
        self._rhythm = self._silent
        self._templates[:] = np.zeros((), TEMPLATE_DTYPE)

    def _close(self, at: int, events: list[Event]) -> Part:
        """End the segment; what it still held becomes known at sample `at`."""
        self._conditioner.drain()
        yield from self._advance(events, at)
        samples = self._take(self._conditioner.made)
        probabilities, self._network = yield Request(samples, self._network, True)
        yield from self._decode(probabilities, self._fed - samples.shape[1] - self._context, events, at)
        self._open = False

    def _condition(self, samples: NDArray[np.float64], events: list[Event], bridge: bool = False) -> Part:
        while len(samples):
            samples = samples[self._conditioner.push(samples, BLOCK, bridge) :]
            yield from self._advance(events)

    def _advance(self, events: list[Event], at: int | None = None) -> Part:
        """Let the network read every hop that is ready."""
        self._watch(events, at)
        whole = (self._conditioner.ready - self._fed) // self._hop * self._hop
        if whole:
            first = self._fed - self._context
            probabilities, self._network = yield Request(self._take(self._fed + whole), self._network, False)
            yield from self._decode(probabilities, first, events, at)

    def _take(self, upto: int) -> Floats:
        index = np.arange(self._fed, upto) % RING
        self._fed = upto
        return self._conditioner.ring["normal"][:, index]

    def _watch(self, events: list[Event], at: int | None) -> None:
        """Tell of leads that fell off or came back, and of the scale."""
        made = self._conditioner.made
        if made == self._watched:
            return
        if self._held and self._watched < SETTLE <= made:
            known = self._known(SETTLE, at)
            events.append(Status(known=known, code="settled", index=known, detail="The scale of the leads is known."))
        flags = self._conditioner.ring["flags"][:, np.arange(self._watched, made) % RING]
        off = (flags & OFF) != 0
        if (off != self._off[:, None]).any():
            for j, lead in enumerate(self.leads):
                for m in np.flatnonzero(np.diff(off[j], prepend=self._off[j])):
                    if not off[j, m]:
                        code, detail = "lead_back", f"Lead {lead} is back."
                    elif flags[j, m] & LOST:
                        code, detail = "lead_off", f"Lead {lead} is off: it has no samples."
                    else:
                        code, detail = "lead_off", f"Lead {lead} is off: it has not changed for 0.5 s."
                    sample = self._watched + int(m)
                    index = int(self._start + sample * self._step)
                    events.append(
                        Status(known=self._known(sample + 1, at), code=code, index=index, lead=lead, detail=detail)
                    )
        self._off = off[:, -1]
        self._watched = made

    def _known(self, made: int, at: int | None) -> int:
        """Return the feed's sample that completed the first `made` 250 Hz samples of the segment."""
        known = self._start + self._conditioner.input_needed(made) - 1
        return known if at is None else min(known, at)

    def _decode(self, probabilities: Floats, first: int, events: list[Event], at: int | None) -> Part:
        """Turn probabilities of the samples from `first` on into events."""
        before = max(0, -first)  # the network's delay, before the segment began
        final = self._fed == self._conditioner.made and at is not None
        count, tellings = decoder.decode(
            probabilities[:, before:],
            self._conditioner.ring,
            first + before,
            final,
            self._decoder[0],
            self._templates,
            self._listeners,
            self._found,
            self._qualities,
            self._lead_flags,
            self._told,
        )
        told = 0
        for k in range(count):
            found = self._found[k]
            # the waves of a beat are told before a correction of it, or the next one, takes its place
            while told < tellings and self._told[told]["decided"] < found["decided"]:
                self._tell_waves(self._told[told], events, at)
                told += 1
            known, names = self._when(int(found["decided"]), at)
            if found["kind"] == decoder.ONSET:
                events.append(self._teller.onset(found, known, names))
            elif found["kind"] == decoder.BEAT:
                events.append(self._teller.beat(found, self._qualities[k], self._lead_flags[k], known, names))
            else:
                self.course.clock(found, self._start + float(found["decided"]) * self._step, known)
        for waves in self._told[told:tellings]:
            self._tell_waves(waves, events, at)
        answer: tuple[Floats, RhythmState] | None = None
        rows = self.course.rows()
        if rows is not None and self._rhythm is not None:
            answer = yield RhythmRequest(rows, self._rhythm)
            self._rhythm = answer[1]
        events += self.course.follow(answer[0][0] if answer else None)

    def _tell_waves(self, told: Any, events: list[Event], at: int | None) -> None:
        known, _ = self._when(int(told["decided"]), at)
        waves = self._teller.waves(told, known)
        events.append(waves)
        if waves.revision == 0:
            self.course.beat(*self._teller.last, known, told)

    def _when(self, decided: int, at: int | None) -> tuple[int, list[str]]:
        """Return the feed's sample that made a decision known, and `settling` if it was held for the scale."""
        hop = (decided + self._context) // self._hop
        known = self._known((hop + 1) * self._hop, at)
        if self._held:
            settled = self._known(SETTLE, at)
            if known < settled:
                return settled, ["settling"]
        return known, []

    _VALUES = ("_begun", "_expected", "_missing", "_open", "_held", "_start", "_fed", "_watched")

    def state(self) -> dict[str, Any]:
        """Return everything that the stream remembers, as plain values and copies of arrays."""
        return {
            "values": {name[1:]: getattr(self, name) for name in self._VALUES}
            | {"teller": self._teller.state(), "course": self.course.state()},
            "arrays": {
                **self._conditioner.state(),
                **{f"network_{k}": x.copy() for k, x in self._network._asdict().items()},
                **{f"rhythm_{k}": x.copy() for k, x in (self._rhythm._asdict() if self._rhythm else {}).items()},
                "decoder": self._decoder.copy(),
                "templates": self._templates.copy(),
                "listeners": self._listeners.copy(),
                "last": self._last.copy(),
                "off": self._off.copy(),
            },
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        for name in self._VALUES:
            setattr(self, name, state["values"][name[1:]])
        self._teller.load(state["values"]["teller"])
        self.course.load(state["values"]["course"])
        arrays = state["arrays"]
        self._conditioner.load(arrays)
        self._network = State(*(arrays[f"network_{k}"] for k in State._fields))
        if self._rhythm is not None:
            self._rhythm = RhythmState(*(arrays[f"rhythm_{k}"] for k in RhythmState._fields))
        self._decoder = arrays["decoder"].copy()
        self._templates = arrays["templates"].copy()
        self._listeners = arrays["listeners"].copy()
        self._last = arrays["last"].copy()
        self._off = arrays["off"].copy()


def runs(mask: NDArray[np.bool_]) -> Iterator[tuple[bool, int]]:
    """Yield (value, length) of each run of equal values."""
    edges = np.flatnonzero(np.diff(mask)) + 1
    for first, after in pairwise([0, *edges.tolist(), len(mask)]):
        if after > first:
            yield bool(mask[first]), after - first


def ordered(events: list[Event]) -> list[Event]:
    """Sort by `known`; of those known at once status comes first, then onset, beat and waves."""
    return sorted(events, key=lambda event: (event.known, RANK[type(event)])) if len(events) > 1 else events
