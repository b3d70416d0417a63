"""The fused scores of the newest samples: what all leads together say of each sample."""

import numpy as np

from streamer.conditioning.kernel import LOST, RING
from streamer.jit import kernel

SCORES = 256  # remembered
P, QRS, T, VQRS = 1, 2, 3, 4  # columns of the probabilities

# of sample m at m % SCORES; a ventricular QRS counts as QRS too
SCORES_DTYPE = np.dtype(
    [("qrs", "f8", (SCORES,)), ("ventricular", "f8", (SCORES,)), ("p", "f8", (SCORES,)), ("t", "f8", (SCORES,))]
)


@kernel
def fuse(probabilities, ring, row, sample, scores):
    """Take one sample's mean over the leads, each by its quality; 0 where every lead is lost.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (leads, n, classes)
        Four classes, or five with the ventricular QRS.
    ring : ndarray of RING_DTYPE, shape (leads, RING)
    row, sample : int
        The sample in `probabilities` and in the segment.
    scores : record of SCORES_DTYPE
        Changed in place.
    """
    qrs, ventricular, p, t, weight = 0.0, 0.0, 0.0, 0.0, 0.0
    typed = probabilities.shape[2] > VQRS
    for j in range(ring.shape[0]):
        heard = ring[j, sample % RING]
        if heard.flags & LOST == 0:
            share = max(heard.quality, np.float32(1e-3))
            weight += share
            qrs += share * probabilities[j, row, QRS]
            p += share * probabilities[j, row, P]
            t += share * probabilities[j, row, T]
            if typed:
                ventricular += share * probabilities[j, row, VQRS]
    if weight == 0.0:
        weight = 1.0
    k = sample % SCORES
    scores.qrs[k] = (qrs + ventricular) / weight
    scores.ventricular[k] = ventricular / weight
    scores.p[k] = p / weight
    scores.t[k] = t / weight
