"""A convolution across the channels instead of over time, then an LSTM.

Also from the question about 16 channels: a two-dimensional convolution whose kernel lies across the channels of one
step; what it makes of each step is flattened, step by step, and read by an LSTM.

Input (400, channels, 1): voltages. Output (400, 1). Loss: binary cross-entropy, Adam at 1e-3.

Neighbours among the channels are neighbours in the file, not on the chest, and what tells a QRS is how a voltage
changes with time: that is left to the LSTM alone.
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
            layers.Reshape((400, channels, 1)),
            layers.Conv2D(16, (1, 4), activation="relu"),
            layers.TimeDistributed(layers.Flatten()),
            layers.LSTM(32, return_sequences=True),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


TASK = Samples(window=400, hop=25, right=0, leads=12)
DESIGN = Design(
    name="conv2d-lstm",
    title="Conv2D across the channels + LSTM, 12 leads",
    build=build,
    task=TASK,
    steps=600,
)
