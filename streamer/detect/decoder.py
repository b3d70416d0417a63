"""From class probabilities to QRS complexes and their waves, sample by sample."""

import numpy as np

from streamer.conditioning.kernel import RING
from streamer.detect import waves as around
from streamer.detect.evidence import EVIDENCE_DTYPE, hear, sum_up
from streamer.detect.fibrillation import listen
from streamer.detect.scores import SCORES, SCORES_DTYPE, best_lead, fuse
from streamer.jit import kernel

OPEN = 0.2  # a QRS may begin where its score rises through this
# it reaches as far as its score is above these parts of its largest (at a half, offsets come 5 ms late and onsets 1)
ONSET_LEVEL = 0.45
OFFSET_LEVEL = 0.72
SHORTEST = 5  # 20 ms above the latter,
AREA = 1.45  # and this sum of scores, make a QRS
HOLD = 3  # 12 ms below it end one
LONGEST = 55  # 220 ms: what goes on for longer is a QRS and its T wave, or two beats,
RISE = 0.5  # of which the second begins where the score rises by this from the dip between them
MERGE = 8  # a fragment that begins within 32 ms of the last offset belongs to that beat,
WIDEST = 40  # if both together last no more than 160 ms
REFRACTORY = 57  # 228 ms from onset to onset: of two, the surer counts

SILENCE = 475  # after 1.9 s without a QRS, time itself is told,
PULSE = 125  # each half second, and when fibrillation begins or ends,
REPORT = 1250  # and each 5 s in any case

ONSET, BEAT, CLOCK = 1, 2, 3
CUT, LONG = 32, 64

FOUND_DTYPE = np.dtype(
    [
        ("kind", "i8"),
        ("beat", "i8"),
        ("revision", "i8"),
        ("decided", "i8"),  # 250 Hz sample that decided it
        ("onset", "f8"),
        ("peak", "f8"),
        ("offset", "f8"),
        ("score", "f8"),  # mean from onset to offset
        ("ventricular", "f8"),  # share of the score that is for a ventricular QRS
        ("flags", "i8"),
        # of time that has passed:
        ("silent", "i8"),  # whether no beat came in it,
        ("report", "i8"),  # whether 5 s are full,
        ("fibrillating", "i8"),
        ("evidence", EVIDENCE_DTYPE),  # and how it was heard
    ]
)

DECODER_DTYPE = np.dtype(
    [
        ("scores", SCORES_DTYPE),
        ("waves", around.WAVES_DTYPE),
        ("previous", "f8"),  # of the sample before; -1 where there is none
        ("open", "i8"),
        ("told", "i8"),  # whether what is open is a QRS: NEW, LONGER or BETTER
        ("first", "i8"),  # sample that opened it
        ("above", "i8"),
        ("below", "i8"),
        ("total", "f8"),
        ("largest", "f8"),
        ("dip", "f8"),  # smallest score since a QRS was ended,
        ("dip_at", "i8"),  # and its sample
        ("beat", "i8"),  # number of the last beat
        ("revision", "i8"),
        ("last_onset", "f8"),
        ("last_offset", "f8"),
        ("last_score", "f8"),
        ("last_flags", "i8"),
        ("fibrillating", "i8"),
    ]
)
NEW, LONGER, BETTER = 1, 2, 3


@kernel
def _peak(ring, scores, onset, offset):
    """Largest deflection from the level at onset, on the best lead, before the high-pass, refined by a parabola.

    Deflections count by their score, so that a steep ST segment or the foot of a T wave does not win over the QRS.
    """
    first = int(np.ceil(onset))
    last = max(first, int(np.floor(offset)))
    best = best_lead(ring, first, last)
    level = ring[best, first % RING].raw
    top = first
    largest = -1.0
    for m in range(first, last + 1):
        height = abs(ring[best, m % RING].raw - level) * scores.qrs[m % SCORES]
        if height > largest:
            largest = height
            top = m
    if top in (first, last):
        return float(top)
    before = float(ring[best, (top - 1) % RING].raw)
    at = float(ring[best, top % RING].raw)
    after = float(ring[best, (top + 1) % RING].raw)
    bend = before - 2.0 * at + after
    if bend == 0.0:
        return float(top)
    return top + min(max(0.5 * (before - after) / bend, -0.5), 0.5)


@kernel
def _describe(qualities, lead_flags, ring, onset, offset):
    """Say how good each lead was between onset and offset."""
    first = int(np.ceil(onset))
    last = max(first, int(np.floor(offset)))
    for j in range(ring.shape[0]):
        total = 0.0
        flags = 0
        for m in range(first, last + 1):
            total += ring[j, m % RING].quality
            flags |= ring[j, m % RING].flags
        qualities[j] = total / (last - first + 1)
        lead_flags[j] = flags


@kernel
def _onset(state, sample):
    """Where the score rises through the level, looking from the sample that opened the QRS; and whether it is cut."""
    level = ONSET_LEVEL * state.largest
    k = state.first
    while k < sample and state.scores.qrs[k % SCORES] < level:
        k += 1
    while k > 0 and k > sample - SCORES + 2 and state.scores.qrs[(k - 1) % SCORES] >= level and k > state.dip_at:
        k -= 1
    if k == 0:
        return 0.0, CUT
    before = max(state.scores.qrs[(k - 1) % SCORES], 0.0)
    at = state.scores.qrs[k % SCORES]
    return k - (at - level) / (at - before) if before < level else float(k), 0


@kernel
def _offset(state, sample):
    """Where the score falls through the level for the last time; and whether it is cut."""
    level = OFFSET_LEVEL * state.largest
    k = sample
    while k > state.first and state.scores.qrs[k % SCORES] < level:
        k -= 1
    if k == sample:
        return float(k), CUT
    at = state.scores.qrs[k % SCORES]
    return k + (at - level) / (at - state.scores.qrs[(k + 1) % SCORES]), 0


@kernel
def _begin(state, found, sample):
    """Decide what has grown to a QRS: a new beat, the rest of the last one, a better one in its place, or nothing."""
    onset, flags = _onset(state, sample)
    if state.beat > 0 and onset - state.last_offset < MERGE and sample - state.last_onset < WIDEST:
        state.told = LONGER
        return 0
    if state.beat > 0 and onset - state.last_onset < REFRACTORY:
        if state.total / state.above > state.last_score:
            state.told = BETTER
        return 0
    state.told = NEW
    state.beat += 1
    state.revision = 0
    found.kind = ONSET
    found.beat = state.beat
    found.revision = 0
    found.decided = sample
    found.onset = onset
    found.flags = flags
    return 1


@kernel
def _end(state, found, qualities, lead_flags, ring, sample, overlong):
    """Measure a QRS that has ended."""
    onset, cut_before = _onset(state, sample)
    offset, cut_after = _offset(state, sample)
    flags = cut_before | cut_after
    if overlong:
        flags = cut_before | LONG
    if state.told == LONGER:
        onset = state.last_onset
        flags |= state.last_flags & CUT
    if state.told != NEW:
        state.revision += 1
    total = 0.0
    ventricular = 0.0
    for m in range(int(np.ceil(onset)), int(np.floor(offset)) + 1):
        total += state.scores.qrs[m % SCORES]
        ventricular += state.scores.ventricular[m % SCORES]
    peak = _peak(ring, state.scores, onset, offset)
    found.kind = BEAT
    found.beat = state.beat
    found.revision = state.revision
    found.decided = sample
    found.onset = onset
    found.offset = offset
    found.peak = min(max(peak, onset + 0.01), offset - 0.01)
    found.score = min(1.0, total / (np.floor(offset) - np.ceil(onset) + 1))
    found.ventricular = ventricular / total
    found.flags = flags
    _describe(qualities, lead_flags, ring, onset, offset)
    state.last_onset = onset
    state.last_offset = offset
    state.last_score = found.score
    state.last_flags = flags


@kernel
def _pass(state, found, sample, fibrillating):
    """Tell that time has passed, or that fibrillation has begun or ended. Return the rows filled, 0 or 1."""
    silent = sample - max(state.last_offset, 0.0) >= SILENCE and state.open == 0 and state.waves.beat == 0
    report = (sample + 1) % REPORT == 0
    if not (silent or report or fibrillating != state.fibrillating):
        return 0
    state.fibrillating = fibrillating
    found.kind = CLOCK
    found.decided = sample
    found.silent = silent
    found.report = report
    found.fibrillating = fibrillating
    if silent:
        sum_up(state.waves.hearing, found.evidence)
    return 1


@kernel
def decode(probabilities, ring, first, final, state, templates, listeners, found, qualities, lead_flags, told):
    """Read the probabilities of the samples from `first` on.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (leads, n, classes)
    ring : ndarray of RING_DTYPE, shape (leads, RING)
        The conditioned signal; it must still hold `LONGEST` before `first`.
    first : int
        250 Hz sample of the first row.
    final : bool
        Whether the segment ends here: what is open is closed and flagged `CUT`.
    state : record of DECODER_DTYPE
        Changed in place.
    templates, listeners : ndarray of TEMPLATE_DTYPE, LISTENER_DTYPE, shape (leads,)
        Changed in place.
    found : ndarray of FOUND_DTYPE, shape (k,)
        Room for what is found: two for each `SHORTEST` samples, one for each `PULSE`, and two.
    qualities, lead_flags : ndarray of float64, int64, shape (k, leads)
        Of the beats in `found`.
    told : ndarray of TOLD_DTYPE, shape (k,)
        Room for P and T of the beats.

    Returns
    -------
    found, told : int
        Entries of `found` and of `told` that were filled.
    """
    count = 0
    tellings = 0
    n = probabilities.shape[1]
    for i in range(n):
        m = first + i
        fibrillating = listen(ring, listeners, m)
        hear(state.waves.hearing, fuse(probabilities, ring, i, m, state.scores))
        p = state.scores.qrs[m % SCORES]
        tellings += around.follow(state.scores, ring, state.waves, templates, m, False, told[tellings])
        if p < state.dip:
            state.dip = p
            state.dip_at = m
        risen = (p >= OPEN and state.previous < OPEN) or (p >= ONSET_LEVEL and p >= state.dip + RISE)
        if state.open == 0 and risen:
            state.open = 1
            state.told = 0
            state.first = m
            state.above = 0
            state.below = 0
            state.total = 0.0
            state.largest = 0.0
        if state.open:
            state.largest = max(state.largest, p)
            if p >= OFFSET_LEVEL * state.largest:
                state.above += 1
                state.below = 0
                state.total += p
            else:
                state.below += 1
            if state.told == 0 and state.above >= SHORTEST and state.total >= AREA:
                began = _begin(state, found[count], m)
                count += began
                if began:
                    tellings += around.qrs_began(state.scores, ring, state.waves, templates, m, told[tellings])
            overlong = state.below == 0 and m - state.first >= LONGEST
            if state.below >= HOLD or overlong:
                if state.told:
                    _end(state, found[count], qualities[count], lead_flags[count], ring, m, overlong)
                    around.qrs_ended(state.scores, ring, state.waves, found[count])
                    count += 1
                state.open = 0
                state.dip = p
                state.dip_at = m
        state.previous = p
        if (m + 1) % PULSE == 0:
            count += _pass(state, found[count], m, fibrillating)
    if final and state.open:
        if state.told:
            _end(state, found[count], qualities[count], lead_flags[count], ring, first + n - 1, False)
            around.qrs_ended(state.scores, ring, state.waves, found[count])
            count += 1
        state.open = 0
    if final:
        tellings += around.follow(state.scores, ring, state.waves, templates, first + n - 1, True, told[tellings])
    return count, tellings
