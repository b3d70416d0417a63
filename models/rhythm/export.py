"""Put a trained rhythm network into a model folder: ONNX with explicit state, Keras, and what the card says of it."""

import json
from pathlib import Path

import keras
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.export import OPSET, lstm_weights, plain_weights, write_card
from models.rhythm.data import CLASSES
from streamer.detect.rhythm.features import FEATURES

TRAINED_ON = [
    "MIT-BIH AF Database, training patients: rhythms by hand, RR intervals alone",
    "Normal Sinus Rhythm RR Interval Database, training patients: RR intervals alone",
    "MIT-BIH Arrhythmia Database, training patients: rhythms by hand, clean and with noise of the Noise Stress Test "
    "Database",
    "PhysioNet/CinC Challenge 2017, training patients: one rhythm a record",
    "LUDB, training patients, leads I, II, V1, V5: one rhythm a record",
]
LIMITS = [
    "Atrial flutter with irregular conduction is told as AFIB; with regular conduction mostly as N or SVTA",
    "Paced rhythm was learned from three patients, bigeminy, trigeminy and runs from few more",
    "Ventricular fibrillation is a definition, tried on one patient with flutter",
    "Not a medical device",
]


def served(network: keras.Model, temperature: float) -> keras.Model:
    """Return the network as it is served: probabilities of the rhythm, calibrated, and the state.

    Parameters
    ----------
    network : keras.Model
        From `models.rhythm.architecture.build`.
    temperature : float
        By which logits are divided (Guo et al. 2017, "On calibration of modern neural networks").
    """
    kernel, bias = (np.asarray(w) / temperature for w in network.get_layer("rhythm").get_weights())
    probabilities = keras.layers.Dense(len(CLASSES), "softmax", name="probabilities")
    after = network.get_layer("after").output
    result = keras.Model(network.inputs, [probabilities(after), *network.outputs[-2:]], name="rhythm")
    probabilities.set_weights([kernel, bias])
    return result


def onnx_graph(network: keras.Model) -> onnx.ModelProto:
    """Build the graph that `streamer.engine.onnx` runs.

    Parameters
    ----------
    network : keras.Model
        What `served` returned.
    """
    nodes, constants = [], []
    width = network.get_layer("lstm").units

    def constant(name: str, value: object, dtype: str = "float32") -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(kind: str, inputs: list[str], outputs: list[str], **attributes: object) -> str:
        nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0], **attributes))
        return outputs[0]

    def dense(name: str, x: str) -> str:
        kernel, bias = network.get_layer(name).get_weights()
        product = node("MatMul", [x, constant(f"{name}_w", kernel)], [f"{name}_product"])
        return node("Add", [product, constant(f"{name}_b", bias)], [f"{name}_sum"])

    zero, one = constant("zero", [0], "int64"), constant("one", [1], "int64")
    x = node("Relu", [dense("before", "rows")], ["read"])
    x = node("Transpose", [x], ["by_time"], perm=[1, 0, 2])
    weights = [constant(f"lstm_{n}", w) for n, w in zip("wrb", lstm_weights(network.get_layer("lstm")), strict=True)]
    node("Unsqueeze", ["h", zero], ["h3"])
    node("Unsqueeze", ["c", zero], ["c3"])
    node("LSTM", [x, *weights, "", "h3", "c3"], ["along4", "h4", "c4"], hidden_size=width)
    node("Squeeze", ["h4", zero], ["h_after"])
    node("Squeeze", ["c4", zero], ["c_after"])
    node("Squeeze", ["along4", one], ["along_by_time"])
    node("Transpose", ["along_by_time"], ["along"], perm=[1, 0, 2])
    x = node("Relu", [dense("after", "along")], ["decided"])
    node("Softmax", [dense("probabilities", x)], ["probabilities"], axis=-1)

    def tensor(name: str, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        "rhythm",
        [
            tensor("rows", "streams", "steps", len(FEATURES)),
            tensor("h", "streams", width),
            tensor("c", "streams", width),
        ],
        [
            tensor("probabilities", "streams", "steps", len(CLASSES)),
            tensor("h_after", "streams", width),
            tensor("c_after", "streams", width),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model


def put(network: keras.Model, temperature: float, folder: Path) -> None:
    """Put the network into a model folder; another that is there is replaced.

    Parameters
    ----------
    network : keras.Model
        From `models.rhythm.architecture.build`.
    temperature : float
    folder : Path
        Of the network that finds the beats.
    """
    result = served(network, temperature)
    onnx.save(onnx_graph(result), folder / "rhythm.onnx")
    result.save(folder / "rhythm.keras")
    layers = {name: result.get_layer(name) for name in ("before", "lstm", "after", "probabilities")}
    np.savez(folder / "rhythm.npz", **plain_weights(layers))
    card = json.loads((folder / "card.json").read_text())
    card["rhythm"] = {
        "classes": CLASSES,
        "features": FEATURES,
        "width": result.get_layer("lstm").units,
        "parameters": result.count_params(),
        "trained_on": TRAINED_ON,
        "limits": LIMITS,
        "figures": {},
    }
    write_card(folder, card)
