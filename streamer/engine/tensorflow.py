"""The reference engine: the Keras model itself, on TensorFlow."""

import os

import numpy as np

from streamer.engine.base import Floats, RhythmState, State
from streamer.engine.bilstm import BilstmEngine, Plan
from streamer.engine.card import Model


class TensorflowEngine(BilstmEngine):
    """Runs `model.keras`, whose parts are named encoder, forward, backward and classifier, and `rhythm.keras`."""

    name = "tensorflow"

    def __init__(self, model: Model, profile: str) -> None:
        super().__init__(model, profile)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import keras
        import tensorflow as tf

        network = keras.saving.load_model(model.folder / "model.keras", compile=False)
        parts = [network.get_layer(name) for name in ("encoder", "forward", "backward", "classifier")]
        encoder, forward, backward, classifier = parts
        receptive, stride, width = self.card.receptive, self.card.stride, self.card.features

        @tf.function(reduce_retracing=True)
        def step(samples, sample_windows, feature_windows, advance, hop, tail, cached, h, c):  # type: ignore[no-untyped-def]
            line = tf.concat([tail, samples], axis=1)
            rows = tf.reshape(tf.gather(line, sample_windows, axis=1), (-1, tf.shape(sample_windows)[1], 1))
            fresh = tf.reshape(encoder(rows), (tf.shape(samples)[0], -1, width))
            sequence = tf.concat([cached, fresh], axis=1)
            along, h, c = forward([sequence[:, :advance], h, c])
            windows = tf.reshape(
                tf.gather(sequence, feature_windows, axis=1), (-1, tf.shape(feature_windows)[1], width)
            )
            back = tf.reshape(backward(windows)[:, :hop], (tf.shape(samples)[0], -1, self.card.backward))
            probabilities = classifier(tf.concat([along, back], axis=-1))
            return probabilities, line[:, -(receptive - stride) :], sequence[:, advance:], h, c

        self._step = step
        if model.card.rhythm:
            rhythm = keras.saving.load_model(model.folder / "rhythm.keras", compile=False)
            self._follow = tf.function(lambda rows, h, c: rhythm([rows, h, c]), reduce_retracing=True)

    def follow(self, rows: Floats, state: RhythmState) -> tuple[Floats, RhythmState]:
        """Let the rhythm network go on by some steps; see `Engine.follow`."""
        probabilities, *after = self._follow(rows, *state)
        return np.asarray(probabilities), RhythmState(*(np.asarray(x) for x in after))

    def _call(self, samples: Floats, plan: Plan, state: State) -> tuple[Floats, State]:
        advance, hop = np.int64(plan.advance[0]), np.int64(plan.hop[0])
        probabilities, *after = self._step(samples, plan.sample_windows, plan.feature_windows, advance, hop, *state)
        return np.asarray(probabilities), State(*(np.asarray(x) for x in after))
