"""What the cards of the gallery say."""

from tools.release_gallery import finite, row


def test_what_a_design_does_not_tell_is_left_out():
    measured = {
        "mitdb": {"Se": 99.0, "PPV": 98.0},
        "mitdb_ventricular": {"Se": 0.0, "PPV": None},
        "ludb_waves": {"P_onset_F1": float("nan"), "QRS_onset_F1": 99.0},
        "empty": {"Se": None},
    }
    assert finite(measured) == {"mitdb": {"Se": 99.0, "PPV": 98.0}, "ludb_waves": {"QRS_onset_F1": 99.0}}


def test_a_row_has_beats_and_boundaries():
    errors = {"onset_mean": -1.0, "onset_sd": 7.0, "offset_mean": 2.0, "offset_sd": 8.0}
    figures = {"mitdb": {"Se": 99.0, "PPV": 98.0}, "qtdb": errors, "ludb": errors}
    assert row("x", figures) == ["x", "99.00", "98.00", *["-1.0 ± 7.0", "+2.0 ± 8.0"] * 2]
