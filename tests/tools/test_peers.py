"""Other detectors behind one face."""

import numpy as np
import pytest

from tests.conftest import heart
from tools.peers import BEATS, DELINEATORS, Live, installed


@pytest.mark.parametrize("name", list(BEATS))
def test_a_peer_finds_the_beats_of_a_clean_heart(name):
    if not installed(name):
        pytest.skip(f"{name} is not installed")
    x, true = heart(30, 360)
    peaks = BEATS[name](x[:, 0], 360)
    near = [np.abs(peaks - beat.qrs[1]).min() < 30 for beat in true[1:-1]]
    assert np.mean(near) > 0.9


@pytest.mark.parametrize("name", list(DELINEATORS))
def test_a_peer_delineates_a_clean_heart(name):
    if not installed(name):
        pytest.skip(f"{name} is not installed")
    x, true = heart(30, 500)
    found = DELINEATORS[name](x[:, 0], 500)
    for wave in ("P", "QRS", "T"):
        assert found[wave].shape[1] == 2
        assert (found[wave][:, 1] > found[wave][:, 0]).all()
        assert len(found[wave]) > 0.8 * len(true)


def test_live_takes_each_beat_once_and_after_it_has_settled():
    beats = np.arange(100, 20_000, 250)
    asked = []

    def detector(signal, fs):
        first = int(signal[0])
        asked.append((first, len(signal)))
        return beats[(beats >= first) & (beats < first + len(signal))] - first

    found = Live(detector)(np.arange(20_000, dtype=float), 250)
    assert found.tolist() == beats.tolist()
    assert max(length for _, length in asked) == 2500
