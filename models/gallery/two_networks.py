"""Two networks, one for onset and one for offset: a probability for every sample.

The turn in the discussion: instead of a number, each network gives a softmax over the samples of the window, and time
is no input any more. "Works beautifully", said who had asked.

Input (200, 1): voltage. Outputs 2 x (200,): where the onset is, and where the offset. Loss: categorical cross-entropy
of each; the networks share nothing, so they are trained side by side.

The softmax says where in a window, not whether: in a recording windows hold no beat, one or two. Here they are trained
on such windows too, and what several windows say of a sample is averaged. Offsets come out sharp. Onsets do not: an
LSTM that reads forward scores a sample before it has seen the QRS that begins there, so that some are spread too thin
to be found.
"""

import keras
from keras import layers

from models.gallery.design import Design
from models.gallery.tasks import Positions


def build() -> keras.Model:
    """Return both networks, as one with two outputs."""
    voltage = keras.Input((200, 1))
    points = []
    for name in ("onset", "offset"):
        x = layers.LSTM(64, return_sequences=True)(voltage)
        x = layers.LSTM(32, return_sequences=True)(x)
        x = layers.Flatten()(layers.Dense(1)(x))
        points.append(layers.Softmax(name=name)(x))
    return keras.Model(voltage, points)


TASK = Positions()
DESIGN = Design(
    name="two-networks",
    title="two networks, each a softmax over the samples",
    build=build,
    task=TASK,
    steps=2000,
)
