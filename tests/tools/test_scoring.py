"""Scoring on annotations that are made by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.scoring import Count, Reference, gross, match, nearest_errors, pooled, ventricular, wave_counts

FS = 250


def reference(*beats, left_out=()):
    """Beats as (seconds, type)."""
    return Reference(
        np.array([round(s * FS) for s, _ in beats], np.int64),
        np.array([k for _, k in beats], "U1"),
        np.array(left_out, np.float64).reshape(-1, 2) * FS,
    )


def seconds(*times):
    return np.array(times) * FS


def test_beats_are_matched_within_the_window():
    ref = reference((1, "N"), (2, "N"), (3, "N"))
    result = match(ref, seconds(1.14, 2.2, 2.95), FS)
    assert result.count == Count(2, 1, 1)
    assert result.missed.tolist() == [1]
    assert result.invented.tolist() == [1]


def test_one_detection_is_one_beat():
    assert match(reference((1, "N")), seconds(0.95, 1.05), FS).count == Count(1, 1, 0)
    assert match(reference((1, "N"), (1.1, "N")), seconds(1.05), FS).count == Count(1, 0, 1)


def test_the_learning_period_is_not_scored():
    ref = reference((1, "N"), (299, "N"), (301, "N"), (302, "N"))
    assert match(ref, seconds(1, 150, 301), FS, start_s=300).count == Count(1, 0, 1)


def test_ventricular_flutter_is_not_scored():
    ref = reference((1, "N"), (5, "V"), (9, "N"), left_out=[(4, 6)])
    assert match(ref, seconds(1, 4.5, 5.6, 9), FS).count == Count(2, 0, 0)


def test_nothing_found_and_nothing_to_find():
    assert match(reference((1, "N")), np.zeros(0), FS).count == Count(0, 0, 1)
    assert match(reference(), seconds(1), FS).count == Count(0, 1, 0)
    assert np.isnan(Count(0, 0, 0).f1)


@given(
    st.lists(st.integers(0, 20000), max_size=30, unique=True), st.lists(st.integers(0, 20000), max_size=30, unique=True)
)
def test_every_beat_is_counted_once(true, found):
    ref = Reference(np.array(sorted(true), np.int64), np.array(["N"] * len(true), "U1"), np.zeros((0, 2)))
    result = match(ref, np.array(sorted(found), np.float64), FS)
    assert result.count.tp + result.count.fn == len(true)
    assert result.count.tp + result.count.fp == len(found)
    assert len(set(result.found.tolist())) == len(result.found)


def test_ventricular_beats_are_counted_as_ec57_asks():
    ref = reference((1, "V"), (2, "N"), (3, "F"), (4, "V"), (5, "V"), (6, "Q"))
    peaks = seconds(1, 2, 3, 4, 6, 7)
    called = np.array([0.9, 0.8, 0.9, 0.1, 0.9, 0.7])
    # found: 1; false: the N and the invented; missed: the one called otherwise and the one not found; F and Q are free
    assert ventricular(ref, match(ref, peaks, FS), called) == Count(1, 2, 2)


def test_boundary_errors_are_found_minus_true_in_ms():
    errors = nearest_errors(np.array([[101.0, 124.0]]), np.array([[100.0, 125.0], [400.0, 425.0]]), FS)
    assert errors[0].tolist() == [4.0, -4.0]
    assert np.isnan(errors[1]).all()
    spread = pooled(errors)
    assert spread.mean.tolist() == [4.0, -4.0]


def test_waves_are_counted_one_to_one():
    truth = np.array([[100.0, 120.0], [300.0, 320.0]])
    found = np.array([[104.0, 160.0], [108.0, 121.0], [600.0, 620.0]])
    onset, offset = wave_counts(found, truth, FS, 0.04)
    assert onset == Count(1, 2, 1)
    assert offset == Count(1, 2, 1)


def test_gross_adds_up():
    total = gross([Count(8, 1, 2), Count(2, 1, 0)])
    assert total == Count(10, 2, 2)
    assert total.f1 == pytest.approx(100 * 20 / 24)
