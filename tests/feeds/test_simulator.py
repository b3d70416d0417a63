from itertools import pairwise

import numpy as np
import pytest

from streamer.feeds import FeedError, Simulator, parse_script
from streamer.feeds.simulator import RHYTHMS, Disturbances, parse_lead_off
from tests.conftest import heart


@pytest.mark.parametrize("size", [1, 37, 1000])
def test_the_same_seed_gives_the_same_signal_however_it_is_cut(size):
    make = lambda: Simulator(250, ["II", "V5"], [("pvc", 5)], 8, seed=7)  # noqa: E731
    whole = np.concatenate(list(make().blocks(2000)))
    assert np.concatenate(list(make().blocks(size))).tobytes() == whole.tobytes()
    assert whole.shape == (2000, 2)
    assert whole.dtype == np.float32
    other = Simulator(250, ["II", "V5"], [("pvc", 5)], 8, seed=8)
    assert np.concatenate(list(other.blocks(2000))).tobytes() != whole.tobytes()


@pytest.mark.parametrize("fs", [100, 250, 1000])
def test_waves_lie_where_the_annotations_say(fs):
    x, true = heart(20, fs, noise=0, baseline=0)
    for beat in true[1:]:
        onset, peak, offset = beat.qrs
        inside = x[int(onset) : int(offset) + 1, 0]
        assert abs(int(onset) + np.argmax(inside) - peak) <= max(1, 0.003 * fs)
        p = x[int(beat.p[0]) : int(beat.p[2]) + 1, 0]
        assert abs(int(beat.p[0]) + np.argmax(p) - beat.p[1]) <= 0.02 * fs
        assert beat.p[2] < onset < peak < offset < beat.t[0]
        assert 0.08 < (offset - onset) / fs < 0.11


def test_outside_the_boundaries_little_is_left():
    x, true = heart(20, 1000, noise=0, baseline=0)
    for beat in true[1:]:
        before, after = int(beat.qrs[0]), int(beat.qrs[2])
        height = np.ptp(x[before:after])
        assert abs(x[before, 0] - x[before - 15, 0]) < 0.05 * height
        assert abs(x[after, 0] - x[after + 15, 0]) < 0.06 * height


def rr(script, seconds=60):
    _, true = heart(seconds, script=script)
    return np.diff([b.qrs[1] for b in true]) / 250, true


def test_each_rhythm_is_what_its_name_says():
    sinus, true = rr("sinus")
    assert 0.02 < np.std(sinus) / np.mean(sinus) < 0.08
    assert all(b.kind == "N" and b.p for b in true)
    af, true = rr("af")
    assert np.std(af) / np.mean(af) > 0.15
    assert all(b.p is None for b in true)
    assert 60 / np.mean(rr("brady")[0]) < 45
    assert 60 / np.mean(rr("tachy")[0]) > 130
    assert np.max(rr("pause")[0]) > 3
    vt, true = rr("vt")
    assert 60 / np.mean(vt) > 150
    assert all(b.kind == "V" for b in true)
    _, true = rr("bigeminy")
    assert "".join(b.kind for b in true).count("NV") >= len(true) // 2 - 1
    _, true = rr("pvc")
    assert 0.05 < np.mean([b.kind == "V" for b in true]) < 0.4


def test_rhythms_that_are_made_for_a_label():
    flutter, true = rr("flutter")
    assert np.std(flutter) / np.mean(flutter) < 0.02
    assert all(b.p is None for b in true)
    svt, true = rr("svt")
    assert 60 / np.mean(svt) > 150
    assert all(b.kind == "N" and b.p is None for b in true)
    _, true = rr("trigeminy")
    assert "".join(b.kind for b in true).count("NNV") >= len(true) // 3 - 1
    paced, true = rr("paced")
    assert np.std(paced) < 1e-9
    assert all(b.kind == "/" for b in true)
    assert len(heart(10, script="asystole")[1]) == 0
    quiet, loud = (heart(10, script=name, baseline=0.0)[0] for name in ("asystole", "noise"))
    assert quiet.std() < 0.02 < 0.5 < loud.std()


def test_ventricular_fibrillation_has_no_beats_and_a_period():
    x, true = heart(10, script="vf", baseline=0.0)
    assert true == []
    spectrum = np.abs(np.fft.rfft(x[:, 0] * np.hanning(len(x)))) ** 2
    hz = np.fft.rfftfreq(len(x), 1 / 250)
    assert spectrum[(hz > 3) & (hz < 8)].sum() > 0.8 * spectrum.sum()


def test_a_script_is_played_in_turn_and_again():
    simulator = Simulator(250, script=parse_script("sinus:5, vt:3"), seconds=18)
    list(simulator.blocks(500))
    assert [k for k in range(len(simulator.beats) - 1) if simulator.beats[k].rhythm != simulator.beats[k + 1].rhythm]
    seen = [b.rhythm for b in simulator.beats]
    turns = [seen[0]] + [b for a, b in pairwise(seen) if a != b]
    assert turns[:4] == ["sinus", "vt", "sinus", "vt"]
    assert set(RHYTHMS) >= set(turns)


def test_mains_baseline_and_a_lead_off():
    disturbances = Disturbances(noise=0, mains=0.2, baseline=0.5, lead_off=[("V1", 2.0, 1.0)])
    x = np.concatenate(list(Simulator(250, ["II", "V1"], None, 6, disturbances).blocks(1500)))
    assert np.isnan(x[500:750, 1]).all()
    assert np.isfinite(np.delete(x[:, 1], np.s_[500:750])).all()
    assert np.isfinite(x[:, 0]).all()
    spectrum = np.abs(np.fft.rfft(x[:, 0])) / len(x)
    assert spectrum[50 * 6] * 2 == pytest.approx(0.2, rel=0.1)


@pytest.mark.parametrize("text", ["rest:5", "sinus", "sinus:x", "sinus:-1", "sinus:nan", ""])
def test_a_bad_script_gets_a_sentence(text):
    with pytest.raises(FeedError, match="expected"):
        parse_script(text)


def test_a_bad_lead_or_rate_gets_a_sentence():
    with pytest.raises(FeedError, match="it has II, I, V1, V5"):
        Simulator(250, ["aVR"])
    with pytest.raises(FeedError, match="100 to 2000"):
        Simulator(50)
    with pytest.raises(FeedError, match="LEAD:START:SECONDS"):
        parse_lead_off("II:3")
