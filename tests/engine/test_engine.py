import shutil
import sys

import numpy as np
import pytest
import wfdb

from models.streams import condition
from streamer.detect.rhythm.features import FEATURES
from streamer.engine import EngineError, ModelError, load_engine, load_model
from streamer.engine.base import RhythmState
from streamer.engine.card import default_folder
from streamer.engine.layers import exp
from tests.conftest import heart


def signal(rows=3, seconds=40):
    return np.stack([condition(heart(seconds, seed=k + 1)[0], 250)["normal"][0] for k in range(rows)])


def through(engine, samples, hops):
    """Probabilities of a whole signal, `hops` hops a call."""
    state, pieces = engine.initial(len(samples)), []
    whole = samples.shape[1] // engine.segment.hop * engine.segment.hop
    for start in range(0, whole, hops * engine.segment.hop):
        piece, state = engine.run(samples[:, start : min(whole, start + hops * engine.segment.hop)], state)
        pieces.append(piece)
    return np.concatenate([*pieces, engine.finish(samples[:, whole:], state)], axis=1)


@pytest.mark.parametrize("name", ["numba", "onnx"])
@pytest.mark.parametrize("profile", ["default", "fast", "careful"])
def test_batch_and_block_do_not_change_a_bit(profile, name):
    engine = load_engine(name, profile)
    samples = signal(4, 20)[:, :4003]
    expected = through(engine, samples[:1], 1)
    for hops in (2, 7, 25):
        assert through(engine, samples[:1], hops).tobytes() == expected.tobytes()
    for rows in (2, 3, 4, 19, 33):
        several = np.resize(samples, (rows, samples.shape[1]))
        assert through(engine, several, 3)[:1].tobytes() == expected.tobytes()
    for rows in (2, 4):
        assert through(engine, samples[:rows], 3)[:1].tobytes() == expected.tobytes()
    many = np.repeat(samples[:1, : engine.segment.hop], 256, axis=0)
    first, _ = engine.run(many, engine.initial(256))
    assert (first == first[0]).all()
    assert first[0].tobytes() == engine.run(many[:1], engine.initial(1))[0].tobytes()


@pytest.mark.parametrize("rows", [2, 7])
@pytest.mark.parametrize("name", ["numba", "onnx"])
@pytest.mark.parametrize("profile", ["default", "fast", "careful"])
def test_the_engines_agree_on_simulated_ecg(profile, name, rows):
    samples = np.resize(signal(2, 8)[:, :1993], (rows, 1993))
    served, reference = load_engine(name, profile), load_engine("tensorflow", profile)
    np.testing.assert_allclose(through(served, samples, 9), through(reference, samples, 9), atol=1e-5)


@pytest.mark.parametrize("size", [1e3, 1e6])
def test_wild_samples_give_probabilities(engine, size):
    """Activations far beyond what ECG causes saturate, and do not overflow."""
    samples = np.random.default_rng(0).normal(0, size, (20, 200)).astype(np.float32)
    got = through(engine, samples, 2)
    np.testing.assert_allclose(got.sum(axis=-1), 1.0, atol=1e-5)
    np.testing.assert_allclose(got, through(load_engine("onnx"), samples, 2), atol=1e-3)


def test_the_exponential_agrees_with_numpy():
    x = np.concatenate([np.linspace(-86, 86, 100_001), [0.0]]).astype(np.float32)
    got = np.array([exp(value) for value in x])
    np.testing.assert_allclose(got, np.exp(x.astype(np.float64)), rtol=3e-7)


def rows(streams=3, steps=40):
    return np.random.default_rng(0).normal(0, 1, (streams, steps, len(FEATURES))).astype(np.float32)


def follow(engine, x, size):
    """Probabilities of the rhythm, `size` steps a call."""
    state, pieces = engine.initial_rhythm(), []
    state = RhythmState(*(np.repeat(part, len(x), axis=0) for part in state))
    for start in range(0, x.shape[1], size):
        piece, state = engine.follow(x[:, start : start + size], state)
        pieces.append(piece)
    return np.concatenate(pieces, axis=1)


def test_batch_and_block_do_not_change_a_bit_of_the_rhythm(engine):
    x = rows(64)
    expected = follow(engine, x[:1], 1)
    assert follow(engine, x[:1], 7).tobytes() == expected.tobytes()
    for streams in (2, 5, 64):
        assert follow(engine, x[:streams], 3)[:1].tobytes() == expected.tobytes()


def test_the_engines_agree_on_the_rhythm(engine):
    np.testing.assert_allclose(follow(engine, rows(), 9), follow(load_engine("tensorflow"), rows(), 9), atol=1e-5)


def test_the_engines_agree_on_real_ecg(data):
    record = wfdb.rdrecord(str(data / "mitdb" / "203"), sampto=360 * 30)
    samples = condition(record.p_signal, 360)["normal"]
    served, reference = load_engine("numba"), load_engine("tensorflow")
    np.testing.assert_allclose(through(served, samples, 20), through(reference, samples, 20), atol=1e-5)


@pytest.mark.parametrize("left", range(11))
def test_the_end_uses_the_context_that_there_is(engine, left):
    """What is put out at the end covers every sample but those that the convolutions cannot see past."""
    samples = signal(1, 8)[:, : 1000 + left]
    got = through(engine, samples, 5)[0, engine.segment.right_context :]
    assert len(got) == 1000 + left - engine.card.right_samples - left % engine.card.stride
    np.testing.assert_allclose(got.sum(axis=1), 1.0, atol=1e-5)
    longer = through(engine, signal(1, 8)[:, :1100], 5)[0, engine.segment.right_context :]
    settled = 1000 - engine.segment.right_context
    assert got[:settled].tobytes() == longer[:settled].tobytes()


def test_an_unknown_engine_names_the_choices():
    with pytest.raises(EngineError, match="runs on numba, onnx, tensorflow"):
        load_engine("torch")


def test_an_unknown_profile_names_the_choices():
    with pytest.raises(ValueError, match="careful, default, fast"):
        load_engine("numba", "slow")


def test_an_absent_engine_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(EngineError, match=r"pip install 'qrstream\[train\]'"):
        load_engine("tensorflow")


def test_a_damaged_model_is_refused(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(default_folder(), folder)
    assert load_model(folder).digest == load_model().digest
    (folder / "weights.npz").unlink()
    with pytest.raises(ModelError, match=r"weights\.npz is missing"):
        load_model(folder)
    shutil.copy(default_folder() / "weights.npz", folder)
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ModelError, match=r"model\.onnx does not have the checksum"):
        load_model(folder)
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelError, match="missing"):
        load_model(folder)


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match="not a model folder"):
        load_model(tmp_path)
