"""ONNX Runtime on one thread: the rhythm network of the engine that serves, and an engine of its own."""

from pathlib import Path

import onnxruntime

from streamer.engine.base import Engine, Floats, RhythmState, State
from streamer.engine.bilstm import BilstmEngine, Plan
from streamer.engine.card import Model


class OnnxRhythm(Engine):
    """Runs `rhythm.onnx`, a graph with explicit state."""

    def __init__(self, model: Model, profile: str) -> None:
        super().__init__(model, profile)
        self._rhythm = open_session(model.folder / "rhythm.onnx") if model.card.rhythm else None

    def follow(self, rows: Floats, state: RhythmState) -> tuple[Floats, RhythmState]:
        """Let the rhythm network go on by some steps; see `Engine.follow`."""
        assert self._rhythm
        probabilities, *after = self._rhythm.run(
            ["probabilities", "h_after", "c_after"], {"rows": rows, "h": state.h, "c": state.c}
        )
        return probabilities, RhythmState(*after)


class OnnxEngine(BilstmEngine, OnnxRhythm):
    """Runs `model.onnx` and `rhythm.onnx`, graphs with explicit state and fused LSTM operators."""

    name = "onnx"

    def __init__(self, model: Model, profile: str) -> None:
        super().__init__(model, profile)
        self._session = open_session(model.folder / "model.onnx")

    def _call(self, samples: Floats, plan: Plan, state: State) -> tuple[Floats, State]:
        probabilities, *after = self._session.run(
            ["probabilities", "tail_after", "features_after", "h_after", "c_after"],
            {
                "samples": samples,
                "sample_windows": plan.sample_windows,
                "feature_windows": plan.feature_windows,
                "advance": plan.advance,
                "hop": plan.hop,
                "tail": state.samples,
                "features": state.features,
                "h": state.h,
                "c": state.c,
            },
        )
        return probabilities, State(*after)


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Open a graph to be run on one thread, without spinning."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
