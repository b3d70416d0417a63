"""The fused scores of the newest samples: what all leads together say of each sample."""

import numpy as np

from streamer.conditioning.kernel import LOST, RING
from streamer.jit import kernel

SCORES = 256  # remembered
P, QRS, T, VQRS = 1, 2, 3, 4  # columns of the probabilities

LEADS = 16
FADING = 0.999  # of `seen` by the sample: it halves in 2.8 s
SEEN_LEAST = 0.01

# of sample m at m % SCORES; a ventricular QRS counts as QRS too
SCORES_DTYPE = np.dtype(
    [
        ("qrs", "f8", (SCORES,)),
        ("ventricular", "f8", (SCORES,)),
        ("p", "f8", (SCORES,)),
        ("t", "f8", (SCORES,)),
        ("seen", "f8", (LEADS,)),  # how well each lead has shown the last QRS complexes
    ]
)


@kernel
def fuse(probabilities, ring, row, sample, scores):
    """Take one sample's mean over the leads; 0 where every lead is lost.

    A lead weighs by its quality, and by the largest score of a QRS that it has lately shown: one that shows none does
    not vote against those that do.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (leads, n, classes)
        Four classes, or five with the ventricular QRS.
    ring : ndarray of RING_DTYPE, shape (leads, RING)
    row, sample : int
        The sample in `probabilities` and in the segment.
    scores : record of SCORES_DTYPE
        Changed in place.

    Returns
    -------
    float
        Largest quality of a lead, 0 where every lead is lost.
    """
    best = 0.0
    qrs, ventricular, p, t, weight = 0.0, 0.0, 0.0, 0.0, 0.0
    typed = probabilities.shape[2] > VQRS
    for j in range(ring.shape[0]):
        heard = ring[j, sample % RING]
        if heard.flags & LOST == 0:
            own = np.float64(probabilities[j, row, QRS])
            if typed:
                own += probabilities[j, row, VQRS]
            scores.seen[j] = max(own, FADING * scores.seen[j])
            best = max(best, np.float64(heard.quality))
            share = max(heard.quality, np.float32(1e-3)) * (scores.seen[j] + SEEN_LEAST)
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
    return best


@kernel
def best_lead(ring, first, last):
    """Return the lead with the largest quality from sample `first` to `last`."""
    best = 0
    most = -1.0
    for j in range(ring.shape[0]):
        quality = 0.0
        for m in range(first, last + 1):
            if ring[j, m % RING].flags & LOST == 0:
                quality += ring[j, m % RING].quality
        # steps of 5 %, so that leads as good as each other do not take turns
        quality = np.floor(20.0 * quality / (last - first + 1) + 0.5)
        if quality > most:
            most = quality
            best = j
    return best
