"""What a rhythm network makes of the beats of recordings, and how often it is right."""

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.rhythm.data import CLASSES, Beats
from streamer.detect.rhythm.features import FEATURES

TOGETHER, LONG = 64, 300  # short records are predicted together


def predict(network: keras.Model, records: list[Beats]) -> dict[str, NDArray[np.float32]]:
    """Return the logits of the rhythm of every step, by name of the record, shape (steps, classes)."""
    width = network.get_layer("lstm").units

    @tf.function(reduce_retracing=True)
    def run(rows: tf.Tensor) -> tf.Tensor:
        nothing = tf.zeros((tf.shape(rows)[0], width))
        return network([rows, nothing, nothing], training=False)[0]

    result = {}
    order = sorted((b for b in records if len(b.at)), key=lambda b: len(b.at))
    while order:
        count = TOGETHER if len(order[0].at) < LONG else 1
        group, order = order[:count], order[count:]
        rows = np.zeros((len(group), max(len(b.at) for b in group), len(FEATURES)), np.float32)
        for k, b in enumerate(group):
            rows[k, : len(b.at)] = b.rows
        logits = run(tf.constant(rows)).numpy()
        result |= {b.name: logits[k, : len(b.at)] for k, b in enumerate(group)}
    return result


def beat_counts(records: list[Beats], logits: dict[str, NDArray[np.float32]]) -> dict[str, float]:
    """Return sensitivity and positive predictivity in percent of the beats of each rhythm that is certain.

    AFIB by database; bigeminy and trigeminy on mitdb. Flutter that is told as AFIB is not counted. These are the
    network's own choices, not yet decided upon by `streamer.detect.rhythm.course`.
    """
    figures = {}
    wanted = [("afdb_rr", "AFIB"), ("mitdb", "AFIB"), ("nsr2db_rr", "AFIB"), ("mitdb", "B"), ("mitdb", "T")]
    for database, label in wanted:
        k = CLASSES.index(label)
        right = told = annotated = every = 0
        for b in records:
            if not b.name.startswith(database) or (database == "mitdb" and not b.name.endswith("0/clean")):
                continue
            sure = (b.meant.sum(axis=1) == 1) & ~b.meant[:, CLASSES.index("AFL")]
            if database != "mitdb":
                sure |= b.meant.sum(axis=1) > 1
            real = b.meant[:, k] & (b.meant.sum(axis=1) == 1)
            called = logits[b.name].argmax(axis=1) == k
            right += int((real & called).sum())
            told += int((sure & called).sum())
            annotated += int(real.sum())
            every += int(sure.sum())
        if annotated:
            figures[f"{database}_{label}_Se"] = 100 * right / annotated
            figures[f"{database}_{label}_PPV"] = 100 * right / max(1, told)
        else:
            figures[f"{database}_{label}_false"] = 100 * told / max(1, every)
    return figures
