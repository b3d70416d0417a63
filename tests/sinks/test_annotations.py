"""Annotation files, read back with wfdb."""

import pytest
import wfdb

from streamer import Beat, Detector
from streamer.detect.rhythm.episodes import Episode
from streamer.sinks.annotations import final_beats, final_waves, write_annotations
from tests.conftest import heart


@pytest.fixture(scope="module")
def events(engine):
    x, _ = heart(12)
    detector = Detector(250, ["II"], engine=engine)
    return detector.push(x) + detector.flush()


def test_rhythms_are_notes_in_order(events, tmp_path):
    beats = final_beats(events)
    rhythms = [
        Episode("N", 100.0, 1500.0, 900, 0.9),
        Episode(None, 1500.0, 1600.0, 1600, None),
        Episode("AFIB", 1600.4, 3000.0, 2000, 0.8),
    ]
    write_annotations(beats, "r", "qrs", tmp_path, 250, final_waves(events), rhythms=rhythms)
    read = wfdb.rdann(str(tmp_path / "r"), "qrs")
    notes = [(s, t.strip("\x00")) for s, k, t in zip(read.sample, read.symbol, read.aux_note, strict=True) if k == "+"]
    assert notes == [(100, "(N"), (1600, "(AFIB")]
    assert (read.sample[1:] >= read.sample[:-1]).all()
    assert read.symbol.count("N") == len(beats)
    assert {t for k, t in zip(read.symbol, read.aux_note, strict=True) if k != "+"} == {""}


def test_without_boundaries_there_are_beats_alone(events, tmp_path):
    beats = final_beats(events)
    write_annotations(beats, "r", "qrs", tmp_path, 250, boundaries=False)
    read = wfdb.rdann(str(tmp_path / "r"), "qrs")
    assert read.symbol == ["N"] * len(beats)
    assert abs(read.sample - [b.peak for b in beats]).max() <= 0.5


def test_an_extension_that_wfdb_refuses_gets_a_sentence(events, tmp_path):
    beats = [e for e in events if isinstance(e, Beat)]
    with pytest.raises(ValueError, match="expected letters only"):
        write_annotations(beats, "r", "q1", tmp_path, 250)
