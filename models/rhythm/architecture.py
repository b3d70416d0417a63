"""The rhythm network: a forward LSTM over beats, its state carried for ever."""

import keras

from models.rhythm.data import CLASSES, RECORD
from streamer.detect.rhythm.features import FEATURES

DROPOUT = 0.2
BEFORE, WIDTH, AFTER = 24, 40, 24


def build() -> keras.Model:
    """Return the network.

    Returns
    -------
    keras.Model
        From [rows (streams, steps, features), h, c] to [logits of the rhythm (streams, steps, classes), logits of the
        record's class (streams, steps, 4), h, c].
    """
    layers = keras.layers
    rows = keras.Input((None, len(FEATURES)), name="rows")
    h, c = keras.Input((WIDTH,), name="h"), keras.Input((WIDTH,), name="c")
    x = layers.Dense(BEFORE, "relu", name="before")(rows)
    x = layers.Dropout(DROPOUT)(x)
    x, h_after, c_after = layers.LSTM(WIDTH, return_sequences=True, return_state=True, name="lstm")(
        x, initial_state=[h, c]
    )
    x = layers.Dropout(DROPOUT)(x)
    x = layers.Dense(AFTER, "relu", name="after")(x)
    rhythm = layers.Dense(len(CLASSES), name="rhythm")(x)
    record = layers.Dense(len(RECORD), name="record")(x)
    return keras.Model([rows, h, c], [rhythm, record, h_after, c_after], name="rhythm")
