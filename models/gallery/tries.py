"""What else was tried in the discussions, one change at a time from a plain design: a BiLSTM that labels samples."""

from collections.abc import Callable

import keras
from keras import layers, ops

from models.gallery.design import Design, adam, rmsprop
from models.gallery.stretches import GIVEN, NORMAL, RAW
from models.gallery.tasks import Samples

WINDOW = 200


@keras.saving.register_keras_serializable("qrstream")
class WithTime(layers.Layer):
    """Puts the time within the window, from 0 to 1, beside the voltage."""

    def call(self, voltage: object) -> object:
        """Return (windows, window, 2)."""
        time = ops.linspace(0.0, 1.0, WINDOW)[None, :, None]
        return ops.concatenate([ops.broadcast_to(time, ops.shape(voltage)), voltage], axis=-1)


def build(units: tuple[int, ...] = (64,), timed: bool = False) -> keras.Model:
    """Return the network."""
    lstms = [layers.Bidirectional(layers.LSTM(n, return_sequences=True)) for n in units]
    return keras.Sequential(
        [keras.Input((WINDOW, 1)), *[WithTime()] * timed, *lstms, layers.Dense(1, activation="sigmoid")]
    )


def _try(
    name: str,
    title: str,
    units: tuple[int, ...] = (64,),
    timed: bool = False,
    kind: str = NORMAL,
    optimizer: Callable[[], keras.optimizers.Optimizer] = adam,
) -> Design:
    task = Samples(window=WINDOW, hop=25, right=75, kind=kind)
    return Design(
        name=f"try-{name}",
        title=title,
        build=lambda: build(units, timed),
        task=task,
        steps=400,
        optimizer=optimizer,
    )


DESIGNS = [
    _try("plain", "one layer of 64 each way, voltage alone, conditioned, Adam"),
    _try("time", "with the time axis as a second input", timed=True),
    _try("rmsprop", "RMSprop", optimizer=rmsprop),
    _try("raw", "raw: mV, not conditioned", kind=RAW),
    _try("given", "raw and as given: 250 Hz (qtdb) and 500 Hz (ludb)", kind=GIVEN),
    _try("two-layers", "two layers of 64", units=(64, 64)),
    _try("three-layers", "three layers of 64", units=(64, 64, 64)),
    _try("wide", "one layer of 300", units=(300,)),
]
