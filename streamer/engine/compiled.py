"""The engine that serves: kernels compiled for this machine."""

import numpy as np

from streamer.engine import kernel
from streamer.engine.base import Floats, State
from streamer.engine.bilstm import BilstmEngine, Plan
from streamer.engine.card import Model, ModelError
from streamer.engine.onnx import OnnxRhythm
from streamer.engine.tiles import LANES

WEIGHTS = "weights.npz"


class NumbaEngine(BilstmEngine, OnnxRhythm):
    """Runs `weights.npz`, with kernels whose bits depend on nothing but a row's own numbers.

    Raises
    ------
    ModelError
        If the folder has no weights for it.
    """

    name = "numba"

    def __init__(self, model: Model, profile: str) -> None:
        super().__init__(model, profile)
        path = model.folder / WEIGHTS
        if not path.is_file():
            raise ModelError(f"{path} is missing; the numba engine reads it, --engine onnx does not")
        with np.load(path) as weights:
            w = {name: weights[name] for name in weights.files}
        for k in (2, 3):  # channels come in sixteens
            w[f"conv{k}_w"] = _padded(w[f"conv{k}_w"].swapaxes(1, 2)).swapaxes(1, 2)
        encoder = tuple(part for k in (1, 2, 3) for part in (_tiles(w[f"conv{k}_w"]), _padded(w[f"conv{k}_b"])))
        lstms = [  # inputs and h side by side are multiplied at once
            (_tiles(np.concatenate([w[f"{name}_w"], w[f"{name}_u"]])), _padded(w[f"{name}_b"]))
            for name in ("forward", "backward")
        ]
        self._network = (encoder, *lstms, (_tiles(w["dense_w"]), _padded(w["dense_b"])))

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


def _padded(outputs: Floats) -> Floats:
    """Add noughts to the last axis up to a multiple of 16."""
    return np.pad(outputs, [(0, 0)] * (outputs.ndim - 1) + [(0, -outputs.shape[-1] % LANES)])


def _tiles(weights: Floats) -> Floats:
    """Lay weights (..., inputs, outputs) as (tiles, inputs, 16)."""
    flat = _padded(weights.reshape(-1, weights.shape[-1]))
    return np.ascontiguousarray(flat.reshape(len(flat), -1, LANES).transpose(1, 0, 2))
