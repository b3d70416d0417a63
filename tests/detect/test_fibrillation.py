"""Fibrillation by filter leakage, on signals that are and are not."""

import numpy as np
import pytest

from streamer.conditioning.kernel import LOST, RING, RING_DTYPE
from streamer.detect.fibrillation import LISTENER_DTYPE, WINDOW_S, listen
from tests.conftest import heart

FS = 250


def listened(signal, lost=slice(0, 0)):
    """What is said at each sample of a signal, shape (n, leads), mV."""
    signal = np.asarray(signal).reshape(len(signal), -1)
    ring = np.zeros((signal.shape[1], RING), RING_DTYPE)
    listeners = np.zeros(signal.shape[1], LISTENER_DTYPE)
    said = np.zeros(len(signal), bool)
    missing = np.zeros(len(signal), bool)
    missing[lost] = True
    for m, row in enumerate(signal):
        ring["raw"][:, m % RING] = row
        ring["flags"][:, m % RING] = LOST if missing[m] else 0
        said[m] = listen(ring, listeners, m)
    return said


def flutter(seconds=20, hz=4.5, mv=0.5, seed=0):
    random = np.random.default_rng(seed)
    phase = 2 * np.pi * np.cumsum(hz * (1 + random.normal(0, 0.3, seconds * FS))) / FS
    return mv * np.sin(phase)


@pytest.mark.parametrize("hz", [3.0, 4.5, 7.0])
def test_a_wandering_sine_is_fibrillation_as_soon_as_the_window_is_full(hz):
    said = listened(flutter(hz=hz))
    (first, *_) = np.flatnonzero(said)
    assert WINDOW_S * FS <= first + 1 <= (WINDOW_S + 0.5) * FS
    assert said[first:].all()


def test_a_heart_before_it_is_not():
    normal = heart(20)[0][:, 0]
    said = listened(np.concatenate([normal, flutter(12), normal]))
    begins, ends = 20 * FS, 32 * FS
    assert not said[:begins].any()
    assert np.flatnonzero(said)[0] < begins + 4 * FS
    assert not said[ends + 4 * FS :].any()


@pytest.mark.parametrize("script", ["sinus", "af", "pvc", "bigeminy", "svt", "tachy", "brady", "paced", "noise"])
@pytest.mark.parametrize("noise", [0.01, 0.15])
def test_other_rhythms_are_not(script, noise):
    assert not listened(heart(20, script=script, noise=noise)[0]).any()


@pytest.mark.parametrize(
    "signal",
    [np.zeros(3000), flutter(12, mv=0.05), np.linspace(0, 5, 3000), np.random.default_rng(1).normal(0, 1, 3000)],
)
def test_a_line_what_is_small_and_white_noise_are_not(signal):
    assert not listened(signal).any()


def test_a_lost_lead_is_not_listened_to():
    sine = flutter(20)
    both = listened(np.column_stack([sine, sine]))
    assert both[-1]
    assert not listened(sine, lost=slice(2000, None))[2000:].any()
    said = listened(sine, lost=slice(2000, 2010))
    assert not said[2000 : 2010 + int(WINDOW_S * FS) - 1].any()
    assert said[-1]


def test_most_leads_must_show_it():
    normal = heart(20, leads=["II", "V1"])[0]
    assert not listened(np.column_stack([flutter(20), normal])).any()
    assert listened(np.column_stack([flutter(20), flutter(20, seed=1), normal[:, 0]]))[-1]
