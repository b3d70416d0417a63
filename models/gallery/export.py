"""Write a design that can stream single leads as a model folder."""

from pathlib import Path

import keras
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.data import QRS
from models.export import OPSET, RATE, lstm_weights, write_card
from models.gallery import bilstm_segmenter, conv_lstm
from models.gallery.design import Design
from models.gallery.scoring import RECURRENT
from models.gallery.tasks import Samples
from streamer.engine.card import Card, Segment

DESIGNS = {"bilstm-segmenter": bilstm_segmenter.DESIGN, "conv-lstm": conv_lstm.SINGLE_DESIGN}
CLASSES = ["none", "P", "QRS", "T"]
TRAINED_ON = [
    "QT Database, training patients: manual boundaries (q1c)",
    "LUDB, training patients: manual boundaries of twelve leads",
]
LICENCES = [
    "Both databases: PhysioNet, Open Data Commons Attribution License v1.0 (Goldberger et al. 2000)",
    "qtdb: Laguna et al. 1997; ludb: Kalyakulina et al. 2020",
]
LIMITS = [
    "A design of the gallery, to compare with (docs/gallery.md); the default model is the better one",
    "Knows no ventricular beats and has no rhythm network; conv-lstm knows no P and no T either",
    "Not a medical device",
]
ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid"}


class Graph:
    """An ONNX graph that grows layer by layer; values lie as (windows, samples, channels)."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: NDArray[np.generic] | list[int], dtype: str = "float32") -> str:
        """Return the name of a constant."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, kind: str, inputs: list[str], **attributes: object) -> str:
        """Return the name of what a node puts out."""
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def activated(self, x: str, layer: keras.Layer) -> str:
        """Return what the activation of a layer makes of its output."""
        name = layer.activation.__name__
        if name == "softmax":
            return self.node("Softmax", [x], axis=-1)
        return self.node(ACTIVATIONS[name], [x])

    def layer(self, x: str, layer: keras.Layer) -> str:
        """Return the output of a Keras layer.

        Raises
        ------
        ValueError
            If it is of a kind that the gallery does not export.
        """
        match layer:
            case keras.layers.Dropout():
                return x
            case keras.layers.Dense():
                kernel, bias = layer.get_weights()
                product = self.node("MatMul", [x, self.constant(kernel)])
                return self.activated(self.node("Add", [product, self.constant(bias)]), layer)
            case keras.layers.BatchNormalization():
                gamma, beta, mean, variance = layer.get_weights()
                scale = gamma / np.sqrt(variance + layer.epsilon)
                scaled = self.node("Mul", [x, self.constant(scale)])
                return self.node("Add", [scaled, self.constant(beta - mean * scale)])
            case keras.layers.Conv1D():
                kernel, bias = layer.get_weights()
                before = (len(kernel) - 1) // 2  # as Keras pads for `same`
                pads = [before, len(kernel) - 1 - before]
                by_channel = self.node("Transpose", [x], perm=[0, 2, 1])
                weights = [self.constant(kernel.transpose(2, 1, 0)), self.constant(bias)]
                convolved = self.node("Conv", [by_channel, *weights], kernel_shape=[len(kernel)], pads=pads)
                return self.activated(self.node("Transpose", [convolved], perm=[0, 2, 1]), layer)
            case keras.layers.LSTM():
                return self.lstm(x, [layer], layer.units, "forward")
            case keras.layers.Bidirectional():
                both = [layer.forward_layer, layer.backward_layer]
                return self.lstm(x, both, both[0].units, "bidirectional")
        raise ValueError(f"{type(layer).__name__} layers are not exported")

    def lstm(self, x: str, layers: list[keras.layers.LSTM], units: int, direction: str) -> str:
        """Return the states of an LSTM at every sample, those of both directions side by side."""
        parts = zip(*(lstm_weights(layer) for layer in layers), strict=True)
        weights = [self.constant(np.concatenate(part)) for part in parts]
        by_time = self.node("Transpose", [x], perm=[1, 0, 2])
        states = self.node("LSTM", [by_time, *weights], hidden_size=units, direction=direction)
        by_window = self.node("Transpose", [states], perm=[2, 0, 1, 3])
        return self.node("Reshape", [by_window, self.constant([0, 0, -1], "int64")])


def graph_of(model: keras.Model) -> onnx.ModelProto:
    """Return windows (n, samples) to probabilities (n, samples, 4) as an ONNX model.

    Parameters
    ----------
    model : keras.Model
        Its output is the probability of a QRS, or those of all four classes.
    """
    graph = Graph()
    x = graph.node("Unsqueeze", ["windows", graph.constant([2], "int64")])
    for layer in model.layers:
        x = graph.layer(x, layer)
    if model.output_shape[-1] == 1:
        column = np.eye(len(CLASSES), dtype=np.float32)
        spread = graph.constant(column[[QRS]] - column[[0]])
        x = graph.node("Add", [graph.node("MatMul", [x, spread]), graph.constant(column[0])])
    graph.nodes.append(helper.make_node("Identity", [x], ["probabilities"], "told"))
    proto = helper.make_graph(
        graph.nodes,
        "qrstream-gallery",
        [helper.make_tensor_value_info("windows", TensorProto.FLOAT, ["rows", "samples"])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", "samples", len(CLASSES)])],
        graph.constants,
    )
    result = helper.make_model(proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.checker.check_model(result, full_check=True)
    return result


def export(name: str, design: Design, model: keras.Model, folder: Path) -> None:
    """Write a model folder, without figures on its card.

    Parameters
    ----------
    name : str
        Of the model.
    design : Design
        Of samples of single leads.
    model : keras.Model
        Trained.
    folder : Path
        Made if it is not there.
    """
    task = design.task
    assert isinstance(task, Samples)
    recurrent = next(layer for layer in model.layers if isinstance(layer, RECURRENT))
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(graph_of(model), folder / "model.onnx")
    model.save(folder / "model.keras")
    card = Card(
        format=1,
        name=name,
        version="0.1.0",
        rate=RATE,
        classes=CLASSES,
        stride=1,
        receptive=task.window,
        right_samples=0,
        features=recurrent.input.shape[2],
        forward=getattr(recurrent, "forward_layer", recurrent).units,
        backward=recurrent.backward_layer.units if isinstance(recurrent, keras.layers.Bidirectional) else 0,
        parameters=model.count_params(),
        profiles={"default": Segment(task.hop, task.right)},
        state={"samples": [task.window - task.hop]},
        trained_on=TRAINED_ON,
        licences=LICENCES,
        limits=LIMITS,
        figures={},
        window=task.window,
    )
    write_card(folder, card)
