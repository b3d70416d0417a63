"""The engine that serves: ONNX Runtime on one thread."""

import onnxruntime

from streamer.engine.base import Engine, Floats, Plan, State
from streamer.engine.card import Model


class OnnxEngine(Engine):
    """Runs `model.onnx`, a graph with explicit state and fused LSTM operators."""

    name = "onnx"

    def __init__(self, model: Model, profile: str) -> None:
        super().__init__(model, profile)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            model.folder / "model.onnx", options, providers=["CPUExecutionProvider"]
        )

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
