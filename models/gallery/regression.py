"""Position regression: the warning.

The design that the question was asked with: three LSTM layers of 64, 256 and 100 units, of which the last gives its
last state alone, and a dense layer that tells onset and offset as two numbers.

Input (200, 2): time and voltage of a window with one beat, noughts in front. Output (2,): onset and offset as shares of
the window. Loss: mean squared error, RMSprop.

One state has to carry where two things were among 200 samples, and an error of a sample costs next to nothing. It
learns to tell about the same position for every ECG, the mean, and nothing in a recording says which window to show it.
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
            layers.LSTM(64, return_sequences=True),
            layers.LSTM(256, return_sequences=True),
            layers.LSTM(100),
            layers.Dense(2),
        ]
    )


DESIGN = Design(
    name="regression",
    title="position regression: LSTM 64-256-100, last state",
    build=build,
    task=OneBeat(),
    steps=600,
    optimizer=rmsprop,
)
