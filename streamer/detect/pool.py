"""Many streams at once: whatever is ready goes through every step together."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from streamer.detect.bank import Bank
from streamer.detect.events import Event
from streamer.detect.stream import Job, Stream, Work
from streamer.detect.together import END, REFUSED
from streamer.engine.base import Engine


class DetectorPool:
    """Detects beats in many streams; each gets the same events, bit for bit, as it would alone.

    Parameters
    ----------
    engine : Engine
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._streams: dict[str, Stream] = {}
        self._banks: dict[tuple[float, int], Bank] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._streams

    def __len__(self) -> int:
        return len(self._streams)

    def add(self, name: str, fs: float, leads: list[str]) -> None:
        """Add a stream, in the place of one of the same name.

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
        if not 1 <= len(leads) <= 16:
            raise ValueError(f"{len(leads)} leads; expected 1 to 16")
        if len(set(leads)) < len(leads):
            raise ValueError(f"lead names {', '.join(leads)} are not unique")
        key = (float(fs), len(leads))
        if key not in self._banks:
            self._banks[key] = Bank(self.engine, fs, len(leads))
        if name in self._streams:
            self.remove(name)
        self._streams[name] = Stream(self._banks[key], fs, leads)

    def remove(self, name: str) -> None:
        """Forget a stream."""
        stream = self._streams.pop(name)
        stream.bank.remove(stream.row)

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
        jobs: list[Job] = []
        works: dict[Stream, Work] = {}
        for name, (samples, index) in chunks.items():
            stream = self._streams[name]
            job = stream.ordinary(samples, index)
            if job is not None:
                jobs.append(job)
            else:
                works[stream] = stream.push(samples, index)
        self._work(jobs, works)
        return {name: self._streams[name].take_events() for name in chunks}

    def flush(self, names: Iterable[str]) -> dict[str, list[Event]]:
        """End some streams: what they held is finished."""
        streams = {name: self._streams[name] for name in names}
        self._work([], {stream: stream.flush() for stream in streams.values()})
        return {name: stream.take_events() for name, stream in streams.items()}

    def pause(self, names: Iterable[str]) -> dict[str, list[Event]]:
        """Finish what some streams hold; they may go on later."""
        streams = {name: self._streams[name] for name in names}
        self._work([], {stream: stream.pause() for stream in streams.values()})
        return {name: stream.take_events() for name, stream in streams.items()}

    def stream(self, name: str) -> Stream:
        """Return one of the streams."""
        return self._streams[name]

    def _work(self, jobs: list[Job], works: dict[Stream, Work]) -> None:
        """Do jobs, and those that works yield, one of a stream at a time, until nothing is left to do."""
        jobs = jobs + _following(works, works)
        while jobs:
            groups: dict[Bank, list[Job]] = {}
            for job in jobs:
                groups.setdefault(job.stream.bank, []).append(job)
            left: list[Job] = []
            for bank, group in groups.items():
                left += self._do(bank, group, works)
            busy = {job.stream for job in left}
            jobs = left + _following([job.stream for job in jobs if job.stream not in busy], works)

    def _do(self, bank: Bank, jobs: list[Job], works: dict[Stream, Work]) -> list[Job]:
        """Do jobs of a bank together; return what is left of them. Those refused become works."""
        rows = np.array([job.stream.row for job in jobs])
        kinds = np.array([job.kind for job in jobs])
        taken = bank.take(rows, [job.samples for job in jobs], kinds)
        for k in np.flatnonzero(taken.news).tolist():
            jobs[k].stream.watch(int(taken.before[k]))
        told: set[Stream] = set()
        for hops in np.unique(taken.hops[taken.hops > 0]).tolist():
            ready = np.flatnonzero(taken.hops == hops)
            for found in bank.run(rows[ready], hops, kinds[ready] == END):
                stream = jobs[ready[found.job]].stream
                stream.tell(found)
                told.add(stream)
        self._follow(bank, told)
        left = []
        for k in np.flatnonzero((kinds == END) | (taken.samples < [len(job.samples) for job in jobs])).tolist():
            stream, samples, kind = jobs[k]
            if kind == END:
                for found in bank.finish(stream.row):
                    stream.tell(found)
                self._follow(bank, [stream])
            elif taken.samples[k] == REFUSED:
                works[stream] = stream.refused(jobs[k])
            else:
                left.append(Job(stream, samples[taken.samples[k] :], kind))
        return left

    @staticmethod
    def _follow(bank: Bank, streams: Iterable[Stream]) -> None:
        """Let the rhythms of some streams go on."""
        groups: dict[int, list[tuple[Stream, NDArray[np.float32]]]] = {}
        for stream in streams:
            beats = stream.course.rows()
            if beats is None or not bank.engine.card.rhythm:
                stream.follow(None)
            else:
                groups.setdefault(beats.shape[1], []).append((stream, beats))
        for group in groups.values():
            rows = np.array([stream.row for stream, _ in group])
            probabilities = bank.follow(rows, np.concatenate([beats for _, beats in group]))
            for (stream, _), of_stream in zip(group, probabilities, strict=True):
                stream.follow(of_stream)


def _following(streams: Iterable[Stream], works: dict[Stream, Work]) -> list[Job]:
    """Return the next job of each stream that is at work."""
    jobs = (next(works[stream], None) for stream in list(streams) if stream in works)
    return [job for job in jobs if job is not None]
