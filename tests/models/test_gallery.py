"""The designs of the gallery: that they are what the discussions describe, and that they are scored rightly."""

import keras
import numpy as np
import pytest

from models.data import MASKED, QRS
from models.gallery import conv2d_lstm, conv_lstm, conv_pool_lstm, flattened, regression, tries, two_networks
from models.gallery.__main__ import DESIGNS
from models.gallery.design import Design
from models.gallery.export import graph_of
from models.gallery.record_classifier import DESIGNS as RECORDS
from models.gallery.records import CROP, FRAME, MAP, PAD, SHORTEST, Records
from models.gallery.scoring import found_in, megaflops, outputs, score
from models.gallery.stretches import Stretch, _joined, drawn
from models.gallery.tasks import Positions, Samples
from models.gallery.train import EPOCH, train


def stretch(qrs=((100, 125), (300, 325)), n=600, fs=250.0, known=((50, 550),)):
    labels = np.full(n, MASKED, np.uint8)
    for first, last in known:
        labels[first : last + 1] = 0
    signal = np.zeros((n, 1), np.float32)
    for onset, offset in qrs:
        labels[onset : offset + 1] = QRS
        signal[onset : offset + 1] = 1.0
    return Stretch("made/1/I", fs, signal, labels, np.array(qrs, np.float64), np.array(known, np.float64))


@pytest.mark.parametrize(("build", "parameters"), [(conv_lstm.build, 12_481), (conv_pool_lstm.build, 25_648)])
def test_sixteen_channels_have_the_parameters_of_the_discussion(build, parameters):
    model = build(channels=16)
    assert model.count_params() == parameters
    assert model.input_shape == (None, 400, 16)
    assert model.output_shape == (None, 400, 1)


def test_the_convolution_across_channels_takes_sixteen():
    assert conv2d_lstm.build(channels=16).output_shape == (None, 400, 1)


def test_every_design_can_be_built_and_says_where_it_comes_from():
    assert len({design.name for design in DESIGNS}) == len(DESIGNS)
    for design in [*DESIGNS, *tries.DESIGNS]:
        assert design.steps % EPOCH == 0
    assert regression.build().output_shape == (None, 2)
    assert two_networks.build().output_shape == [(None, 200), (None, 200)]
    for module in (regression, two_networks, flattened, conv_lstm, conv_pool_lstm, conv2d_lstm):
        assert "Input (" in module.__doc__
        assert "Loss:" in module.__doc__


def test_what_is_found_is_compared_with_its_own_beat():
    found = np.array([[102.0, 124.0], [200.0, 220.0], [560.0, 580.0]])
    hits, misses, extras, errors = found_in(stretch(), found)
    assert (hits, misses, extras) == (1, 1, 1)  # the last lies outside of what is known
    np.testing.assert_allclose(errors, [[8.0, -4.0]])


def test_a_beat_found_twice_is_found_once_and_invented_once():
    hits, misses, extras, _ = found_in(stretch(), np.array([[100.0, 125.0], [110.0, 135.0]]))
    assert (hits, misses, extras) == (1, 1, 1)


def test_nothing_found_is_no_error():
    figures = score(lambda _: np.zeros((0, 2)), [stretch()])
    assert figures["se"] == 0
    assert np.isnan(figures["onset_sd"])


def test_a_design_is_run_as_over_a_stream():
    """What is put out for a sample belongs to it, and no sample is left out, whatever hop and context."""
    identity = keras.Sequential([keras.Input((100, 1)), keras.layers.Activation("linear")])
    signal = np.random.default_rng(0).normal(size=(733, 1)).astype(np.float32)
    for hop, right in ((25, 50), (100, 0), (7, 4)):
        np.testing.assert_array_equal(outputs(identity, signal, 100, hop, right), signal)


def test_windows_lie_where_something_is_known():
    source = [stretch()]
    for one, start in [next(drawn(source, 200, np.random.default_rng(k), inside=True)) for k in range(50)]:
        assert MASKED not in one.labels[start : start + 200]


def test_perfect_densities_give_the_reference_back():
    task, one = Positions(), stretch()

    class Perfect:
        def predict_on_batch(self, windows):
            ends = windows[:, :1, 0], windows[:, -1:, 0]  # what is cut by the window begins and ends elsewhere
            edges = np.diff(windows[:, :, 0], axis=1, prepend=ends[0], append=ends[1])
            onset = (edges[:, :-1] > 0).astype(float)
            offset = (edges[:, 1:] < 0).astype(float)
            return [x / np.maximum(x.sum(axis=1, keepdims=True), 1) for x in (onset, offset)]

    np.testing.assert_allclose(task.find(Perfect(), one), one.qrs)


def test_records_of_any_length_fit():
    signal = np.ones(SHORTEST + 900, np.float32)
    for fit in (PAD, CROP, MAP):
        task = Records(fit)
        assert task._fitted(signal, 0).shape == (task.samples // FRAME, FRAME)
    assert Records(PAD)._fitted(signal, 0)[-1].sum() == 0


def test_the_cost_counts_every_weight_once_a_step():
    model = keras.Sequential([keras.Input((50, 3)), keras.layers.LSTM(4, return_sequences=True), keras.layers.Dense(2)])
    assert megaflops(model, 0.5) == pytest.approx(2e-6 * 50 * (4 * 4 * (3 + 4) + 4 * 2) / 0.5)


def test_every_design_has_a_cost():
    for design in (regression.DESIGN, two_networks.DESIGN, flattened.DESIGN, conv2d_lstm.DESIGN, *RECORDS):
        assert megaflops(design.build(), design.task.seconds) > 0.1


def trial(monkeypatch):
    monkeypatch.setattr("models.gallery.tasks.stretches", lambda validation, kind="normal": [stretch()])
    task = Samples(window=100, hop=25, right=20)

    def build():
        return keras.Sequential([keras.Input((100, 1)), keras.layers.Dense(1, activation="sigmoid")])

    return Design("trial", "trial", build, task, 2 * EPOCH, optimizer=lambda: keras.optimizers.Adam(0.1))


def test_training_learns_and_is_not_done_twice(tmp_path, monkeypatch):
    seen = []
    result = train(trial(monkeypatch), tmp_path, seen.append)
    assert result["figures"]["made"]["se"] == 100
    assert seen == list(range(1, 2 * EPOCH + 1))
    assert train(trial(monkeypatch), tmp_path) == result


def test_training_goes_on_where_it_stopped(tmp_path, monkeypatch):
    def stop(batches):
        if batches == EPOCH + 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(trial(monkeypatch), tmp_path, stop)
    seen = []
    train(trial(monkeypatch), tmp_path, seen.append)
    assert seen == list(range(EPOCH + 1, 2 * EPOCH + 1))


def test_exported_layers_agree_with_keras(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    keras.utils.set_random_seed(3)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((60, 1)),
            layers.Conv1D(6, 8, padding="same", activation="relu"),
            layers.Dense(5, activation="relu"),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
            layers.LSTM(3, return_sequences=True),
            layers.Dropout(0.5),
            layers.BatchNormalization(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    normal = model.layers[-2]
    normal.set_weights([np.random.default_rng(0).uniform(0.5, 2, w.shape) for w in normal.get_weights()])
    windows = np.random.default_rng(1).normal(size=(7, 60)).astype(np.float32)
    session = onnxruntime.InferenceSession(graph_of(model).SerializeToString(), providers=["CPUExecutionProvider"])
    got = session.run(["probabilities"], {"windows": windows})[0]
    expected = model.predict(windows[:, :, None], verbose=0)[:, :, 0]
    np.testing.assert_allclose(got[:, :, QRS], expected, atol=1e-6)
    np.testing.assert_allclose(got.sum(axis=2), 1.0, atol=1e-6)


def test_a_layer_that_cannot_be_exported_is_named():
    model = keras.Sequential([keras.Input((60, 1)), keras.layers.GRU(3, return_sequences=True)])
    with pytest.raises(ValueError, match="GRU layers are not exported"):
        graph_of(model)


def test_twelve_leads_keep_the_qrs_at_their_ends():
    leads = [
        Stretch(f"ludb/1/{k}", 250.0, one.signal, one.labels, one.qrs + k % 3, np.array([[100.0 + k, 325.0 + k % 3]]))
        for k, one in enumerate([stretch()] * 12)
    ]
    together = _joined("ludb/1", leads)
    assert together.signal.shape == (600, 12)
    np.testing.assert_array_equal(together.qrs, [[101, 126], [301, 326]])
    assert together.known[0, 0] <= 101
    assert together.known[0, 1] >= 326
    assert (together.labels[101:127] == QRS).all()
    assert together.labels[100] in (0, MASKED)
