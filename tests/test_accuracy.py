"""Accuracy on real recordings of validation patients; skipped where the databases are not."""

import numpy as np
import pytest

from models.data import beats, names
from models.rhythm.data import reference
from streamer import Detector
from streamer.detect.rhythm.record import RecordClassifier
from streamer.feeds import open_wfdb
from streamer.sinks.annotations import final_beats
from tools.beats import score_folder, ventricular_counts
from tools.delineation import delineate_ludb, qtdb_errors, qtdb_truth
from tools.detection import detect
from tools.drift import looped
from tools.evaluate_rhythm import counted, summed
from tools.leads import lead_rows
from tools.rhythm import challenge_f1, follow_beats, follow_signal
from tools.scoring import by_record, gross, pooled


@pytest.fixture(scope="module")
def scored(engine, data):
    return score_folder(engine, [data / "mitdb" / name for name in names("mitdb", True)])


def test_beats_of_mitdb(scored):
    count = gross(s.whole.count for s in scored)
    assert count.se > 99.6
    assert count.ppv > 99.6
    assert all(s.whole.count.f1 > 99.6 for s in scored if s.name != "203")


def test_ventricular_beats_of_mitdb(scored):
    count = gross(ventricular_counts(scored).values())
    assert count.se > 80
    assert count.ppv > 85


def test_confidence_means_what_it_says(scored):
    """As many beats are real as are said to be, and fewer of those that are unsure."""
    told = np.concatenate([[b.confidence for b in s.found.beats] for s in scored])
    real = np.concatenate([np.isin(np.arange(len(s.found.beats)), s.whole.found) for s in scored])
    assert abs(told.mean() - real.mean()) < 0.01
    assert real[told < 0.5].mean() < real[told < 0.9].mean() < real[told >= 0.99].mean()
    assert real[told >= 0.99].mean() > 0.995


def test_qrs_boundaries_of_qtdb(engine, data):
    errors = qtdb_errors(lambda path, leads: detect(engine, path, leads).qrs, qtdb_truth())
    assert not np.isnan(np.concatenate(list(errors.values()))).any()
    spread = by_record(list(errors.values()))
    assert (np.abs(spread.mean) < 1.5).all()
    assert (spread.sd < (7.2, 8.3)).all()


def test_waves_of_ludb(engine, data):
    def run(path, lead):
        return detect(engine, path, [lead]).by_kind

    result = delineate_ludb(run)
    spread = pooled(result.errors)
    assert (np.abs(spread.mean) < 2.0).all()
    assert (spread.sd < (10.5, 11.5)).all()
    for wave, least in (("P", 97.0), ("QRS", 99.7), ("T", 99.0)):
        assert all(count.f1 > least for count in result.waves[wave][0])
    assert result.waves["QRS"][1][0].se >= 99.7


def test_many_leads_beat_one_and_losing_one_loses_no_beat(engine, data):
    head, rows = lead_rows(engine)
    found = {row[0]: dict(zip(head, row, strict=False)) for row in rows}
    assert all(row["missed"] == 0 for row in found.values())

    def sd(row, part):
        return float(found[row][f"{part}, mean ± SD, ms"].split("±")[1])

    assert sd("12", "onset") < sd("II alone", "onset")
    assert sd("12", "offset") < sd("II alone", "offset")


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


def test_hours_do_not_change_it(engine, data):
    hours = looped(engine, data / "mitdb" / "119", 3)
    assert hours[-1].count.f1 > 99.7
    assert abs(hours[-1].count.f1 - hours[1].count.f1) < 0.1
    assert abs(hours[-1].h_norm / hours[1].h_norm - 1) < 0.02
    assert abs(hours[-1].c_norm / hours[1].c_norm - 1) < 0.02


@pytest.fixture(scope="module")
def followed(engine, data):
    return {
        "afdb_rr": [follow_beats(engine, data / "afdb_rr" / name, 250, "qrs") for name in ("04746", "06995")],
        "nsr2db_rr": [follow_beats(engine, data / "nsr2db_rr" / "nsr017", 128, "ecg", None)],
        "mitdb": [follow_signal(engine, data / "mitdb" / name) for name in ("106", "119", "203")],
    }


def test_atrial_fibrillation_of_afdb_and_mitdb(followed):
    for database, se, ppv in (("afdb_rr", 97, 95), ("mitdb", 97, 95)):
        times = summed(followed[database], "AFIB", False, "AFL")
        assert times.se > se
        assert times.ppv > ppv
    found = counted(followed["afdb_rr"], "AFIB")
    assert np.median(found.delays) < 15


def test_a_day_of_normal_rhythm_has_no_fibrillation(followed):
    assert counted(followed["nsr2db_rr"], "AFIB").false <= 1
    assert counted(followed["mitdb"][:2], "AFIB").false == 0


def test_flutter_of_the_ventricles_is_told_by_definition(engine, data):
    record = follow_signal(engine, data / "mitdb" / "207")
    found, times = counted([record], "VF", 0.0), summed([record], "VF", False)
    assert found.found == found.annotated == 6
    assert np.median(found.delays) < 5
    assert times.se > 90
    assert times.ppv > 90


def test_classes_of_short_recordings(engine, data):
    chosen = names("cinc2017", True)[::6]
    real, told = [], []
    classifier, classes = RecordClassifier(engine.model.folder), reference()
    for name in chosen:
        recording = open_wfdb(data / "cinc2017" / name)
        detector = Detector(recording.fs, recording.leads, recording.unit, engine=engine)
        probabilities = classifier(detector.push(recording.samples) + detector.flush(), recording.fs)
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-4)
        real.append(classes[name])
        told.append(max(probabilities, key=probabilities.__getitem__))
    assert challenge_f1(real, told)["F1"] > 0.75
