"""The report of a recording."""

import pytest

from streamer import report
from streamer.detect.events import Rhythm
from streamer.report import check, met_spans


def told(known, **definitions):
    return Rhythm(
        known=known, label="N", since=0.0, cause="change", probabilities={}, beats=9, seconds=9.0, heart_rate=None,
        lowest_rate=None, highest_rate=None, definitions=definitions, delay_ms=0.0,
    )  # fmt: skip


def test_definitions_hold_from_their_sample_until_they_are_not_told_any_more():
    events = [told(100, brady=20.0), told(200, brady=20.0, pause=150.0), told(300), told(400, pause=350.0)]
    spans = {name: found for name, found in met_spans(events, 500.0).items() if found}
    assert spans == {"brady": [(20.0, 300.0)], "pause": [(150.0, 300.0), (350.0, 500.0)]}


def test_one_that_is_met_anew_is_another():
    events = [told(100, pause=50.0), told(200, pause=150.0), told(300)]
    assert met_spans(events, 500.0)["pause"] == [(50.0, 200.0), (150.0, 300.0)]


def test_a_file_in_the_place_of_the_folder_gets_a_sentence(tmp_path):
    (tmp_path / "here").touch()
    with pytest.raises(ValueError, match="here is a file; expected a folder"):
        check(tmp_path / "here")
    check(tmp_path / "there")


def test_without_matplotlib_there_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(report, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'qrstream\[report\]'"):
        check(tmp_path)
