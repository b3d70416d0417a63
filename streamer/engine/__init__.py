"""Runs the network: one small interface, compiled kernels by default, ONNX Runtime, and TensorFlow as the reference."""

from importlib import import_module
from pathlib import Path

from streamer.engine.base import Engine, State
from streamer.engine.card import Card, Model, ModelError, Segment, load_model

ENGINES = {
    "numba": ("streamer.engine.compiled", "NumbaEngine", "qrstream"),
    "onnx": ("streamer.engine.onnx", "OnnxEngine", "qrstream"),
    "tensorflow": ("streamer.engine.tensorflow", "TensorflowEngine", "qrstream[train]"),
}
WINDOW_ENGINES = {"onnx": ("streamer.engine.windowed", "WindowEngine", "qrstream")}


class EngineError(RuntimeError):
    """An engine that is unknown or not installed; the message says what to do."""


def load_engine(name: str | None = None, profile: str = "default", folder: Path | None = None) -> Engine:
    """Load a model into an engine.

    Parameters
    ----------
    name : {"numba", "onnx", "tensorflow"}, optional
        Default: the fastest that runs the model.
    profile : str
        One of the model's profiles: `default`, `fast` or `careful`.
    folder : Path, optional
        Model folder; default: the model that comes with the package.

    Returns
    -------
    Engine

    Raises
    ------
    EngineError
        If the engine is unknown or its library is not installed.
    ModelError
        If the folder is not a model, or is damaged.
    ValueError
        If the model has no such profile.
    """
    model = load_model(folder)
    engines = WINDOW_ENGINES if model.card.window else ENGINES
    name = name or next(iter(engines))
    if name not in engines:
        raise EngineError(f"engine is {str(name)!r}; this model runs on {', '.join(engines)}")
    module, kind, package = engines[name]
    try:
        engine: Engine = getattr(import_module(module), kind)(model, profile)
    except ImportError as error:
        raise EngineError(f"the {name} engine needs {error.name}: pip install '{package}'") from None
    return engine


__all__ = ["Card", "Engine", "EngineError", "Model", "ModelError", "Segment", "State", "load_engine", "load_model"]
