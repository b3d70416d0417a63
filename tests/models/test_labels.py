from types import SimpleNamespace

import numpy as np
import pytest

from models.augment import Augmenter, widen
from models.data import MASKED, NONE, QRS, UNTYPED, VALIDATION, VQRS, Excerpt, P, T, complexes, parse_waves
from models.streams import Streams, condition, label
from models.teacher import cut, label_record
from models.train import MEANT
from tests.conftest import heart


class Annotation:
    def __init__(self, *marks):
        self.sample = np.array([s for s, _ in marks])
        self.symbol = [k for _, k in marks]


def excerpt(seconds=20, fs=250):
    x, true = heart(seconds, fs)
    rows = []
    for beat in true:
        for wave, kind in ((beat.p, P), (beat.qrs, QRS), (beat.t, T)):
            if wave and wave[2] < len(x):
                rows.append((wave[0], wave[2], kind))
    known = np.array([[rows[0][0], rows[-1][1]]])
    return Excerpt("sim", fs, x[:, 0].astype(np.float32), np.array(rows, float), known, np.zeros((0, 2)))


def test_waves_are_read_and_what_is_half_known_is_doubtful():
    marks = [
        (10, "("),
        (15, "p"),
        (20, ")"),
        (30, "("),
        (35, "N"),
        (45, ")"),
        (70, "t"),
        (80, ")"),
        (85, "u"),
        (90, ")"),
    ]
    waves, doubtful, peaks = parse_waves(Annotation(*marks))
    assert waves == [(10, 20, P), (30, 45, UNTYPED), (70, 80, T)]
    assert doubtful == [(46, 70), (81, 90)]
    assert peaks == [35]


def test_labels_lie_on_the_resampled_axis_and_nothing_unknown_is_labelled():
    e = excerpt(fs=500)
    random = np.random.default_rng(0)
    labels = label(e, 5000, 2.0, np.zeros(5000, bool), random)
    for first, last, kind in e.waves[3:-3]:
        inside = labels[int(np.ceil(first / 2)) + 1 : int(last / 2)]
        assert (inside == kind).all()
    assert (labels[: int(e.known[0, 0] / 2)] == MASKED).all()
    assert (labels[int(e.known[0, 1] / 2) + 2 :] == MASKED).all()
    lost = np.zeros(5000, bool)
    lost[2000:2500] = True
    assert (label(e, 5000, 2.0, lost, random)[2000:2500] == MASKED).all()


def test_boundaries_are_learned_without_bias():
    """The middle between the last sample outside and the first inside is, on average, the annotated sample."""
    e = Excerpt(
        "x", 250.0, np.zeros(400, np.float32), np.array([[100.0, 130.0, QRS]]), np.array([[0, 399.0]]), np.zeros((0, 2))
    )
    random = np.random.default_rng(1)
    edges = [np.flatnonzero(np.diff(label(e, 400, 1.0, np.zeros(400, bool), random) == QRS)) + 0.5 for _ in range(400)]
    np.testing.assert_allclose(np.mean(edges, axis=0), [100, 130], atol=0.08)


def test_widened_beats_keep_their_labels():
    e = excerpt()
    wide = widen(e, np.random.default_rng(3))
    before = complexes(e.waves)
    after = complexes(wide.waves)
    lengths = (after[:, 1] - after[:, 0]) / (before[:, 1] - before[:, 0])
    assert len(wide.signal) > len(e.signal)
    assert lengths.max() > 1.3
    assert lengths.min() == pytest.approx(1.0, abs=0.01)
    assert (np.diff(after[:, 0]) > 0).all()
    assert wide.known[0, 1] > e.known[0, 1]


def test_a_widened_beat_is_of_unknown_type():
    e = excerpt()
    wide = complexes(widen(e, np.random.default_rng(3)).waves)
    lengths = (wide[:, 1] - wide[:, 0]) / (complexes(e.waves)[:, 1] - complexes(e.waves)[:, 0])
    assert (wide[lengths > 1.2, 2] == UNTYPED).all()
    assert (wide[lengths < 1.01, 2] == QRS).all()


def test_beats_keep_their_annotated_type():
    labels = np.zeros(2500, np.uint8)
    for first in (500, 1000, 1500, 2000):
        labels[first : first + 25] = QRS
    record = SimpleNamespace(fs=250, sig_len=2500, n_sig=1, sig_name=["II"], p_signal=np.zeros((2500, 1)))
    beats = np.array([[512, QRS], [1012, VQRS], [1512, UNTYPED], [2010, QRS], [2030, VQRS]])
    (piece,) = cut("x", record, labels, beats)
    assert piece.waves[:, 2].tolist() == [QRS, VQRS, UNTYPED, UNTYPED]  # two types at one QRS: it is left open
    assert len(piece.doubtful) == 8  # its boundaries are the experts' to give


def test_a_qrs_of_unknown_type_may_be_either():
    assert MEANT[QRS].tolist() == [0, 0, 1, 0, 0]
    assert MEANT[VQRS].tolist() == [0, 0, 0, 0, 1]
    assert MEANT[UNTYPED].tolist() == [0, 0, 1, 0, 1]


def test_the_teacher_is_believed_only_where_beats_are_annotated():
    scores = np.zeros((1000, 4), np.float32)
    scores[:, NONE] = 1.0
    for first, last, top in ((200, 225, 0.9), (500, 525, 0.9), (800, 822, 0.4)):
        scores[first:last, QRS] = top
        scores[first:last, NONE] = 1 - top
    labels = label_record(scores, np.array([212.0, 811.0, 350.0]), [(900.0, 950.0)])
    assert (labels[200:225] == QRS).all()
    assert (labels[500:525] == NONE).all()  # not annotated: a hard negative
    assert (labels[800:822] == QRS).all()  # annotated and seen, if faintly
    assert (labels[345:355] == QRS).all()  # annotated, not seen: its core,
    assert (labels[320:340] == MASKED).all()  # and nothing is said of its boundaries
    assert (labels[900:950] == MASKED).all()


def noise():
    random = np.random.default_rng(0)
    return {kind: random.normal(size=(20_000, 2)).astype(np.float32) for kind in ("bw", "em", "ma")}


def test_augmentation_is_seeded_and_leaves_the_recording_alone():
    e = excerpt()
    kept = e.signal.copy()
    augment = Augmenter(noise())
    one = augment(e.signal, e.fs, np.random.default_rng(5))
    two = augment(e.signal, e.fs, np.random.default_rng(5))
    np.testing.assert_array_equal(one[0], two[0])
    assert one[1] == two[1]
    np.testing.assert_array_equal(e.signal, kept)


def test_windows_follow_one_another():
    make = lambda window: Streams([excerpt()], [1.0], Augmenter(noise()), 2, window, 11, 20, seed=1)  # noqa: E731
    short, long = make(200), make(400)
    one, two, both = short.batch(), short.batch(), long.batch()
    np.testing.assert_array_equal(np.concatenate([one.labels, two.labels], axis=1), both.labels)
    np.testing.assert_array_equal(two.samples[:, :11], one.samples[:, 200:211])


def test_conditioning_for_training_is_that_of_the_detector():
    x, _ = heart(6, 360)
    assert condition(x, 360).shape == (1, 1500)


def test_the_split_is_by_patient():
    assert VALIDATION["mitdb"]("223")
    assert VALIDATION["qtdb"]("sel223")
    assert not VALIDATION["qtdb"]("sel230")
    assert VALIDATION["ludb"]("101")
    assert not VALIDATION["ludb"]("102")
