"""The engine that serves: kernels compiled for this machine."""

from pathlib import Path

import numpy as np

from streamer.engine import kernel
from streamer.engine.base import Floats, RhythmState, State
from streamer.engine.bilstm import BilstmEngine, Plan
from streamer.engine.card import Model, ModelError
from streamer.engine.tiles import LANES

WEIGHTS, RHYTHM = "weights.npz", "rhythm.npz"
Layer = tuple[Floats, Floats]


class NumbaEngine(BilstmEngine):
    """Runs `weights.npz` and `rhythm.npz`, with kernels whose bits depend on nothing but a row's own numbers.

    Raises
    ------
    ModelError
        If the folder has no weights for it.
    """

    name = "numba"

    def __init__(self, model: Model, profile: str) -> None:
        super().__init__(model, profile)
        w = _read(model.folder / WEIGHTS)
        for k in (2, 3):  # channels come in sixteens
            w[f"conv{k}_w"] = _padded(w[f"conv{k}_w"].swapaxes(1, 2)).swapaxes(1, 2)
        encoder = tuple(part for k in (1, 2, 3) for part in _dense(w, f"conv{k}"))
        self._network = (encoder, _lstm(w, "forward"), _lstm(w, "backward"), _dense(w, "dense"))
        if model.card.rhythm:
            r = _read(model.folder / RHYTHM)
            self._rhythm = (_dense(r, "before"), _lstm(r, "lstm"), _dense(r, "after"), _dense(r, "probabilities"))

    def follow(self, rows: Floats, state: RhythmState) -> tuple[Floats, RhythmState]:
        """Let the rhythm network go on by some steps; see `Engine.follow`."""
        assert self.card.rhythm
        classes = len(self.card.rhythm.classes)
        probabilities, *after = kernel.follow(np.ascontiguousarray(rows), *state, self._rhythm, classes)
        return probabilities, RhythmState(*after)

    def _call(self, samples: Floats, plan: Plan, state: State) -> tuple[Floats, State]:
        hops, window = plan.feature_windows.shape
        probabilities, *after = kernel.run(
            samples,
            *state,
            self._network,
            self.card.stride,
            len(self.card.classes),
            hops,
            plan.hop[0],
            plan.sample_windows.shape[1],
            window,
        )
        return probabilities, State(*after)


def _read(path: Path) -> dict[str, Floats]:
    if not path.is_file():
        raise ModelError(f"{path} is missing; the numba engine reads it, --engine onnx does not")
    with np.load(path) as weights:
        return {name: weights[name] for name in weights.files}


def _dense(w: dict[str, Floats], name: str) -> Layer:
    return _tiles(w[f"{name}_w"]), _padded(w[f"{name}_b"])


def _lstm(w: dict[str, Floats], name: str) -> Layer:
    """Return the weights of inputs and h side by side: they are multiplied at once."""
    return _tiles(np.concatenate([w[f"{name}_w"], w[f"{name}_u"]])), _padded(w[f"{name}_b"])


def _padded(outputs: Floats) -> Floats:
    """Add noughts to the last axis up to a multiple of 16."""
    return np.pad(outputs, [(0, 0)] * (outputs.ndim - 1) + [(0, -outputs.shape[-1] % LANES)])


def _tiles(weights: Floats) -> Floats:
    """Lay weights (..., inputs, outputs) as (tiles, inputs, 16)."""
    flat = _padded(weights.reshape(-1, weights.shape[-1]))
    return np.ascontiguousarray(flat.reshape(len(flat), -1, LANES).transpose(1, 0, 2))
