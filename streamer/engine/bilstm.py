"""How the latency-controlled BiLSTM is cut: what the engines that run it share."""

from abc import abstractmethod
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamer.engine.base import Engine, Floats, State
from streamer.engine.card import Model


class Plan(NamedTuple):
    """How one call cuts its rows.

    Attributes
    ----------
    sample_windows : ndarray of int64, shape (calls, window)
        One fixed-shape row of the convolutions for each hop.
    feature_windows : ndarray of int64, shape (hops, steps)
        What the backward LSTM reads for each hop.
    advance, hop : ndarray of int64, shape (1,)
        Steps that the forward LSTM reads, and steps of each window that are put out.
    """

    sample_windows: NDArray[np.int64]
    feature_windows: NDArray[np.int64]
    advance: NDArray[np.int64]
    hop: NDArray[np.int64]


class BilstmEngine(Engine):
    """Runs a latency-controlled BiLSTM whose forward state is carried; see `Engine`."""

    def __init__(self, model: Model, profile: str) -> None:
        super().__init__(model, profile)
        self._plan = lru_cache(maxsize=256)(self._make_plan)

    @property
    def context_steps(self) -> int:
        """Steps of right context that the backward LSTM sees."""
        return (self.segment.right_context - self.card.right_samples) // self.card.stride

    def initial(self, rows: int) -> State:
        """Return the state of rows that have heard nothing."""
        card = self.card
        return State(
            np.zeros((rows, card.receptive - card.stride), np.float32),
            np.zeros((rows, self.context_steps, card.features), np.float32),
            np.zeros((rows, card.forward), np.float32),
            np.zeros((rows, card.forward), np.float32),
        )

    def run(self, samples: Floats, state: State) -> tuple[Floats, State]:
        """Go on by whole hops; see `Engine.run`."""
        return self._call(samples, self._plan(samples.shape[1] // self.segment.hop), state)

    def finish(self, samples: Floats, state: State) -> Floats:
        """End the rows with the right context that there is; see `Engine.finish`."""
        card = self.card
        steps = samples.shape[1] // card.stride
        known = self.context_steps + steps
        # a step that nothing reads keeps the convolutions from an empty row
        padded = np.zeros((len(samples), (steps + 1) * card.stride), np.float32)
        padded[:, : steps * card.stride] = samples[:, : steps * card.stride]
        plan = Plan(
            np.arange(padded.shape[1] + card.receptive - card.stride)[None],
            np.arange(known)[None],
            np.array([known]),
            np.array([known]),
        )
        return self._call(padded, plan, state)[0]

    def _make_plan(self, hops: int) -> Plan:
        card, hop = self.card, self.segment.hop
        steps = hop // card.stride
        start = np.arange(hops)[:, None]
        return Plan(
            start * hop + np.arange(hop + card.receptive - card.stride),
            start * steps + np.arange(steps + self.context_steps),
            np.array([hops * steps]),
            np.array([steps]),
        )

    @abstractmethod
    def _call(self, samples: Floats, plan: Plan, state: State) -> tuple[Floats, State]:
        """Run the network once, as the plan cuts it."""
