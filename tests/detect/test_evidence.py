"""What a beat shows of the rhythm, against numpy."""

import numpy as np
import pytest

from streamer.conditioning.kernel import LOST, RING, RING_DTYPE
from streamer.detect import evidence
from streamer.detect.evidence import EVIDENCE_DTYPE, TEMPLATE_DTYPE


def ring_of(*leads, quality=1.0):
    ring = np.zeros((len(leads), RING), RING_DTYPE)
    for row, lead in zip(ring, leads, strict=True):
        row["normal"][: len(lead)] = lead
        row["quality"] = quality
    return ring


def compared(ring, templates, peak, onset=None, sample=RING - 1):
    result = np.zeros(1, EVIDENCE_DTYPE)
    evidence.compare(ring, templates, float(peak - 10 if onset is None else onset), float(peak), sample, result[0])
    return result[0]


def test_correlation_and_power_are_numpys():
    random = np.random.default_rng(0)
    signal = random.normal(0, 1, 600)
    templates = np.zeros(1, TEMPLATE_DTYPE)
    ring = ring_of(signal)
    first = compared(ring, templates, 200)
    assert first["compared"] == 0
    second = compared(ring, templates, 400)
    assert second["compared"] == 1
    heard = ring["normal"][0].astype(np.float64)
    one, two = (heard[p - evidence.QRS_BEFORE : p + evidence.QRS_AFTER] for p in (200, 400))
    assert second["like"] == pytest.approx(np.corrcoef(one, two)[0, 1], abs=1e-6)
    assert second["height"] == pytest.approx(two.std(), rel=1e-6)
    one, two = (heard[p - 10 - evidence.ATRIAL : p - 10 - evidence.ATRIAL_END] for p in (200, 400))
    assert second["atrial_like"] == pytest.approx(np.corrcoef(one, two)[0, 1], abs=1e-6)
    assert second["atrial_power"] == pytest.approx(two.std(), rel=1e-6)


def test_a_beat_like_the_others_is_like_them_and_one_that_is_turned_is_not():
    shape = np.hanning(25)
    signal = np.zeros(1000)
    for peak, sign in ((200, 1), (400, 1), (600, 2), (800, -1)):
        signal[peak - 12 : peak + 13] += sign * shape
    templates = np.zeros(1, TEMPLATE_DTYPE)
    likes = [compared(ring_of(signal), templates, peak)["like"] for peak in (200, 400, 600, 800)]
    assert likes[1:] == pytest.approx([1, 1, -1], abs=1e-6)


def test_a_lead_that_is_lost_does_not_count():
    random = np.random.default_rng(0)
    good = random.normal(0, 1, 600)
    ring = ring_of(good, 50 * random.normal(0, 1, 600))
    ring["flags"][1] = LOST
    both, alone = np.zeros(2, TEMPLATE_DTYPE), np.zeros(1, TEMPLATE_DTYPE)
    for peak in (200, 400):
        assert compared(ring, both, peak).tolist() == compared(ring_of(good), alone, peak).tolist()
    assert both[1]["seen"] == 0


@pytest.mark.parametrize(("peak", "sample"), [(60, RING - 1), (300, 320)])
def test_what_cannot_be_seen_whole_is_not_compared(peak, sample):
    templates = np.zeros(1, TEMPLATE_DTYPE)
    signal = np.random.default_rng(0).normal(0, 1, 600)
    compared(ring_of(signal), templates, 200)
    assert compared(ring_of(signal), templates, peak, sample=sample)["compared"] == 0
    assert templates[0]["seen"] == 1
