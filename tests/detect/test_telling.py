"""What is told of a beat, on simulated hearts whose waves are known."""

import msgspec
import numpy as np
import pytest

from streamer import Beat, Detector, Waves
from streamer.engine.onnx import OnnxEngine
from tests.conftest import heart

FS = 250


def told(engine, script="sinus", seconds=40, fs=FS, **more):
    x, true = heart(seconds, fs, script=script, **more)
    detector = Detector(fs, ["II"], engine=engine)
    events = detector.push(x) + detector.flush()
    return [e for e in events if isinstance(e, Beat)], [e for e in events if isinstance(e, Waves)], true


def nearest(true, peak):
    return min(true, key=lambda beat: abs(beat.qrs[1] - peak))


@pytest.mark.parametrize("fs", [250, 360, 500])
def test_p_and_t_lie_where_they_are(engine, fs):
    beats, waves, true = told(engine, fs=fs)
    peaks = {beat.beat: beat.peak for beat in beats}
    found = [w for w in waves if w.p and w.t]
    assert len(found) >= len(true) - 2
    for w in found:
        beat = nearest(true, peaks[w.beat])
        for wave, points in ((w.p, beat.p), (w.t, beat.t)):
            assert wave.onset < wave.peak < wave.offset
            assert abs(wave.peak - points[1]) / fs < 0.04
            assert abs(wave.offset - points[2]) / fs < 0.06


def test_intervals_are_those_of_the_waves(engine):
    beats, waves, _ = told(engine)
    by_number = {beat.beat: beat for beat in beats}
    for w in waves:
        beat = by_number[w.beat]
        if w.p:
            assert w.pr_ms == pytest.approx(1000 * (beat.onset - w.p.onset) / FS)
        if w.t:
            assert w.qt_ms == pytest.approx(1000 * (w.t.offset - beat.onset) / FS)
        if w.t and beat.rr_ms:
            assert w.qtc_bazett_ms == pytest.approx(w.qt_ms / np.sqrt(beat.rr_ms / 1000))
            assert w.qtc_fridericia_ms == pytest.approx(w.qt_ms / np.cbrt(beat.rr_ms / 1000))
        else:
            assert w.qtc_bazett_ms is w.qtc_fridericia_ms is None


def test_every_beat_has_its_waves_once_and_after_it(engine):
    beats, waves, _ = told(engine, "pvc")
    first = {beat.beat: beat for beat in reversed(beats)}
    assert [w.beat for w in waves] == sorted({w.beat for w in waves})
    assert len(waves) == len(first)
    assert all(w.known >= first[w.beat].known for w in waves)


def test_waves_come_within_their_time(engine):
    """At most 640 ms after the QRS, and what the detector itself takes."""
    beats, waves, _ = told(engine, "af")
    offsets = {beat.beat: beat.offset for beat in beats}
    late = [(w.known - offsets[w.beat]) / FS for w in waves if "settling" not in w.flags]
    assert max(late) < 0.640 + 0.160


def test_ventricular_beats_are_told_from_others(engine):
    beats, waves, true = told(engine, "pvc", 60)
    probable = {"pvc": [], "sinus": []}
    for beat in beats:
        truth = nearest(true, beat.peak)
        probable["pvc" if truth.kind == "V" else "sinus"].append(beat.ventricular)
    assert len(probable["pvc"]) >= 5
    assert np.mean(probable["pvc"]) > 0.5 > 0.2 > np.mean(probable["sinus"])
    flagged = {w.beat for w in waves if "ventricular" in w.flags}
    assert flagged == {beat.beat for beat in beats if beat.ventricular >= 0.5}


def test_irregular_hearts_without_p_are_flagged_and_regular_ones_are_not(engine):
    _, waves, _ = told(engine, "af", 60)
    assert np.mean(["irregular" in w.flags for w in waves[12:]]) > 0.8
    _, waves, _ = told(engine, "sinus", 40)
    assert not any("irregular" in w.flags for w in waves)


def test_a_wave_that_is_not_there_is_said_to_be_missing(engine):
    _, waves, _ = told(engine, "af", 60)
    for w in waves:
        assert (w.p is None) == ("no_p" in w.flags) == (w.pr_ms is None)
        assert (w.t is None) == ("no_t" in w.flags) == (w.qt_ms is None)
    assert np.mean([w.p is None for w in waves]) > 0.7


def test_confidence_falls_with_noise(engine):
    clean, _, _ = told(engine, seconds=30, noise=0.0)
    noisy, _, _ = told(engine, seconds=30, noise=0.35)
    assert all(0 <= beat.confidence <= 1 for beat in clean + noisy)
    assert np.mean([b.confidence for b in noisy]) < np.mean([b.confidence for b in clean])


def test_a_model_without_types_and_calibration_says_less(engine):
    card = msgspec.structs.replace(engine.card, classes=engine.card.classes[:4], confidence=None, ventricular=None)
    plain = OnnxEngine(msgspec.structs.replace(engine.model, card=card), "default")
    beats, waves, _ = told(plain, "pvc", 20)
    calibrated, _, _ = told(engine, "pvc", 20)
    assert all(beat.ventricular is None for beat in beats)
    assert not any("ventricular" in w.flags for w in waves)
    for raw, beat in zip(beats, calibrated, strict=True):
        assert beat.confidence == pytest.approx(engine.card.confidence(raw.confidence))
