"""Noise of a known level, and calibration."""

import numpy as np
import pytest

from models.architecture import Size, build
from models.beats import calibrate
from models.export import PROFILES
from models.stress import QUIET_S, TURN_S, noise_power, signal_power, stressed
from models.train import blend
from streamer.engine import load_engine
from streamer.engine.card import Logistic

FS = 360


@pytest.fixture
def spikes():
    """Ten minutes of beats of 2 mV, a second apart."""
    x = np.zeros(600 * FS)
    beats = np.arange(FS // 2, len(x), FS)
    for k in range(-4, 5):
        x[beats + k] = 2.0 * (1 - abs(k) / 5)
    return x, beats


@pytest.mark.parametrize("level", [12.0, 0.0, -6.0])
def test_noise_has_the_level_that_was_asked_for(spikes, level):
    x, beats = spikes
    noise = np.random.default_rng(0).normal(0, 3.0, 200 * FS).astype(np.float32)
    y = stressed(x, FS, beats, noise, level)
    added = (y - x)[QUIET_S * FS : (QUIET_S + TURN_S) * FS]
    assert signal_power(x, beats, FS) == pytest.approx(2.0**2 / 8)
    assert 10 * np.log10(signal_power(x, beats, FS) / added.var()) == pytest.approx(level, abs=0.2)


def test_noise_comes_in_turns_after_five_minutes(spikes):
    x, beats = spikes
    noise = np.ones(100 * FS, np.float32) + np.random.default_rng(0).normal(0, 1, 100 * FS).astype(np.float32)
    changed = (stressed(x, FS, beats, noise, 6.0) != x).reshape(-1, FS).any(axis=1)
    assert np.flatnonzero(np.diff(changed)).tolist() == [299, 419, 539]


def test_noise_power_is_not_moved_by_a_burst():
    noise = np.random.default_rng(1).normal(0, 1, 100 * FS)
    burst = noise.copy()
    burst[: 2 * FS] *= 100
    assert noise_power(burst, FS) == pytest.approx(noise_power(noise, FS), rel=0.05)


def test_calibration_finds_what_the_scores_mean():
    random = np.random.default_rng(2)
    true = Logistic(slope=2.0, bias=-1.0)
    scores = random.uniform(0.01, 0.99, 20000)
    probability = np.array([true(s) for s in scores])
    truth = (random.random(len(scores)) < probability).astype(float)
    patients = np.array([f"{k % 5}" for k in range(len(scores))])
    found = calibrate(scores, truth, patients)
    assert found.slope == pytest.approx(2.0, abs=0.15)
    assert found.bias == pytest.approx(-1.0, abs=0.15)
    assert np.abs(found.told - probability).max() < 0.05


def test_the_cost_of_the_released_size():
    """Counted by hand for a hop of 10 samples and 8 steps of context, in multiplications and additions a hop."""
    size = Size()
    row = 10 + size.receptive - 2
    first, second, third = row - 4, (row - 4 - 5) // 2 + 1, 5
    macs = first * 5 * 16 + second * 5 * 16 * 16 + third * 5 * 16 * 32
    macs += 5 * 4 * 40 * (32 + 40) + 13 * 4 * 32 * (32 + 32) + 5 * 72 * 2 * 5
    assert size.megaflops(PROFILES["default"]) == pytest.approx(2 * macs * 25 / 1e6)
    assert size.megaflops(PROFILES["default"]) <= 12
    assert sum(part.count_params() for part in build(size).values()) <= 30_000


def test_a_blend_lies_between(tmp_path):
    from models.card import describe
    from models.export import export

    size = Size(channels=(4, 4, 6), forward=5, backward=4)
    folders = []
    for value in (1.0, 3.0):
        parts = build(size)
        for part in parts.values():
            part.set_weights([np.full_like(w, value) for w in part.get_weights()])
        export(parts, size, tmp_path / f"{value}", describe(size, parts))
        folders.append(tmp_path / f"{value}")
    blend(*folders, size, tmp_path / "blend")
    engine = load_engine("tensorflow", "default", tmp_path / "blend")
    assert engine.card.forward == 5
    import keras

    weights = keras.saving.load_model(tmp_path / "blend" / "model.keras", compile=False).get_weights()
    assert all(np.allclose(w, 1.5) for w in weights)


def test_training_goes_on_where_it_was_interrupted(tmp_path, monkeypatch):
    import json

    from models import train as trainer
    from tests.models.test_labels import excerpt, noise

    monkeypatch.setattr(trainer, "STEPS", 2)
    monkeypatch.setattr(trainer, "STREAMS", 3)
    monkeypatch.setattr(trainer, "SEGMENTS", ((5, 8),))
    monkeypatch.setattr(trainer, "noises", lambda validation: noise())
    # what a network is worth is not the question here, and measuring it needs the databases
    monkeypatch.setattr(trainer, "boundary_errors", lambda engine: {"onset_sd": 7.0, "offset_sd": 8.0})
    monkeypatch.setattr(trainer, "beat_errors", lambda engine: {"missed": 1.0, "invented": 1.0})
    draw = trainer.plot_curves

    def power_cut(history, panels, path):
        draw(history, panels, path)
        if len(history) == 2:
            raise KeyboardInterrupt

    size = Size(channels=(4, 4, 6), forward=5, backward=4)
    arguments = (tmp_path, ([excerpt()], [1.0]), 3, 1e-3, 1)
    monkeypatch.setattr(trainer, "plot_curves", power_cut)
    with pytest.raises(KeyboardInterrupt):
        trainer.train(*arguments, size=size)
    before = json.loads((tmp_path / "history.json").read_text())
    monkeypatch.setattr(trainer, "plot_curves", draw)
    folder = trainer.train(*arguments, size=size)
    history = json.loads((tmp_path / "history.json").read_text())
    assert [row["epoch"] for row in history] == [0, 1, 2]
    assert history[:2] == before
    assert load_engine("onnx", "default", folder).card.forward == 5
    assert (tmp_path / "curves.png").stat().st_size > 1000
