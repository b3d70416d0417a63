import numpy as np
import pytest
from scipy.signal import upfirdn

from streamer.conditioning.resampler import design
from tests.conditioning.test_conditioner import conditioned

RATES = [100, 128, 130.2, 200, 250, 257.3, 300, 333.33, 360, 500, 512, 1000, 2000]


@pytest.mark.parametrize("fs", RATES)
def test_agrees_with_scipy(fs):
    """Inside the signal, one polyphase pass equals zero-stuffing, one long FIR and decimation."""
    random = np.random.default_rng(3)
    x = np.cumsum(random.normal(size=(400, 1)), axis=0) * 0.05
    filter_ = design(fs)
    up, down = filter_.step.denominator, filter_.step.numerator
    if up > 2000:
        pytest.skip("scipy would need minutes for so many phases")
    # tap j of phase p weighs the sample (half - 1 - j) before: together they are the long filter, reversed
    long = filter_.bank[:, ::-1].T.ravel()
    expected = upfirdn(long, x[:, 0], up)[filter_.half * up :: down]
    got = conditioned(x, fs)["raw"][0]
    margin = int(np.ceil(filter_.half / float(filter_.step))) + 1
    count = int((len(x) - filter_.half) / float(filter_.step)) - margin
    np.testing.assert_allclose(got[margin:count], expected[margin:count], atol=2e-5)


@pytest.mark.parametrize("fs", RATES)
def test_a_constant_stays_constant_from_the_first_sample_to_the_last(fs):
    got = conditioned(np.full((int(3 * fs), 1), 1.5), fs)["raw"][0]
    np.testing.assert_allclose(got, 1.5, atol=1e-6)


@pytest.mark.parametrize("fs", RATES)
@pytest.mark.parametrize("at", [1.0, 1.0013, 1.237])
def test_a_shifted_bump_is_at_the_same_time_at_every_rate(fs, at):
    t = np.arange(int(3 * fs)) / fs
    x = np.exp(-0.5 * ((t - at) / 0.012) ** 2)[:, None]
    got = conditioned(x, fs)["raw"][0].astype(np.float64)
    centre = np.sum(got * np.arange(len(got))) / np.sum(got) * 0.004
    assert centre == pytest.approx(at, abs=1e-4)


@pytest.mark.parametrize("fs", [r for r in RATES if r >= 250])
def test_delay_is_at_most_25_ms_from_250_hz_on(fs):
    assert design(fs).delay_ms <= 25


def test_passes_the_qrs_and_stops_what_would_fold():
    for f, low, high in ((20, 0.97, 1.03), (40, 0.95, 1.05), (160, 0.0, 0.01), (300, 0.0, 0.01)):
        t = np.arange(3000) / 1000
        got = conditioned(np.sin(2 * np.pi * f * t)[:, None], 1000)["raw"][0][100:-100]
        assert low <= np.abs(got).max() <= high, f


@pytest.mark.parametrize("fs", [99.9, 2000.1, 0, -250, float("nan")])
def test_a_rate_out_of_range_is_refused_with_the_range(fs):
    with pytest.raises(ValueError, match="expected 100 to 2000 Hz"):
        design(fs)
