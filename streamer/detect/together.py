"""The steps of many streams at once: what is done for one is done for each, in one call of a kernel."""

import numpy as np

from streamer.conditioning.kernel import OFF, RING, SETTLE, condition, drain
from streamer.detect import decoder
from streamer.jit import kernel

# jobs: a chunk that goes on from the last, a part of one that was looked at, a line across a gap, the segment's end
ORDINARY, PART, BRIDGE, END = 0, 1, 2, 3
REFUSED = -1  # instead of samples taken: a stretch without any lead, which is a gap


@kernel
def _heard(samples):
    """Make what is not finite NaN; return whether every sample has a lead."""
    for i in range(samples.shape[0]):
        some = False
        for j in range(samples.shape[1]):
            if np.isfinite(samples[i, j]):
                some = True
            else:
                samples[i, j] = np.nan
        if not some:
            return False
    return True


@kernel
def _news(ring, off, before, made):
    """Whether a lead has fallen off or come back."""
    for j in range(ring.shape[0]):
        for m in range(before, made):
            if ((ring[j, m % RING].flags & OFF) != 0) != off[j]:
                return True
    return False


@kernel
def take(rows, samples, edges, kinds, room, conditioning, constants, off, last, fed, hop, taken, before, news, hops):
    """Condition what has come.

    Parameters
    ----------
    rows : ndarray of int64, shape (jobs,)
        Of the state.
    samples : ndarray of float64, shape (n, leads)
        Of all jobs; changed where it is not finite.
    edges : ndarray of int64, shape (jobs + 1,)
        Where each begins, and the last ends.
    kinds : ndarray of int64, shape (jobs,)
        `ORDINARY`, `PART`, `BRIDGE` or `END`.
    room : int
        250 Hz samples that may be made of a job.
    conditioning, constants : tuple
        State arrays and constants of `Conditioning`; state is changed in place.
    off, last, fed : ndarray
        Of each stream and lead: whether it is off, and its newest sample; of each stream: 250 Hz samples that the
        network has had.
    hop : int
    taken, before, news, hops : ndarray of int64, shape (jobs,)
        Filled: samples taken or `REFUSED`, 250 Hz samples made before, whether something is to be told of the leads or
        of the scale, and hops that are ready.
    """
    clocks, leads, history, bridged, ring = conditioning
    for k in range(len(rows)):
        r = rows[k]
        part = samples[edges[k] : edges[k + 1]]
        clock = clocks[r]
        before[k] = clock.made
        taken[k] = news[k] = hops[k] = 0
        if kinds[k] == ORDINARY and not _heard(part):
            taken[k] = REFUSED
            continue
        if kinds[k] == END:
            drain(clock, leads[r], history[r], bridged[r], ring[r], *constants)
        elif len(part):
            bridge = kinds[k] == BRIDGE
            taken[k] = condition(part, bridge, clock, leads[r], history[r], bridged[r], ring[r], *constants, room)
            last[r] = part[-1]
        settles = before[k] < SETTLE <= clock.made
        news[k] = settles or _news(ring[r], off[r], before[k], clock.made)
        if clock.settled:
            hops[k] = (clock.made - fed[r]) // hop


@kernel
def gather(rows, ring, fed, count):
    """Return the next `count` samples of the conditioned signal of each stream, shape (jobs * leads, count)."""
    leads = ring.shape[1]
    out = np.empty((len(rows) * leads, count), np.float32)
    for k in range(len(rows)):
        r = rows[k]
        for j in range(leads):
            for m in range(count):
                out[k * leads + j, m] = ring[r, j, (fed[r] + m) % RING].normal
        fed[r] += count
    return out


@kernel
def decode(
    start, rows, probabilities, first, final, ring, decoders, templates, listeners, room,
    found, qualities, lead_flags, told, counts,
):  # fmt: skip
    """Decode the jobs from `start` on, as many as there is room for.

    Parameters
    ----------
    start : int
    rows : ndarray of int64, shape (jobs,)
    probabilities : ndarray of float32, shape (jobs, leads, n, classes)
    first : ndarray of int64, shape (jobs,)
        250 Hz sample of each job's first; what lies before 0 is the network's delay, before the segment began.
    final : ndarray of bool, shape (jobs,)
    ring, decoders, templates, listeners : ndarray
        State, changed in place.
    room : int
        Entries that a job may fill at most.
    found, qualities, lead_flags, told : ndarray
        As `decoder.decode` fills them, one job after the other.
    counts : ndarray of int64, shape (jobs, 2)
        Filled: entries of `found` and of `told`.

    Returns
    -------
    int
        The first job that is not done.
    """
    finds, tellings = 0, 0
    for k in range(start, len(rows)):
        if max(finds, tellings) + room > len(found):
            return k
        r = rows[k]
        skipped = max(0, -first[k])
        counts[k, 0], counts[k, 1] = decoder.decode(
            probabilities[k, :, skipped:],
            ring[r],
            first[k] + skipped,
            final[k],
            decoders[r],
            templates[r],
            listeners[r],
            found[finds:],
            qualities[finds:],
            lead_flags[finds:],
            told[tellings:],
        )
        finds += counts[k, 0]
        tellings += counts[k, 1]
    return len(rows)
