"""P and T of each beat, sample by sample, once its QRS is known."""

import numpy as np

from streamer.conditioning.kernel import RING
from streamer.detect.evidence import EVIDENCE_DTYPE, HEARING_DTYPE, compare, sum_up
from streamer.detect.scores import SCORES, best_lead
from streamer.jit import kernel

LEVEL = 0.5  # a wave lasts as long as its score is above this,
GAP = 5  # but for dips of less than 20 ms
P_SHORTEST = 8  # 32 ms above it make a P,
P_FARTHEST = 88  # which ends no more than 352 ms before the QRS;
T_SHORTEST = 12  # 48 ms make a T,
T_HOLD = 8  # of which 32 ms below end it,
T_LATEST = 160  # and which ends within 640 ms after the QRS

WAVE_DTYPE = np.dtype([("onset", "f8"), ("peak", "f8"), ("offset", "f8"), ("score", "f8"), ("found", "i8")])

WAVES_DTYPE = np.dtype(
    [
        ("beat", "i8"),  # whose T is waited for; 0: none
        ("revision", "i8"),
        ("qrs_onset", "f8"),
        ("qrs_peak", "f8"),
        ("qrs_offset", "f8"),
        ("before", "f8"),  # end of the beat before, its T included
        ("p", WAVE_DTYPE),
        ("first", "i8"),  # of the T that may be; -1: none yet
        ("last", "i8"),
        ("evidence", EVIDENCE_DTYPE),
        ("hearing", HEARING_DTYPE),
    ]
)

TOLD_DTYPE = np.dtype(
    [
        ("beat", "i8"),
        ("revision", "i8"),
        ("decided", "i8"),  # 250 Hz sample that decided it
        ("qrs_onset", "f8"),
        ("qrs_offset", "f8"),
        ("p", WAVE_DTYPE),
        ("t", WAVE_DTYPE),
        ("evidence", EVIDENCE_DTYPE),
    ]
)


@kernel
def _deflection(ring, wave):
    """Largest deflection from the line between onset and offset, on the best lead."""
    first = int(np.ceil(wave.onset))
    last = max(first, int(np.floor(wave.offset)))
    best = best_lead(ring, first, last)
    left = ring[best, first % RING].raw
    slope = (ring[best, last % RING].raw - left) / max(1, last - first)
    top = first
    largest = -1.0
    for m in range(first, last + 1):
        height = abs(ring[best, m % RING].raw - left - slope * (m - first))
        if height > largest:
            largest = height
            top = m
    return float(top)


@kernel
def _measure(values, ring, first, last, newest, wave):
    """Fill in a wave whose score is above the level from `first` to `last`, edges between samples."""
    before = values[(first - 1) % SCORES]
    after = values[(last + 1) % SCORES] if last < newest else LEVEL
    at, end = values[first % SCORES], values[last % SCORES]
    wave.onset = first - (at - LEVEL) / (at - before) if before < LEVEL else float(first)
    wave.offset = last + (end - LEVEL) / (end - after) if after < LEVEL else float(last)
    wave.peak = min(max(_deflection(ring, wave), wave.onset + 0.01), wave.offset - 0.01)
    total = 0.0
    for m in range(first, last + 1):
        total += values[m % SCORES]
    wave.score = total / (last - first + 1)
    wave.found = 1


@kernel
def _find_p(scores, ring, waves):
    """Find the last P before the QRS."""
    waves.p.found = 0
    top = int(np.floor(waves.qrs_onset))
    bottom = max(int(np.ceil(waves.before)) + 1, top - P_FARTHEST, 1)
    k = top
    while k >= bottom:
        while k >= bottom and scores.p[k % SCORES] < LEVEL:
            k -= 1
        last = k
        first = k
        below = 0
        while k >= bottom and below < GAP:
            if scores.p[k % SCORES] >= LEVEL:
                first = k
                below = 0
            else:
                below += 1
            k -= 1
        if last >= bottom and last - first + 1 >= P_SHORTEST:
            _measure(scores.p, ring, first, last, top, waves.p)
            return


@kernel
def _p_likely(scores, waves):
    """Return the largest mean score of 32 ms before the QRS, found to be a P or not."""
    top = int(np.floor(waves.qrs_onset))
    bottom = max(int(np.ceil(waves.before)) + 1, top - P_FARTHEST, 1)
    largest = 0.0
    total = 0.0
    for m in range(bottom, top + 1):
        total += scores.p[m % SCORES]
        if m - bottom >= P_SHORTEST:
            total -= scores.p[(m - P_SHORTEST) % SCORES]
        largest = max(largest, total / P_SHORTEST)
    return largest


@kernel
def _listen(scores, waves, sample):
    """Take one sample of what may be the T; say whether one has just ended."""
    if scores.t[sample % SCORES] >= LEVEL:
        if waves.first < 0:
            waves.first = sample
        waves.last = sample
    elif waves.first >= 0 and sample - waves.last >= T_HOLD:
        if waves.last - waves.first + 1 >= T_SHORTEST:
            return True
        waves.first = -1
    return False


@kernel
def _tell(scores, ring, waves, templates, sample, told):
    """Tell P and T of the beat that was waited for."""
    told.beat = waves.beat
    told.revision = waves.revision
    told.decided = sample
    told.qrs_onset = waves.qrs_onset
    told.qrs_offset = waves.qrs_offset
    told.p = waves.p
    compare(ring, templates, waves.qrs_onset, waves.qrs_peak, sample, waves.evidence)
    sum_up(waves.hearing, waves.evidence)
    told.evidence = waves.evidence
    told.t.found = 0
    waves.before = waves.qrs_offset
    if waves.first >= 0 and waves.last - waves.first + 1 >= T_SHORTEST:
        _measure(scores.t, ring, waves.first, waves.last, sample, told.t)
        waves.before = told.t.offset
    waves.beat = 0


@kernel
def qrs_began(scores, ring, waves, templates, sample, told):
    """Take note that the next QRS has begun: the T of the last beat has passed. Return how many were told, 0 or 1."""
    if waves.beat == 0:
        return 0
    _tell(scores, ring, waves, templates, sample, told)
    return 1


@kernel
def qrs_ended(scores, ring, waves, found):
    """Take note of a QRS, new or corrected: find its P, and wait for its T from its offset on."""
    waves.beat = found.beat
    waves.revision = found.revision
    waves.qrs_onset = found.onset
    waves.qrs_peak = found.peak
    waves.qrs_offset = found.offset
    waves.first = -1
    _find_p(scores, ring, waves)
    waves.evidence.score = found.score
    waves.evidence.ventricular = found.ventricular
    waves.evidence.p_likely = _p_likely(scores, waves)
    for m in range(int(np.floor(found.offset)) + 1, found.decided + 1):
        _listen(scores, waves, m)


@kernel
def follow(scores, ring, waves, templates, sample, final, told):
    """Go on by one sample; return how many beats' waves were told, 0 or 1."""
    if waves.beat == 0:
        return 0
    if _listen(scores, waves, sample) or final or sample - waves.qrs_offset >= T_LATEST:
        _tell(scores, ring, waves, templates, sample, told)
        return 1
    return 0
