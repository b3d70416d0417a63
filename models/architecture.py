"""The latency-controlled BiLSTM, as four small Keras models that training, serving and export share.

After Zhang et al. 2015, "Highway long short-term memory RNNs for distant speech recognition" (arXiv 1510.08983): the
forward LSTM's state is carried for ever; the backward LSTM starts anew for every hop and sees the hop and a short right
context.
"""

from dataclasses import dataclass

import keras
from keras import layers

from streamer.engine.card import Segment

CLASSES = ("none", "P", "QRS", "T", "VQRS")  # the last is the QRS of a ventricular beat


@dataclass(frozen=True)
class Size:
    """What determines a network's weights.

    Attributes
    ----------
    kernels, channels : tuple of int
        Of the three convolutions. The second has a stride of 2, so the LSTMs run at 125 Hz.
    forward, backward : int
        Units of the two LSTMs.
    right_samples : int
        250 Hz samples after the newest of a step that the convolutions see: part of the right context.
    """

    kernels: tuple[int, int, int] = (5, 5, 5)
    channels: tuple[int, int, int] = (16, 16, 32)
    forward: int = 40
    backward: int = 32
    right_samples: int = 4
    stride: int = 2

    @property
    def receptive(self) -> int:
        """250 Hz samples that one step sees."""
        first, second, third = self.kernels
        return first + (second - 1) + (third - 1) * self.stride

    @property
    def left_samples(self) -> int:
        """250 Hz samples before the older one of a step that the convolutions see."""
        return self.receptive - self.right_samples - self.stride

    def megaflops(self, segment: Segment) -> float:
        """Return the cost of a second of one lead in 10^6 multiplications and additions, all overlap counted.

        Parameters
        ----------
        segment : Segment
            Hop and right context: the convolutions' row of a hop, and the backward window, overlap with the next.
        """
        (k1, k2, k3), (c1, c2, c3), stride = self.kernels, self.channels, self.stride
        row = segment.hop + self.receptive - stride
        steps = segment.hop // stride
        window = steps + (segment.right_context - self.right_samples) // stride
        first = row - k1 + 1
        second = (first - k2) // stride + 1
        macs = first * k1 * c1 + second * k2 * c1 * c2 + (second - k3 + 1) * k3 * c2 * c3
        macs += steps * 4 * self.forward * (c3 + self.forward) + window * 4 * self.backward * (c3 + self.backward)
        macs += steps * (self.forward + self.backward) * stride * len(CLASSES)
        return 2e-6 * macs * 250 / segment.hop


def build(size: Size) -> dict[str, keras.Model]:
    """Build the parts of the network with fresh weights.

    Parameters
    ----------
    size : Size

    Returns
    -------
    dict of keras.Model
        `encoder`: (rows, samples, 1) to (rows, steps, features); `forward`: that and h, c to the sequence and h, c;
        `backward`: windows of features to the same windows, read from the right; `classifier`: both sequences side by
        side to probabilities (rows, samples, classes).
    """
    samples = keras.Input((None, 1), name="samples")
    x = layers.Conv1D(size.channels[0], size.kernels[0], activation="relu", name="conv1")(samples)
    x = layers.Conv1D(size.channels[1], size.kernels[1], strides=size.stride, activation="relu", name="conv2")(x)
    x = layers.Conv1D(size.channels[2], size.kernels[2], activation="relu", name="conv3")(x)
    encoder = keras.Model(samples, x, name="encoder")

    features = keras.Input((None, size.channels[2]), name="features")
    h, c = keras.Input((size.forward,), name="h"), keras.Input((size.forward,), name="c")
    forward_lstm = layers.LSTM(size.forward, return_sequences=True, return_state=True, name="forward_lstm")
    forward = keras.Model([features, h, c], forward_lstm(features, initial_state=[h, c]), name="forward")

    window = keras.Input((None, size.channels[2]), name="window")
    backward_lstm = layers.LSTM(size.backward, return_sequences=True, go_backwards=True, name="backward_lstm")
    backward = keras.Model(window, keras.ops.flip(backward_lstm(window), axis=1), name="backward")

    both = keras.Input((None, size.forward + size.backward), name="both")
    y = layers.Dense(size.stride * len(CLASSES), name="dense")(both)
    y = layers.Reshape((-1, len(CLASSES)), name="samples_again")(y)
    classifier = keras.Model(both, layers.Softmax(name="softmax")(y), name="classifier")
    return {"encoder": encoder, "forward": forward, "backward": backward, "classifier": classifier}


def windowed(
    parts: dict[str, keras.Model], samples: object, h: object, c: object, hop: int, context: int
) -> tuple[object, object, object]:
    """Run the network over a stretch as it is served: one backward window a hop.

    Parameters
    ----------
    parts : dict of keras.Model
        What `build` returned.
    samples : tensor, shape (rows, n)
        The stretch with the convolutions' samples to its left and, to its right, `context` steps and theirs.
    h, c : tensor, shape (rows, units)
        Forward state before the stretch.
    hop, context : int
        In steps. The stretch must be a whole number of hops.

    Returns
    -------
    probabilities : tensor, shape (rows, samples of the stretch, classes)
    h, c : tensor
        Forward state after the stretch.
    """
    ops = keras.ops
    features = parts["encoder"](ops.expand_dims(samples, -1))
    rows, width = ops.shape(features)[0], features.shape[2]
    hops = (features.shape[1] - context) // hop
    along, h, c = parts["forward"]([features[:, : hops * hop], h, c])
    index = ops.arange(hops)[:, None] * hop + ops.arange(hop + context)[None, :]
    windows = ops.reshape(ops.take(features, index, axis=1), (rows * hops, hop + context, width))
    back = parts["backward"](windows)[:, :hop]
    back = ops.reshape(back, (rows, hops * hop, back.shape[-1]))
    return parts["classifier"](ops.concatenate([along, back], axis=-1)), h, c
