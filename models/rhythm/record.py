"""The class of a whole recording: gradient boosting over its events, on the training patients of cinc2017."""

from multiprocessing import Pool
from pathlib import Path

import numpy as np
import onnx
import wfdb
from numpy.typing import NDArray
from onnx import TensorProto, helper
from rich.progress import track
from sklearn.ensemble import HistGradientBoostingClassifier

from models.data import VALIDATION, data_folder
from models.export import OPSET
from models.rhythm.data import reference
from streamer.detect import Detector
from streamer.detect.rhythm.record import RECORD_CLASSES, describe
from streamer.engine import Engine, load_engine

Floats = NDArray[np.float32]
TREES = {
    "max_iter": 300,
    "learning_rate": 0.04,
    "max_leaf_nodes": 7,
    "min_samples_leaf": 10,
    "l2_regularization": 1.0,
    "max_features": 0.2,
}
_engine: Engine | None = None


def _begin(folder: Path) -> None:
    global _engine
    _engine = load_engine("numba", "default", folder)


def _describe(name: str) -> Floats | None:
    record = wfdb.rdrecord(str(data_folder() / "cinc2017" / name))
    detector = Detector(record.fs, ["lead"], engine=_engine or "numba")
    return describe(detector.push(record.p_signal) + detector.flush(), record.fs)


def describe_all(folder: Path, names: list[str]) -> list[Floats | None]:
    """Return the statistics of recordings of cinc2017 by the model in a folder, with progress."""
    with Pool(2, _begin, (folder,)) as pool:
        return list(track(pool.imap(_describe, names, 16), "recordings", len(names), transient=True))


def fit(folder: Path, seed: int = 0) -> None:
    """Fit the trees to the training patients and put them into a model folder as `record.onnx`.

    Parameters
    ----------
    folder : Path
        Model folder with a rhythm network; the checksums are not brought up to date.
    seed : int
    """
    classes = reference()
    names = [name for name in sorted(classes) if not VALIDATION["cinc2017"](name)]
    rows = describe_all(folder, names)
    x = np.array([row for row in rows if row is not None])
    y = np.array([RECORD_CLASSES.index(classes[n]) for n, row in zip(names, rows, strict=True) if row is not None])
    trees = HistGradientBoostingClassifier(random_state=seed, **TREES).fit(x, y)
    onnx.save(onnx_graph(trees), folder / "record.onnx")


def onnx_graph(trees: HistGradientBoostingClassifier) -> onnx.ModelProto:
    """Build the graph of a fitted boosting: from `rows` (n, features) to `probabilities` (n, classes).

    Parameters
    ----------
    trees : HistGradientBoostingClassifier
        Of more than two classes, without categorical features.
    """
    node: dict[str, list[object]] = {
        name: [] for name in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids",
                              "missing_value_tracks_true")
    }  # fmt: skip
    leaf: dict[str, list[object]] = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    # scikit-learn shows the fitted trees nowhere else, and converters of others lag behind onnx
    predictors = [(k, tree) for iteration in trees._predictors for k, tree in enumerate(iteration)]
    for number, (of_class, tree) in enumerate(predictors):
        for index, row in enumerate(tree.nodes):
            ends = bool(row["is_leaf"])
            values = (
                number, index, int(row["feature_idx"]), 0.0 if ends else float(row["num_threshold"]),
                "LEAF" if ends else "BRANCH_LEQ", int(row["left"]), int(row["right"]), int(row["missing_go_to_left"]),
            )  # fmt: skip
            for name, value in zip(node, values, strict=True):
                node[name].append(value)
            if ends:
                for name, value in zip(leaf, (number, index, of_class, float(row["value"])), strict=True):
                    leaf[name].append(value)
    classes = len(trees.classes_)
    boosting = helper.make_node(
        "TreeEnsembleClassifier",
        ["rows"],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        post_transform="SOFTMAX",
        classlabels_int64s=list(range(classes)),
        base_values=trees._baseline_prediction.ravel().tolist(),
        **{f"nodes_{name}": values for name, values in node.items()},
        **{f"class_{name}": values for name, values in leaf.items()},
    )
    graph = helper.make_graph(
        [boosting],
        "record",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", trees.n_features_in_])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", classes]),
        ],
    )
    versions = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model
