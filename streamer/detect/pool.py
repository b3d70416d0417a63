"""Many streams at once: whatever is ready goes through the network together."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from streamer.detect.events import Event
from streamer.detect.stream import Answer, AnyRequest, Request, RhythmRequest, Stream, Work
from streamer.engine.base import Engine, RhythmState, State


def drive(engine: Engine, work: Work) -> list[Event]:
    """Run the work of one stream to its end."""
    try:
        request = next(work)
        while True:
            request = work.send(_answer(engine, request))
    except StopIteration as done:
        events: list[Event] = done.value
        return events


def _answer(engine: Engine, request: AnyRequest) -> Answer:
    if isinstance(request, RhythmRequest):
        return engine.follow(request.rows, request.state)
    if request.final:
        return engine.finish(request.samples, request.state), request.state
    return engine.run(request.samples, request.state)


class DetectorPool:
    """Detects beats in many streams; each gets the same events, bit for bit, as it would alone.

    Parameters
    ----------
    engine : Engine
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._streams: dict[str, Stream] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._streams

    def __len__(self) -> int:
        return len(self._streams)

    def add(self, name: str, fs: float, leads: list[str]) -> None:
        """Add a stream.

        Parameters
        ----------
        name : str
        fs : float
            Hz, 100 to 2000.
        leads : list of str
            1 to 16, unique.

        Raises
        ------
        ValueError
            If the rate or the leads are out of range.
        """
        self._streams[name] = Stream(self.engine, fs, leads)

    def remove(self, name: str) -> None:
        """Forget a stream."""
        del self._streams[name]

    def push(self, chunks: Mapping[str, tuple[NDArray[np.float64], int | None]]) -> dict[str, list[Event]]:
        """Take a chunk of each of some streams.

        Parameters
        ----------
        chunks : mapping
            Stream to samples, float64 in mV, shape (n, leads), and the feed's index of the first (or None).

        Returns
        -------
        dict
            Stream to its events.
        """
        return self._together({name: self._streams[name].push(*chunk) for name, chunk in chunks.items()})

    def flush(self, name: str) -> list[Event]:
        """End a stream: what it held is finished."""
        return drive(self.engine, self._streams[name].flush())

    def pause(self, name: str) -> list[Event]:
        """Finish what a stream holds; it may go on later."""
        return drive(self.engine, self._streams[name].pause())

    def stream(self, name: str) -> Stream:
        """Return one of the streams."""
        return self._streams[name]

    def _together(self, works: dict[str, Work]) -> dict[str, list[Event]]:
        """Run the works of many streams, each step of equal length as one batch."""
        done: dict[str, list[Event]] = {}
        answers: dict[str, Answer | None] = dict.fromkeys(works)
        while answers:
            groups: dict[int, list[tuple[str, Request]]] = {}
            rhythms: dict[int, list[tuple[str, RhythmRequest]]] = {}
            after: dict[str, Answer | None] = {}
            for name, answer in answers.items():
                try:
                    request = next(works[name]) if answer is None else works[name].send(answer)
                except StopIteration as end:
                    done[name] = end.value
                    continue
                if isinstance(request, RhythmRequest):
                    rhythms.setdefault(request.rows.shape[1], []).append((name, request))
                elif request.final:
                    after[name] = _answer(self.engine, request)
                else:
                    groups.setdefault(request.samples.shape[1], []).append((name, request))
            for group in groups.values():
                after.update(self._batch(group))
            for together in rhythms.values():
                after.update(self._follow(together))
            answers = after
        return done

    def _follow(self, group: list[tuple[str, RhythmRequest]]) -> dict[str, Answer]:
        rows = np.concatenate([request.rows for _, request in group])
        state = RhythmState(*map(np.concatenate, zip(*(request.state for _, request in group), strict=True)))
        probabilities, state = self.engine.follow(rows, state)
        return {
            name: (probabilities[k : k + 1], RhythmState(*(x[k : k + 1] for x in state)))
            for k, (name, _) in enumerate(group)
        }

    def _batch(self, group: list[tuple[str, Request]]) -> dict[str, Answer]:
        if len(group) == 1:
            name, request = group[0]
            return {name: self.engine.run(request.samples, request.state)}
        samples = np.concatenate([request.samples for _, request in group])
        state = State(*map(np.concatenate, zip(*(request.state for _, request in group), strict=True)))
        probabilities, state = self.engine.run(samples, state)
        result: dict[str, Answer] = {}
        row = 0
        for name, request in group:
            rows = slice(row, row + len(request.samples))
            result[name] = probabilities[rows], State(*(x[rows] for x in state))
            row = rows.stop
        return result
