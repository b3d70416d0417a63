import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.runtime import _nrt_python, rtsys
from scipy.signal import butter, sosfilt, sosfilt_zi

from streamer.conditioning.conditioner import Conditioner
from streamer.conditioning.kernel import CLIPPED, LOST, OFF, RING, SETTLE
from tests.conftest import heart


def conditioned(x, fs, cuts=()):
    """All outputs of a recording cut at `cuts`."""
    conditioner = Conditioner(fs, x.shape[1])
    pieces, read = [], 0
    for piece in np.split(x, sorted(cuts)):
        while len(piece):
            piece = piece[conditioner.push(piece, 500) :]
            pieces.append(conditioner.ring[:, np.arange(read, conditioner.ready) % RING])
            read = conditioner.ready
    conditioner.drain()
    pieces.append(conditioner.ring[:, np.arange(read, conditioner.ready) % RING])
    return np.concatenate(pieces, axis=1)


def test_baseline_filter_agrees_with_scipy_and_starts_in_its_steady_state():
    x, _ = heart(10, baseline=0.4)
    x = x + 2.0
    got = conditioned(x, 250)
    sos = butter(2, 0.5, "highpass", fs=250, output="sos")
    raw = got["raw"][0].astype(np.float64)
    expected, _ = sosfilt(sos, raw, zi=sosfilt_zi(sos) * raw[0])
    # within the held first two seconds the scale is one number, so the ratio is constant
    first = slice(0, SETTLE)
    scale = np.dot(expected[first], expected[first]) / np.dot(expected[first], got["normal"][0, first])
    np.testing.assert_allclose(got["normal"][0, first] * scale, expected[first], atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 2000), max_size=12), st.sampled_from([100, 130.2, 250, 360]))
def test_chunking_does_not_matter(cuts, fs):
    x, _ = heart(2000 / fs, fs, ["II", "V1"])
    x[700:760, 1] = np.nan
    whole, cut = conditioned(x, fs), conditioned(x, fs, cuts)
    assert whole.tobytes() == cut.tobytes()


def test_nothing_is_allocated_for_a_sample():
    """Numba makes a handle for each array of a call; a long chunk must not take more than a short one."""
    x, _ = heart(12, 360, ["II", "V1"])
    conditioner = Conditioner(360, 2)
    conditioner.push(x[:1500], 2000)
    _nrt_python.memsys_enable_stats()
    taken = []
    for length in (1, 400, 1, 700):
        before = rtsys.get_allocation_stats().alloc
        conditioner.push(x[1500 : 1500 + length], 2000)
        taken.append(rtsys.get_allocation_stats().alloc - before)
    _nrt_python.memsys_disable_stats()
    assert len(set(taken)) == 1


def test_the_input_is_left_as_it_was():
    x, _ = heart(3)
    x.setflags(write=False)
    Conditioner(250, 1).push(x, 500)


@pytest.mark.parametrize("gain", [0.2, 1.0, 20.0])
def test_the_scale_settles_in_two_seconds(gain):
    x, _ = heart(6)
    got = conditioned(gain * x, 250)["normal"][0]
    heights = [np.abs(got[k * 250 : (k + 1) * 250]).max() for k in range(6)]
    assert 0.6 < min(heights) <= max(heights) < 1.6


def test_the_scale_survives_a_lead_that_falls_off_and_returns():
    x, _ = heart(20)
    y = x.copy()
    y[2000:3000] = np.nan
    whole, broken = conditioned(x, 250)["normal"][0], conditioned(y, 250)["normal"][0]
    assert np.abs(broken[3500:4500]).max() == pytest.approx(np.abs(whole[3500:4500]).max(), rel=0.1)


def test_a_lost_lead_has_no_quality_and_recovers():
    x, _ = heart(8, leads=["II", "V1"])
    x[1000:1200, 0] = np.nan
    got = conditioned(x, 250)
    assert (got["flags"][0, 1005:1195] & LOST).all()
    assert (got["flags"][0, 1040:1195] & OFF).all()
    assert (got["quality"][0, 1005:1195] == 0).all()
    assert not got["flags"][0, 1210:].any()
    assert got["quality"][0, 1260] > 0.9
    assert not got["flags"][1].any()


def test_a_single_lost_sample_is_filled_from_its_neighbours():
    x, _ = heart(6, 500)
    y = x.copy()
    y[1501] = np.nan
    np.testing.assert_allclose(conditioned(y, 500)["raw"], conditioned(x, 500)["raw"], atol=0.05)
    assert not conditioned(y, 500)["flags"].any()


def test_a_flat_lead_is_off_and_a_clipped_one_says_so():
    x, _ = heart(8, leads=["II", "V1"])
    flat = x.copy()
    flat[1000:1500, 0] = flat[1000, 0]
    assert (conditioned(flat, 250)["flags"][0, 1140:1490] & OFF).all()
    clipped = conditioned(np.clip(x, -0.4, 0.4), 250)
    assert (clipped["flags"][0] & CLIPPED).any()


def test_noise_lowers_the_quality():
    clean, _ = heart(10, noise=0.005)
    noisy, _ = heart(10, noise=0.2)
    assert np.median(conditioned(clean, 250)["quality"][0, 1000:]) > 0.95
    assert np.median(conditioned(noisy, 250)["quality"][0, 1000:]) < 0.75
