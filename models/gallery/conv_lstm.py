"""A convolution, an LSTM, and a probability for each step: the solution that was recommended.

From a question about 16 channels and 400 steps with a label for each step: a convolution over time that keeps the
length, an LSTM that gives its state at every step, and a dense layer that works on each.

Input (400, channels): voltages. Output (400, 1): the probability of a QRS. Loss: binary cross-entropy, Adam at 1e-3.

It looks four samples ahead, by the convolution, and no more: it says that a QRS has begun when it has begun, so that
its onsets are later than an expert's, who sees the rest.

It is trained on the twelve leads of ludb, and once more on single leads, as the service runs every lead by itself.
"""

import keras
from keras import layers

from models.gallery.design import Design
from models.gallery.tasks import Samples


def build(channels: int = 12) -> keras.Model:
    """Return the network."""
    return keras.Sequential(
        [
            keras.Input((400, channels)),
            layers.Conv1D(32, 8, padding="same", activation="relu", name="convolution"),
            layers.LSTM(32, return_sequences=True, name="lstm"),
            layers.Dense(1, activation="sigmoid", name="qrs"),
        ]
    )


AHEAD = 4  # samples that the convolution sees of what comes
TASK = Samples(window=400, hop=25, right=AHEAD, leads=12)
SINGLE = Samples(window=400, hop=25, right=AHEAD)
DESIGN = Design(
    name="conv-lstm",
    title="Conv1D + LSTM, a label for each step, 12 leads",
    build=build,
    task=TASK,
    steps=2500,
)
SINGLE_DESIGN = Design(
    name="conv-lstm-single",
    title="Conv1D + LSTM, a label for each step, single leads",
    build=lambda: build(1),
    task=SINGLE,
    steps=3000,
)
