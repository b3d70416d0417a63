"""Ventricular fibrillation and flutter, by the filter leakage of the signal itself: no beat need be found.

After Kuo and Dillman 1978, "Computer detection of ventricular fibrillation" (Computers in Cardiology): fibrillation is
nearly a sine, so that the signal and itself half a mean period before cancel; what is left is the leakage. Two things
are added: the signal must be large, and not spend its time near zero as an ECG between its beats does.
"""

import numpy as np

from streamer.conditioning.kernel import LOST, RING
from streamer.jit import kernel

DECIMATE = 4  # to 62.5 Hz,
DECIMATED_HZ = 250.0 / DECIMATE
WINDOW = 250  # of which 4 s are looked at,
WINDOW_S = WINDOW / DECIMATED_HZ
TURN = 31  # each half second
FOLLOW = 0.062  # rate at which the baseline follows, by decimated sample: 0.25 s
LEAKAGE, STILL_LEAKAGE = 0.55, 0.62  # below the first it begins, and below the second it goes on,
AWAY, STILL_AWAY = 0.35, 0.3  # where more than this share of the samples
HIGH = 0.3  # is farther from the mean than this part of the largest,
SLOWEST, FASTEST = 2.2, 9.0  # with so many periods a second,
LEAST_MV = 0.1  # and this standard deviation

# of a lead
LISTENER_DTYPE = np.dtype(
    [("buffer", "f4", (WINDOW,)), ("sum", "f8"), ("count", "i8"), ("seen", "i8"), ("level", "f8"), ("on", "i8")]
)


@kernel
def _fibrillates(listener):
    """Whether the window of a lead is fibrillation."""
    x = listener.buffer
    mean = 0.0
    for k in range(WINDOW):
        mean += x[k]
    mean /= WINDOW
    total, change, power, largest = 0.0, 0.0, 0.0, 0.0
    for k in range(WINDOW):
        value = abs(x[k] - mean)
        total += value
        power += value * value
        largest = max(largest, value)
        if k > 0:
            change += abs(x[(listener.seen + k) % WINDOW] - x[(listener.seen + k - 1) % WINDOW])
    if np.sqrt(power / WINDOW) < LEAST_MV:
        return False
    rate = change / total * DECIMATED_HZ / (2 * np.pi)
    away = 0
    for k in range(WINDOW):
        away += abs(x[k] - mean) > HIGH * largest
    if not SLOWEST < rate < FASTEST or away <= WINDOW * (STILL_AWAY if listener.on else AWAY):
        return False
    half = max(1, int(np.floor(DECIMATED_HZ / rate / 2 + 0.5)))
    left, whole = 0.0, 0.0
    for k in range(half, WINDOW):
        a = x[(listener.seen + k) % WINDOW] - mean
        b = x[(listener.seen + k - half) % WINDOW] - mean
        left += abs(a + b)
        whole += abs(a) + abs(b)
    return left < whole * (STILL_LEAKAGE if listener.on else LEAKAGE)


@kernel
def listen(ring, listeners, sample):
    """Take a sample of all leads.

    Parameters
    ----------
    ring : ndarray of RING_DTYPE, shape (leads, RING)
    listeners : ndarray of LISTENER_DTYPE, shape (leads,)
        Changed in place.
    sample : int
        Of the segment.

    Returns
    -------
    bool
        Whether most of the leads that are heard fibrillate; looked at each half second.
    """
    heard, on = 0, 0
    for j in range(ring.shape[0]):
        lead = listeners[j]
        now = ring[j, sample % RING]
        if now.flags & LOST:
            lead.seen = lead.count = lead.on = 0
            lead.sum = 0.0
            continue
        lead.sum += now.raw
        lead.count += 1
        if lead.count == DECIMATE:
            value = lead.sum / DECIMATE
            if lead.seen == 0:
                lead.level = value
            lead.level += FOLLOW * (value - lead.level)
            lead.buffer[lead.seen % WINDOW] = value - lead.level
            lead.seen += 1
            lead.sum, lead.count = 0.0, 0
            if lead.seen >= WINDOW and lead.seen % TURN == 0:
                lead.on = _fibrillates(lead)
        if lead.seen >= WINDOW:
            heard += 1
            on += lead.on
    return 2 * on > heard
