"""Write a trained network as a model folder: ONNX with explicit state, Keras, plain weights, card, checksums."""

import hashlib
from pathlib import Path

import keras
import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.architecture import CLASSES, Size
from streamer.engine.card import Card, Segment

OPSET = 21
RATE = 250
FILES = frozenset(
    {
        *("card.json", "model.onnx", "model.keras", "weights.npz"),
        *("rhythm.onnx", "rhythm.keras", "rhythm.npz", "record.onnx"),
    }
)
PROFILES = {"default": Segment(10, 20), "fast": Segment(4, 10), "careful": Segment(20, 74)}


def lstm_weights(layer: keras.layers.LSTM) -> list[NDArray[np.float32]]:
    """Return W, R and B of an ONNX LSTM: gates i, o, f, c where Keras has i, f, c, o."""
    kernel, recurrent, bias = (np.asarray(w) for w in layer.get_weights())

    def reorder(x: NDArray[np.float32]) -> NDArray[np.float32]:
        i, f, c, o = np.split(x, 4, axis=-1)
        return np.concatenate([i, o, f, c], axis=-1)

    w, r, b = reorder(kernel).T, reorder(recurrent).T, reorder(bias)
    return [w[None], r[None], np.concatenate([b, np.zeros_like(b)])[None]]


def onnx_graph(parts: dict[str, keras.Model], size: Size) -> onnx.ModelProto:
    """Build the graph that `streamer.engine.onnx` runs; every input that cuts is an input, so one graph serves all.

    Parameters
    ----------
    parts : dict of keras.Model
        What `models.architecture.build` returned.
    size : Size

    Returns
    -------
    ModelProto
    """
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(name: str, value: object, dtype: str = "float32") -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(kind: str, inputs: list[str], outputs: list[str], **attributes: object) -> str:
        nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0] or outputs[1], **attributes))
        return outputs[0]

    width, tail = size.channels[2], size.receptive - size.stride
    zero, one = constant("zero", [0], "int64"), constant("one", [1], "int64")
    node("Concat", ["tail", "samples"], ["line"], axis=1)
    node(
        "Slice",
        ["line", constant("minus_tail", [-tail], "int64"), constant("end", [2**62], "int64"), one],
        ["tail_after"],
    )
    node("Gather", ["line", "sample_windows"], ["rows"], axis=1)
    node("Shape", ["sample_windows"], ["row_length"], start=1)
    node("Concat", [constant("minus_one", [-1], "int64"), one, "row_length"], ["row_shape"], axis=0)
    x = node("Reshape", ["rows", "row_shape"], ["row_input"])
    for k in range(3):
        kernel, bias = parts["encoder"].get_layer(f"conv{k + 1}").get_weights()
        w, b = constant(f"conv{k}_w", kernel.transpose(2, 1, 0)), constant(f"conv{k}_b", bias)
        stride = size.stride if k == 1 else 1
        x = node("Conv", [x, w, b], [f"conv{k}"], kernel_shape=[size.kernels[k]], strides=[stride])
        x = node("Relu", [x], [f"relu{k}"])
    node("Transpose", [x], ["steps_last"], perm=[0, 2, 1])
    node("Shape", ["samples"], ["streams"], end=1)
    node("Concat", ["streams", "minus_one", constant("width", [width], "int64")], ["fresh_shape"], axis=0)
    node("Reshape", ["steps_last", "fresh_shape"], ["fresh"])
    node("Concat", ["features", "fresh"], ["sequence"], axis=1)
    node("Slice", ["sequence", "advance", "end", one], ["features_after"])

    node("Slice", ["sequence", zero, "advance", one], ["read"])
    node("Transpose", ["read"], ["read_by_time"], perm=[1, 0, 2])
    weights = [
        constant(f"forward_{n}", w)
        for n, w in zip("wrb", lstm_weights(parts["forward"].get_layer("forward_lstm")), strict=True)
    ]
    node("Unsqueeze", ["h", zero], ["h_before"])
    node("Unsqueeze", ["c", zero], ["c_before"])
    node(
        "LSTM", ["read_by_time", *weights, "", "h_before", "c_before"], ["along4", "h4", "c4"], hidden_size=size.forward
    )
    node("Squeeze", ["h4", zero], ["h_after"])
    node("Squeeze", ["c4", zero], ["c_after"])
    node("Squeeze", ["along4", one], ["along_by_time"])
    node("Transpose", ["along_by_time"], ["along"], perm=[1, 0, 2])

    node("Gather", ["sequence", "feature_windows"], ["windows4"], axis=1)
    node("Shape", ["feature_windows"], ["window_length"], start=1)
    node("Concat", ["minus_one", "window_length", "width"], ["window_shape"], axis=0)
    node("Reshape", ["windows4", "window_shape"], ["windows"])
    node("Transpose", ["windows"], ["windows_by_time"], perm=[1, 0, 2])
    weights = [
        constant(f"backward_{n}", w)
        for n, w in zip("wrb", lstm_weights(parts["backward"].get_layer("backward_lstm")), strict=True)
    ]
    node("LSTM", ["windows_by_time", *weights], ["back4", "", ""], hidden_size=size.backward, direction="reverse")
    node("Squeeze", ["back4", one], ["back_by_time"])
    node("Slice", ["back_by_time", zero, "hop", zero], ["back_hop"])
    node("Transpose", ["back_hop"], ["back_rows"], perm=[1, 0, 2])
    node("Concat", ["streams", "minus_one", constant("back_width", [size.backward], "int64")], ["back_shape"], axis=0)
    node("Reshape", ["back_rows", "back_shape"], ["back"])

    kernel, bias = parts["classifier"].get_layer("dense").get_weights()
    node("Concat", ["along", "back"], ["both"], axis=2)
    node("MatMul", ["both", constant("dense_w", kernel)], ["product"])
    node("Add", ["product", constant("dense_b", bias)], ["logits"])
    node("Concat", ["streams", "minus_one", constant("classes", [len(CLASSES)], "int64")], ["out_shape"], axis=0)
    node("Reshape", ["logits", "out_shape"], ["by_sample"])
    node("Softmax", ["by_sample"], ["probabilities"], axis=-1)

    def tensor(name: str, shape: list[int | str], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    state = {"tail": [tail], "features": ["context", width], "h": [size.forward], "c": [size.forward]}
    inputs = [tensor("samples", ["rows", "n"])]
    inputs += [tensor("sample_windows", ["hops", "row"], TensorProto.INT64)]
    inputs += [tensor("feature_windows", ["windows_n", "window"], TensorProto.INT64)]
    inputs += [tensor(name, [1], TensorProto.INT64) for name in ("advance", "hop")]
    inputs += [tensor(name, ["rows", *shape]) for name, shape in state.items()]
    outputs = [tensor("probabilities", ["rows", "m", len(CLASSES)])]
    outputs += [
        tensor(f"{name}_after", ["rows", *([f"{name}_n", *shape[1:]] if len(shape) > 1 else shape)])
        for name, shape in state.items()
    ]
    graph = helper.make_graph(nodes, "qrstream", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model


def plain_weights(layers: dict[str, keras.Layer]) -> dict[str, NDArray[np.float32]]:
    """Return the weights of layers by name, as Keras has them: what `streamer.engine.compiled` reads.

    Parameters
    ----------
    layers : dict of keras.Layer
        Dense, convolutions and LSTMs: `NAME_w`, of an LSTM `NAME_u` for what multiplies h, and `NAME_b`.
    """
    return {
        f"{name}_{kind}": np.asarray(weights)
        for name, layer in layers.items()
        for kind, weights in zip(
            "wub" if isinstance(layer, keras.layers.LSTM) else "wb", layer.get_weights(), strict=True
        )
    }


def layers_of(parts: dict[str, keras.Model]) -> dict[str, keras.Layer]:
    """Return the layers that have weights, by the names that `streamer.engine.compiled` knows them by."""
    convolutions = {f"conv{k}": parts["encoder"].get_layer(f"conv{k}") for k in (1, 2, 3)}
    lstms = {name: parts[name].get_layer(f"{name}_lstm") for name in ("forward", "backward")}
    return convolutions | lstms | {"dense": parts["classifier"].get_layer("dense")}


def keras_model(parts: dict[str, keras.Model], size: Size) -> keras.Model:
    """Join the parts to one model that Keras can save: a hop of the default profile."""
    segment = PROFILES["default"]
    hop, context = segment.hop // size.stride, (segment.right_context - size.right_samples) // size.stride
    samples = keras.Input((segment.hop + size.receptive - size.stride, 1), name="row")
    cached = keras.Input((context, size.channels[2]), name="cached")
    h, c = keras.Input((size.forward,), name="h"), keras.Input((size.forward,), name="c")
    sequence = keras.ops.concatenate([cached, parts["encoder"](samples)], axis=1)
    along, h_after, c_after = parts["forward"]([sequence[:, :hop], h, c])
    both = keras.ops.concatenate([along, parts["backward"](sequence)[:, :hop]], axis=-1)
    outputs = [parts["classifier"](both), sequence[:, hop:], h_after, c_after]
    return keras.Model([samples, cached, h, c], outputs, name="qrstream")


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS over the files that a machine reads."""
    names = sorted(p.name for p in folder.iterdir() if p.name in FILES)
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(lines))


def write_card(folder: Path, card: Card | dict[str, object]) -> None:
    """Write card.json and the checksums.

    Parameters
    ----------
    folder : Path
        Model folder; its other files must be there.
    card : Card or dict
    """
    (folder / "card.json").write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n")
    write_sums(folder)


def export(parts: dict[str, keras.Model], size: Size, folder: Path, card: Card) -> None:
    """Write a model folder.

    Parameters
    ----------
    parts : dict of keras.Model
    size : Size
    folder : Path
        Made if it is not there.
    card : Card
    """
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(onnx_graph(parts, size), folder / "model.onnx")
    np.savez(folder / "weights.npz", **plain_weights(layers_of(parts)))
    keras_model(parts, size).save(folder / "model.keras")
    write_card(folder, card)
