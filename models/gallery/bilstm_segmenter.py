"""P, QRS, T or none for every sample: segmentation by a BiLSTM.

From an answer that asked for one model instead of two: a bidirectional LSTM between two dense layers that work on each
sample alone, with dropout and batch normalisation, and a softmax for each sample.

Input (window, 1): voltage. Output (window, 4). Loss: categorical cross-entropy, Adam at 1e-3.

Onsets and offsets are where the class changes, so that a window may hold any number of beats, and every sample of it
teaches. The backward direction has to wait for what it reads: it is served with a right context of 200 ms, and each
window is read anew.
"""

import keras
from keras import layers

from models.gallery.design import Design
from models.gallery.tasks import Samples


def build() -> keras.Model:
    """Return the network."""
    return keras.Sequential(
        [
            keras.Input((TASK.window, 1)),
            layers.Dense(32, activation="relu", name="before"),
            layers.Bidirectional(layers.LSTM(32, return_sequences=True), name="both_ways"),
            layers.Dense(64, activation="relu", name="after"),
            layers.Dropout(0.2),
            layers.BatchNormalization(name="normal"),
            layers.Dense(4, activation="softmax", name="classes"),
        ]
    )


TASK = Samples(window=400, hop=25, right=50, classes=4)
DESIGN = Design(
    name="bilstm-segmenter",
    title="BiLSTM segmenter: P, QRS, T, none",
    build=build,
    task=TASK,
    steps=2000,
)
