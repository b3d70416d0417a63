"""A convolution, a pooling, an LSTM, and all steps at once from its last state.

The alternative in the same answer, expected there to be worse: pooling makes a quarter of the steps, the LSTM gives its
last state alone, and a dense layer turns that into the labels of all 400 steps.

Input (400, channels): voltages. Output (400, 1). Loss: binary cross-entropy, Adam at 1e-3.

As in the regression, 32 numbers have to carry where everything was.
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
            layers.Conv1D(32, 8, padding="same", activation="relu"),
            layers.MaxPooling1D(4),
            layers.LSTM(32),
            layers.Dense(400, activation="sigmoid"),
            layers.Reshape((400, 1)),
        ]
    )


TASK = Samples(window=400, hop=100, right=150, leads=12)
DESIGN = Design(
    name="conv-pool-lstm",
    title="Conv1D + MaxPooling + LSTM + Dense(400), 12 leads",
    build=build,
    task=TASK,
    steps=4000,
)
