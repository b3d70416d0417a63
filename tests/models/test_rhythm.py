"""How rhythms are learned: labels, batches, synthetic rhythms, and what is served."""

import json
from dataclasses import replace

import keras
import numpy as np
import onnxruntime
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from models.rhythm.architecture import build
from models.rhythm.batches import STEPS, STREAMS, Batches
from models.rhythm.calibrate import temperature
from models.rhythm.data import CINC, CLASSES, MEANT, NOT_AF, Beats, bits, joined, labels, of_intervals, read
from models.rhythm.export import onnx_graph, served
from models.rhythm.record import onnx_graph as record_graph
from models.rhythm.synthetic import synthetic
from streamer.detect.rhythm.features import FEATURES

VENTRICULAR, SHOWN, RR = (FEATURES.index(name) for name in ("ventricular", "shown", "rr"))


def track(name, label, n=120, ventricular=0.0, seed=0):
    random = np.random.default_rng(seed)
    beats = of_intervals(name, 250, np.cumsum(random.normal(200, 8, n)).astype(int), np.zeros((n, len(CLASSES)), bool))
    beats.rows[:, SHOWN] = 1
    beats.rows[:, VENTRICULAR] = ventricular
    beats.meant[:] = bits(frozenset({label}))
    return beats


@pytest.fixture(scope="module")
def every():
    tracks = [replace(track(f"cinc2017/A{k:05d}", "N", seed=k), record=0) for k in range(6)]
    tracks += [replace(track(f"cinc2017/A{k:05d}", "AFIB", seed=k), record=1) for k in range(10, 14)]
    tracks += [
        track("joined/A1+A2", "N"),
        track("ludb/1/i", "N"),
        track("nsr2db_rr/1", "N"),
        track("afdb_rr/1", "AFIB"),
    ]
    return [*tracks, track("mitdb/900/0/clean", "B", ventricular=0.9), track("mitdb/901/0/clean", "N")]


def test_labels_hold_from_their_note_on():
    changes = [(100, "N"), (200, "AFIB"), (300, "VFL"), (400, "PREX")]
    found = labels(changes, np.array([50.0, 100.0, 199.0, 200.0, 350.0, 500.0]))
    assert found.tolist() == [
        bits(meant).tolist()
        for meant in (frozenset(), MEANT["N"], MEANT["N"], MEANT["AFIB"], frozenset(), MEANT["PREX"])
    ]
    assert "AFIB" not in NOT_AF
    assert CINC["O"].isdisjoint({"AFIB", "NOISE"})


def test_synthetic_rhythms_are_what_they_are_called(every):
    made = synthetic(every, 3)
    labels = np.concatenate([b.meant.argmax(axis=1) for b in made])
    rows = np.concatenate([b.rows for b in made])
    assert all((b.meant.sum(axis=1) == 1).all() for b in made)
    assert {CLASSES[k] for k in set(labels)} == {"N", "AFIB", "B", "T", "VT", "SVTA"}
    ventricular = rows[:, VENTRICULAR] > 0.5
    for name, share in (("B", 1 / 2), ("T", 1 / 3), ("VT", 1.0), ("SVTA", 0.0)):
        chosen = labels == CLASSES.index(name)
        assert ventricular[chosen].mean() == pytest.approx(share, abs=0.03)
    fast = labels == CLASSES.index("VT")
    assert np.median(np.exp(rows[fast, RR] / 2) * 0.8) < 0.6
    again = synthetic(every, 3)
    assert all((a.rows == b.rows).all() for a, b in zip(made[:20], again[:20], strict=True))


def test_batches_follow_one_another_and_are_seeded(every):
    batches = Batches(every + synthetic(every, 0))
    first = list(batches.draw(6, [1, 0]))
    again = list(batches.draw(6, [1, 0]))
    other = next(iter(batches.draw(1, [1, 1])))
    for a, b in zip(first, again, strict=True):
        assert (a.rows == b.rows).all()
        assert (a.keep == b.keep).all()
    assert (other.rows != first[0].rows).any()
    assert not first[0].keep.any()
    assert 0.5 < np.mean([batch.keep.mean() for batch in first[1:]]) < 1
    batch = first[-1]
    assert batch.rows.shape == (STREAMS, STEPS, len(FEATURES))
    assert np.isfinite(batch.rows).all()
    known = batch.weight > 0
    assert (batch.meant[known].sum(axis=1) >= 1).all()
    alone = (batch.rows[..., SHOWN] == 0) & known
    assert (batch.rows[alone][:, SHOWN:] == 0).all()


def test_what_is_served_is_what_keras_says():
    keras.utils.set_random_seed(0)
    network = build()
    width = network.get_layer("lstm").units
    random = np.random.default_rng(0)
    rows = random.normal(0, 1, (3, 7, len(FEATURES))).astype(np.float32)
    h, c = (random.normal(0, 0.5, (3, width)).astype(np.float32) for _ in range(2))
    logits, _, h_after, c_after = (np.asarray(x) for x in network([rows, h, c], training=False))
    expected = np.exp(logits / 1.7) / np.exp(logits / 1.7).sum(axis=-1, keepdims=True)
    graph = onnx_graph(served(network, 1.7))
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    found = session.run(["probabilities", "h_after", "c_after"], {"rows": rows, "h": h, "c": c})
    for a, b in zip(found, (expected, h_after, c_after), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_trees_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    x = random.random((800, 12)).astype(np.float32)
    x[::5, 3] = np.nan
    y = (4 * x[:, 0]).astype(int)
    trees = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(x, y)
    session = onnxruntime.InferenceSession(record_graph(trees).SerializeToString())
    (found,) = session.run(["probabilities"], {"rows": x})
    np.testing.assert_allclose(found, trees.predict_proba(x), atol=1e-5)


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_is_found(true):
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (20_000, len(CLASSES)))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    drawn = (p.cumsum(axis=1) > random.random((len(p), 1))).argmax(axis=1)
    meant = np.eye(len(CLASSES), dtype=bool)[drawn]
    nothing = np.arange(len(p), dtype=float)
    beats = Beats("mitdb/1", 250, nothing, nothing, np.zeros((len(p), 1), np.float32), meant)
    assert temperature([beats], {"mitdb/1": (true * logits).astype(np.float32)}) == pytest.approx(true, rel=0.05)


def test_records_are_read_with_their_rhythms(data):
    (beats,) = read(("afdb_rr", "05091"))
    assert beats.meant.any(axis=1).mean() > 0.99
    assert not beats.rows[:, SHOWN:].any()
    one, other = joined(True)[0]
    (both,) = read(("joined", f"{one}+{other}"))
    turn = (both.meant == bits(CINC["A"])).all(axis=1).argmax()
    assert 5 < turn < len(both.at) - 5
    assert (both.meant[:turn] == bits(CINC["N"])).all()
    assert (both.meant[turn:] == bits(CINC["A"])).all()


def test_training_goes_on_where_it_was_interrupted(every, tmp_path, monkeypatch):
    from models.rhythm import train as trainer

    monkeypatch.setattr(trainer, "STEPS", 3)
    # which patients validate is not the question here
    monkeypatch.setattr(trainer, "validates", lambda record: record.name.startswith("cinc2017/A00001"))
    draw = trainer.plot_curves

    def power_cut(history, panels, path):
        draw(history, panels, path)
        if len(history) == 1:
            raise KeyboardInterrupt

    whole = trainer.train(tmp_path / "whole", every, 2, 1)
    monkeypatch.setattr(trainer, "plot_curves", power_cut)
    with pytest.raises(KeyboardInterrupt):
        trainer.train(tmp_path / "cut", every, 2, 1)
    monkeypatch.setattr(trainer, "plot_curves", draw)
    again = trainer.train(tmp_path / "cut", every, 2, 1)
    histories = [json.loads((tmp_path / run / "history.json").read_text()) for run in ("whole", "cut")]
    assert [row["epoch"] for row in histories[1]] == [0, 1]
    assert histories[0][0]["loss"] == pytest.approx(histories[1][0]["loss"])
    shapes = [[w.shape for w in keras.saving.load_model(file, compile=False).get_weights()] for file in (whole, again)]
    assert shapes[0] == shapes[1]
    assert (tmp_path / "cut" / "curves.png").stat().st_size > 1000
