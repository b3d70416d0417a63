"""Designs without a state of their own: each hop they read a whole window anew."""

import numpy as np

from streamer.engine.base import Floats, State
from streamer.engine.card import Model
from streamer.engine.onnx import OnnxRhythm, open_session


class WindowEngine(OnnxRhythm):
    """Runs `model.onnx`, a graph from windows (n, samples) to probabilities (n, samples, classes)."""

    name = "onnx"

    def __init__(self, model: Model, profile: str) -> None:
        super().__init__(model, profile)
        assert self.card.window
        self._window = self.card.window
        self._session = open_session(model.folder / "model.onnx")

    def initial(self, rows: int) -> State:
        """Return the state of rows that have heard nothing; see `Engine.initial`."""
        nothing = np.zeros((rows, 0), np.float32)
        return State(
            np.zeros((rows, self._window - self.segment.hop), np.float32), nothing[:, :, None], nothing, nothing
        )

    def run(self, samples: Floats, state: State) -> tuple[Floats, State]:
        """Go on by whole hops; see `Engine.run`."""
        hop, end = self.segment.hop, self._window - self.segment.right_context
        line = np.concatenate([state.samples, samples], axis=1)
        windows = np.lib.stride_tricks.sliding_window_view(line, self._window, axis=1)[:, ::hop]
        told = self._told(windows.reshape(-1, self._window))[:, end - hop : end]
        return told.reshape(len(samples), samples.shape[1], -1), state._replace(samples=line[:, samples.shape[1] :])

    def finish(self, samples: Floats, state: State) -> Floats:
        """End the rows with the right context that there is; see `Engine.finish`."""
        line = np.concatenate([state.samples, samples], axis=1)
        return self._told(line)[:, state.samples.shape[1] - self.segment.right_context :]

    def _told(self, windows: Floats) -> Floats:
        probabilities: Floats = self._session.run(["probabilities"], {"windows": windows})[0]
        return probabilities
