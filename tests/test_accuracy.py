"""Accuracy on real recordings of validation patients; skipped where the databases are not."""

import numpy as np

from models.data import QRS, beats, ludb
from streamer import Detector
from streamer.feeds import open_wfdb
from streamer.sinks.annotations import final_beats
from tools.evaluate import count_beats, errors, qtdb_errors


def test_beats_of_mitdb(engine, data):
    counts = count_beats(engine)
    found, invented, missed = np.sum(list(counts.values()), axis=0)
    assert found / (found + missed) > 0.995
    assert found / (found + invented) > 0.995
    assert counts["119"].figures["F1"] > 99.8


def test_qrs_boundaries_of_qtdb(engine, data):
    records, total = qtdb_errors(engine)
    assert sum(map(len, records.values())) >= 0.995 * total
    mean = np.mean([e.mean(axis=0) for e in records.values()], axis=0)
    spread = np.mean([e.std(axis=0) for e in records.values()], axis=0)
    assert (np.abs(mean) < 3).all()
    assert (spread < (8.5, 9.5)).all()


def test_twelve_leads_of_ludb_are_fused(engine, data):
    found, total = 0, 0
    for excerpt in [e for e in ludb(True) if e.name.endswith("/ii")][:12]:
        recording = open_wfdb(data / "ludb" / excerpt.name.split("/")[1])
        assert len(recording.leads) == 12
        detector = Detector(recording.fs, recording.leads, engine=engine)
        events = detector.push(recording.samples) + detector.flush()
        truth = excerpt.waves[excerpt.waves[:, 2] == QRS, :2]
        got = errors(final_beats(events), truth, recording.fs)
        found, total = found + len(got), total + len(truth)
    assert found == total


def test_a_bad_lead_does_not_lose_beats(engine, data):
    recording = open_wfdb(data / "mitdb" / "119")
    reference, _ = beats("mitdb", "119")
    samples = recording.samples[: 360 * 120].copy()
    samples[360 * 30 : 360 * 60, 0] = np.nan
    samples[360 * 60 : 360 * 90, 0] = samples[360 * 60, 0]
    detector = Detector(recording.fs, recording.leads, engine=engine)
    peaks = np.array([b.peak for b in final_beats(detector.push(samples) + detector.flush())])
    inside = reference[reference < len(samples) - 100]
    assert all(np.abs(peaks - r).min() < 54 for r in inside)
