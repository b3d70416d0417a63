"""What every engine does: samples and state in, probabilities and state out."""

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamer.engine.card import Card, Model, Segment

Floats = NDArray[np.float32]


class State(NamedTuple):
    """What the network remembers of each row.

    Attributes
    ----------
    samples : ndarray of float32, shape (rows, receptive - stride)
        Tail of the input, for the convolutions.
    features : ndarray of float32, shape (rows, context steps, features)
        Convolved, but still right context: the forward LSTM has not read them.
    h, c : ndarray of float32, shape (rows, forward)
        The forward LSTM, carried for ever.
    """

    samples: Floats
    features: Floats
    h: Floats
    c: Floats


class RhythmState(NamedTuple):
    """What the rhythm network remembers of each stream.

    Attributes
    ----------
    h, c : ndarray of float32, shape (streams, width)
    """

    h: Floats
    c: Floats


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


class Engine(ABC):
    """Runs a model over rows; a row is one lead of one stream.

    Rows do not see each other, and a row's result depends neither on the number of rows nor on the number of hops in a
    call: the same samples give the same bits.

    Parameters
    ----------
    model : Model
    profile : str
        One of the card's profiles.

    Raises
    ------
    ValueError
        If the model has no such profile.
    """

    name: str

    def __init__(self, model: Model, profile: str) -> None:
        self.model = model
        self.profile = profile
        self.segment: Segment = model.card.segment(profile)
        self._plan = lru_cache(maxsize=256)(self._make_plan)

    @property
    def card(self) -> Card:
        """The model's card."""
        return self.model.card

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

    def initial_rhythm(self) -> RhythmState | None:
        """Return the rhythm network's state of a stream without beats; None if the model has no such network."""
        if self.card.rhythm is None:
            return None
        nothing = np.zeros((1, self.card.rhythm.width), np.float32)
        return RhythmState(nothing, nothing)

    def run(self, samples: Floats, state: State) -> tuple[Floats, State]:
        """Go on by whole hops.

        Parameters
        ----------
        samples : ndarray of float32, shape (rows, hops * hop)
            Conditioned signal at the model's rate.
        state : State

        Returns
        -------
        probabilities : ndarray of float32, shape (rows, hops * hop, classes)
            Of the samples that lie `right_context` before those given.
        state : State
        """
        return self._call(samples, self._plan(samples.shape[1] // self.segment.hop), state)

    def finish(self, samples: Floats, state: State) -> Floats:
        """End the rows with the right context that there is.

        Parameters
        ----------
        samples : ndarray of float32, shape (rows, n)
            What is left, less than a hop.
        state : State

        Returns
        -------
        ndarray of float32, shape (rows, m, classes)
            Of the samples that follow those put out last, up to `right_samples` (and a sample, if they are odd) before
            the end.
        """
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
    def follow(self, rows: Floats, state: RhythmState) -> tuple[Floats, RhythmState]:
        """Let the rhythm network go on by some steps.

        Parameters
        ----------
        rows : ndarray of float32, shape (streams, steps, features)
        state : RhythmState

        Returns
        -------
        probabilities : ndarray of float32, shape (streams, steps, classes)
        state : RhythmState
        """

    @abstractmethod
    def _call(self, samples: Floats, plan: Plan, state: State) -> tuple[Floats, State]:
        """Run the network once, as the plan cuts it."""
