"""Position regression after a convolution.

What was tried next in the same question: a convolution and a pooling before the LSTM layers, so that these read
features of shape instead of voltages.

Input (200, 2): time and voltage of a window with one beat. Output (2,): onset and offset as shares of the window. Loss:
mean squared error, RMSprop.

The discussion found it no better. Here it is: the convolution marks the QRS, and pooling halves the steps that the mark
has to last. Most of where the QRS is is told, but tens of ms late and too coarsely to measure it by; and a window
still has to hold one whole beat.
"""

import keras
from keras import layers

from models.gallery.design import Design, rmsprop
from models.gallery.tasks import OneBeat


def build() -> keras.Model:
    """Return the network."""
    return keras.Sequential(
        [
            keras.Input((200, 2)),
            layers.Conv1D(32, 5, padding="same", activation="relu"),
            layers.MaxPooling1D(2),
            layers.LSTM(64, return_sequences=True),
            layers.LSTM(256, return_sequences=True),
            layers.LSTM(100),
            layers.Dense(2),
        ]
    )


DESIGN = Design(
    name="conv-regression",
    title="position regression after Conv1D + MaxPooling",
    build=build,
    task=OneBeat(),
    steps=900,
    optimizer=rmsprop,
)
