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


class EngineError(RuntimeError):
    """An engine that is unknown or not installed; the message says what to do."""


def load_engine(name: str = "numba", profile: str = "default", folder: Path | None = None) -> Engine:
    """Load a model into an engine.

    Parameters
    ----------
    name : {"numba", "onnx", "tensorflow"}
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
    if name not in ENGINES:
        raise EngineError(f"engine is {name!r}; expected one of {', '.join(ENGINES)}")
    module, kind, package = ENGINES[name]
    model = load_model(folder)
    try:
        engine: Engine = getattr(import_module(module), kind)(model, profile)
    except ImportError as error:
        raise EngineError(f"the {name} engine needs {error.name}: pip install '{package}'") from None
    return engine


__all__ = ["Card", "Engine", "EngineError", "Model", "ModelError", "Segment", "State", "load_engine", "load_model"]
