"""What a beat shows of the rhythm: how it resembles the beats before, and how they were heard."""

import numpy as np

from streamer.conditioning.kernel import LOST, RING
from streamer.jit import kernel

QRS_BEFORE, QRS_AFTER = 20, 28  # samples around the peak that make the shape of a QRS
ATRIAL, ATRIAL_END = 70, 3  # and those up to 12 ms before its onset, where a P or the waves of fibrillation are
LIKE = 0.8  # from this correlation on a beat is one of the usual ones,
QUICK, SLOW = 0.125, 0.03  # which the template follows at the first rate, and the others at the second;
CHANGED = 6  # but so many unlike it in a row are the usual ones from then on

EVIDENCE_DTYPE = np.dtype(
    [
        ("score", "f8"),  # of the QRS
        ("ventricular", "f8"),
        ("p_likely", "f8"),  # largest mean score of a P before it
        ("like", "f8"),  # correlation of the QRS with the template
        ("atrial_like", "f8"),  # and of what lies before it
        ("atrial_power", "f8"),  # standard deviation there, in units of a usual QRS
        ("height", "f8"),  # standard deviation of the QRS, in the same units
        ("compared", "i8"),  # whether there was something to compare with
        ("quality", "f8"),  # mean of the best lead since the last row of evidence,
        ("heard", "f8"),  # and the share of samples that were not lost
    ]
)

# how the signal was heard since the last row of evidence
HEARING_DTYPE = np.dtype([("samples", "i8"), ("heard", "i8"), ("quality", "f8")])

# of a lead
TEMPLATE_DTYPE = np.dtype(
    [
        ("seen", "i8"),
        ("unlike", "i8"),
        ("qrs", "f8", (QRS_BEFORE + QRS_AFTER,)),
        ("atrial", "f8", (ATRIAL - ATRIAL_END,)),
    ]
)


@kernel
def hear(hearing, quality):
    """Take note of a sample's largest quality, 0 where every lead is lost."""
    hearing.samples += 1
    if quality > 0.0:
        hearing.heard += 1
        hearing.quality += quality


@kernel
def sum_up(hearing, evidence):
    """Say how the samples since the last row were heard, and begin anew."""
    count = max(1, hearing.samples)
    evidence.quality = hearing.quality / count
    evidence.heard = hearing.heard / count
    hearing.samples = hearing.heard = 0
    hearing.quality = 0.0


@kernel
def _centre(ring, lead, first, values):
    """Copy the conditioned signal from `first` on without its mean; return the mean quality, 0 if the lead is lost."""
    n = len(values)
    mean = 0.0
    quality = 0.0
    lost = False
    for k in range(n):
        heard = ring[lead, (first + k) % RING]
        values[k] = heard.normal
        mean += values[k]
        quality += heard.quality
        lost = lost or heard.flags & LOST != 0
    mean /= n
    for k in range(n):
        values[k] -= mean
    return 0.0 if lost else quality / n


@kernel
def _products(values, template):
    """Return the sums of products of values and template, of values, and of the template."""
    both, own, other = 0.0, 0.0, 0.0
    for k in range(len(values)):
        both += values[k] * template[k]
        own += values[k] * values[k]
        other += template[k] * template[k]
    return both, own, other


@kernel
def compare(ring, templates, onset, peak, sample, evidence):
    """Compare a QRS and what lies before it with the templates of all leads, and let these follow.

    Parameters
    ----------
    ring : ndarray of RING_DTYPE, shape (leads, RING)
    templates : ndarray of TEMPLATE_DTYPE, shape (leads,)
        Changed in place.
    onset, peak : float
        Samples of the segment.
    sample : int
        The newest that may be looked at.
    evidence : record of EVIDENCE_DTYPE
        Changed in place.
    """
    qrs = np.empty(QRS_BEFORE + QRS_AFTER)
    atrial = np.empty(ATRIAL - ATRIAL_END)
    qrs_first = int(np.floor(peak + 0.5)) - QRS_BEFORE
    atrial_first = int(np.floor(onset)) - ATRIAL
    evidence.like = evidence.atrial_like = evidence.atrial_power = evidence.height = 0.0
    evidence.compared = 0
    if atrial_first < 0 or qrs_first < 0 or qrs_first + len(qrs) > sample + 1:
        return
    shares = 1e-9
    totals = np.zeros(6)
    for j in range(ring.shape[0]):
        share = min(_centre(ring, j, qrs_first, qrs), _centre(ring, j, atrial_first, atrial))
        both, own, other = _products(qrs, templates[j].qrs)
        totals[:3] += share * np.array([both, own, other])
        both, own, other = _products(atrial, templates[j].atrial)
        totals[3:] += share * np.array([both, own, other])
        shares += share
    evidence.compared = 1 if totals[2] > 0.0 else 0
    evidence.like = totals[0] / np.sqrt(totals[1] * totals[2] + 1e-9)
    evidence.atrial_like = totals[3] / np.sqrt(totals[4] * totals[5] + 1e-9)
    evidence.height = np.sqrt(totals[1] / shares / len(qrs))
    evidence.atrial_power = np.sqrt(totals[4] / shares / len(atrial))
    for j in range(ring.shape[0]):
        if min(_centre(ring, j, qrs_first, qrs), _centre(ring, j, atrial_first, atrial)) == 0.0:
            continue
        usual = QUICK if evidence.like >= LIKE else SLOW
        templates[j].unlike = 0 if evidence.like >= LIKE else templates[j].unlike + 1
        if templates[j].unlike >= CHANGED:
            templates[j].seen = templates[j].unlike = 0
        rate = max(usual, 1.0 / (1.0 + templates[j].seen))
        templates[j].seen += 1
        for k in range(len(qrs)):
            templates[j].qrs[k] += rate * (qrs[k] - templates[j].qrs[k])
        for k in range(len(atrial)):
            templates[j].atrial[k] += rate * (atrial[k] - templates[j].atrial[k])
