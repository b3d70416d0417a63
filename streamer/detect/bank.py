"""The state of streams of one rate and number of leads: arrays with a row for each, and the steps that all take."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamer.conditioning.conditioner import Conditioning
from streamer.conditioning.kernel import SETTLE
from streamer.detect import decoder, together
from streamer.detect.evidence import TEMPLATE_DTYPE
from streamer.detect.fibrillation import LISTENER_DTYPE
from streamer.detect.found import Found, finds, tellings
from streamer.detect.waves import TOLD_DTYPE
from streamer.engine.base import Engine, Floats, RhythmState, State

BLOCK = SETTLE  # 250 Hz samples conditioned at a time; with as many held, they fit the ring
SMALLEST = 8  # rows of a bank that something is in

Ints = NDArray[np.int64]


def room(samples: int) -> int:
    """Return how much may be found in so many 250 Hz samples."""
    return 2 * (samples // decoder.SHORTEST + 2) + samples // decoder.PULSE + 2


class Taken(NamedTuple):
    """What became of jobs, each of shape (jobs,).

    Attributes
    ----------
    samples : ndarray of int64
        Taken, or `together.REFUSED`.
    before : ndarray of int64
        250 Hz samples that had been made before.
    news : ndarray of int64
        Whether something is to be told of the leads or of the scale.
    hops : ndarray of int64
        Ready for the network.
    """

    samples: Ints
    before: Ints
    news: Ints
    hops: Ints


class Bank:
    """Arrays of state, a row for each stream.

    Parameters
    ----------
    engine : Engine
    fs : float
        Hz, 100 to 2000.
    leads : int

    Attributes
    ----------
    arrays : dict
        Everything that is remembered of the signal, by name; a stream's state is its row of each.

    Raises
    ------
    ValueError
        If the rate is out of range.
    """

    def __init__(self, engine: Engine, fs: float, leads: int) -> None:
        self.engine = engine
        self.conditioning = Conditioning(fs)
        self.hop, self.context = engine.segment.hop, engine.segment.right_context
        self._initial = engine.initial(leads)
        self._silent = engine.initial_rhythm()
        network = {f"network_{k}": (x.shape, x.dtype) for k, x in self._initial._asdict().items()}
        silent = self._silent._asdict() if self._silent else {}
        rhythm = {f"rhythm_{k}": (x.shape[1:], x.dtype) for k, x in silent.items()}
        self._conditioned = self.conditioning.fields(leads)
        self._fields: dict[str, tuple[tuple[int, ...], Any]] = {
            **self._conditioned,
            **network,
            **rhythm,
            "decoder": ((), decoder.DECODER_DTYPE),
            "templates": ((leads,), TEMPLATE_DTYPE),
            "listeners": ((leads,), LISTENER_DTYPE),
            "last": ((leads,), np.float64),  # the newest sample of each lead
            "off": ((leads,), np.bool_),
            "fed": ((), np.int64),  # 250 Hz samples that the network has had
        }
        self.arrays = {name: np.zeros((0, *shape), dtype) for name, (shape, dtype) in self._fields.items()}
        self._free: list[int] = []
        most = max(1024, room(2 * BLOCK))
        self._found = np.zeros(most, decoder.FOUND_DTYPE)
        self._qualities, self._lead_flags = np.zeros((most, leads)), np.zeros((most, leads), np.int64)
        self._told = np.zeros(most, TOLD_DTYPE)

    def add(self) -> int:
        """Return the row of a new stream."""
        if not self._free:
            rows = len(self.arrays["fed"])
            more = max(rows, SMALLEST)
            for name, (shape, dtype) in self._fields.items():
                grown = np.zeros((rows + more, *shape), dtype)
                grown[:rows] = self.arrays[name]
                self.arrays[name] = grown
            self._free = list(range(rows + more - 1, rows - 1, -1))
        row = self._free.pop()
        for array in self.arrays.values():
            array[row] = np.zeros((), array.dtype)
        self.arrays["last"][row] = np.nan
        self.conditioning.restart(self.arrays, row, keep_scale=False)
        return row

    def remove(self, row: int) -> None:
        """Give a row to whoever comes next."""
        self._free.append(row)

    def restart(self, row: int, keep_scale: bool) -> None:
        """Begin a segment: filters, network and decoder know nothing but the number of the last beat."""
        self.conditioning.restart(self.arrays, row, keep_scale)
        for name, value in self._initial._asdict().items():
            self.arrays[f"network_{name}"][row] = value
        self.arrays["fed"][row] = 0
        self.arrays["listeners"][row] = np.zeros((), LISTENER_DTYPE)
        state = np.zeros((), decoder.DECODER_DTYPE)
        state["beat"] = self.arrays["decoder"]["beat"][row]
        state["previous"] = -1.0
        state["last_onset"] = state["last_offset"] = -1e9
        self.arrays["decoder"][row] = state

    def forget_rhythm(self, row: int) -> None:
        """Begin without evidence, and without a usual beat to compare with."""
        if self._silent:
            for name, value in self._silent._asdict().items():
                self.arrays[f"rhythm_{name}"][row] = value[0]
        self.arrays["templates"][row] = np.zeros((), TEMPLATE_DTYPE)

    def take(self, rows: Ints, samples: list[NDArray[np.float64]], kinds: Ints) -> Taken:
        """Condition the samples of some streams.

        Parameters
        ----------
        rows : ndarray of int64, shape (jobs,)
        samples : list of ndarray of float64, each of shape (n, leads)
            In mV.
        kinds : ndarray of int64, shape (jobs,)
            `together.ORDINARY` and so on.
        """
        arrays, count = self.arrays, len(rows)
        edges = np.zeros(count + 1, np.int64)
        np.cumsum([len(part) for part in samples], out=edges[1:])
        taken = Taken(*np.empty((4, count), np.int64))
        together.take(
            rows, np.concatenate(samples), edges, kinds, BLOCK,
            tuple(arrays[name] for name in self._conditioned), self.conditioning.constants,
            arrays["off"], arrays["last"], arrays["fed"], self.hop, *taken,
        )  # fmt: skip
        return taken

    def run(self, rows: Ints, hops: int, final: NDArray[np.bool_]) -> list[Found]:
        """Let the network read some hops of some streams, and decode what it says.

        Parameters
        ----------
        rows : ndarray of int64, shape (jobs,)
        hops : int
        final : ndarray of bool, shape (jobs,)
            Whether the segment ends after them, if nothing is left over.

        Returns
        -------
        list of Found
            Of the jobs of which something was found.
        """
        arrays = self.arrays
        first = arrays["fed"][rows] - self.context
        samples = together.gather(rows, arrays["ring"], arrays["fed"], hops * self.hop)
        state = self._state(rows)
        probabilities, after = self.engine.run(samples, state)
        for name, value in after._asdict().items():
            array = arrays[f"network_{name}"]
            array[rows] = value.reshape(len(rows), *array.shape[1:])
        final &= arrays["fed"][rows] == arrays["clock"]["made"][rows]
        return self._decode(rows, probabilities, first, final)

    def finish(self, row: int) -> list[Found]:
        """End a segment with the right context that there is."""
        arrays, rows = self.arrays, np.array([row])
        first = arrays["fed"][rows] - self.context
        left = int(arrays["clock"]["made"][row] - arrays["fed"][row])
        samples = together.gather(rows, arrays["ring"], arrays["fed"], left)
        probabilities = self.engine.finish(samples, self._state(rows))
        return self._decode(rows, probabilities, first, np.ones(1, np.bool_))

    def follow(self, rows: Ints, beats: Floats) -> Floats:
        """Let the rhythm network read equally many steps of some streams; return the probabilities."""
        names = [f"rhythm_{name}" for name in RhythmState._fields]
        probabilities, after = self.engine.follow(beats, RhythmState(*(self.arrays[name][rows] for name in names)))
        for name, value in zip(names, after, strict=True):
            self.arrays[name][rows] = value
        return probabilities

    def _state(self, rows: Ints) -> State:
        states = (self.arrays[f"network_{name}"][rows] for name in State._fields)
        return State(*(x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]) for x in states))

    def _decode(self, rows: Ints, probabilities: Floats, first: Ints, final: NDArray[np.bool_]) -> list[Found]:
        arrays, result = self.arrays, []
        n, classes = probabilities.shape[1:]
        counts = np.zeros((len(rows), 2), np.int64)
        start = 0
        while start < len(rows):
            end = together.decode(
                start, rows, probabilities.reshape(len(rows), -1, n, classes), first, final,
                arrays["ring"], arrays["decoder"], arrays["templates"], arrays["listeners"], room(n),
                self._found, self._qualities, self._lead_flags, self._told, counts,
            )  # fmt: skip
            sums = np.zeros((end - start + 1, 2), np.int64)
            np.cumsum(counts[start:end], axis=0, out=sums[1:])
            some, told = sums[-1]
            all_finds, all_tellings = finds(self._found[:some]), tellings(self._told[:told])
            qualities, lead_flags = self._qualities[:some].tolist(), self._lead_flags[:some].tolist()
            edges = sums.tolist()
            for k in np.flatnonzero(counts[start:end].any(axis=1)).tolist():
                (a, b), (c, d) = edges[k], edges[k + 1]
                result.append(Found(start + k, all_finds[a:c], qualities[a:c], lead_flags[a:c], all_tellings[b:d]))
            start = end
        return result
