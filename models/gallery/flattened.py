"""All hidden states flattened into two softmaxes of the window's length.

The answer that was accepted: one network, whose last LSTM layer is small and gives its state at every sample; all these
states together are the input of two dense layers, one for the onset and one for the offset.

Input (200, 1): voltage. Outputs 2 x (200,). Loss: categorical cross-entropy of each.

Every output sees every state, so it knows what comes after a sample too. The price is a weight for each state and
position: what is learned about a QRS at one place of the window says nothing about another place.
"""

import keras
from keras import layers

from models.gallery.design import Design
from models.gallery.tasks import Positions


def build() -> keras.Model:
    """Return the network."""
    voltage = keras.Input((200, 1))
    x = layers.LSTM(64, return_sequences=True)(voltage)
    x = layers.Flatten()(layers.LSTM(8, return_sequences=True)(x))
    return keras.Model(voltage, [layers.Dense(200, activation="softmax", name=n)(x) for n in ("onset", "offset")])


TASK = Positions()
DESIGN = Design(
    name="flattened",
    title="all states flattened into two softmaxes",
    build=build,
    task=TASK,
    steps=2500,
)
