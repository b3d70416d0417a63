"""What every engine does: samples and state in, probabilities and state out."""

from abc import ABC, abstractmethod
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
        Tail of the input, for the convolutions; of a design that reads windows, all of a window but its newest hop.
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

    @property
    def card(self) -> Card:
        """The model's card."""
        return self.model.card

    @abstractmethod
    def initial(self, rows: int) -> State:
        """Return the state of rows that have heard nothing."""

    def initial_rhythm(self) -> RhythmState | None:
        """Return the rhythm network's state of a stream without beats; None if the model has no such network."""
        if self.card.rhythm is None:
            return None
        nothing = np.zeros((1, self.card.rhythm.width), np.float32)
        return RhythmState(nothing, nothing)

    @abstractmethod
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

    @abstractmethod
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
