"""The numba kernel: raw samples in, 250 Hz samples in a ring out, one pass, nothing allocated."""

import numpy as np

from streamer.conditioning.resampler import RATE
from streamer.jit import kernel

RING = 1024
SETTLE = 2 * RATE
BLOCK = RATE
BLOCKS = 8
SLOPE = 10
SCALE_FLOOR_MV = 0.1
LARGEST = 16.0
BRIDGE_S = 0.1
FLAT_S = 0.5
CLIP_S = 0.012
RECOVERY = RATE // 5
NOISE_HALF_QUALITY = 0.15

LOST, OFF, CLIPPED, BRIDGED, NOISY = 1, 2, 4, 8, 16
FLAG_NAMES = {LOST: "lost", OFF: "lead_off", CLIPPED: "clipped", BRIDGED: "bridged", NOISY: "noisy"}

RING_DTYPE = np.dtype([("raw", "f4"), ("normal", "f4"), ("quality", "f4"), ("flags", "u1")])

CLOCK_DTYPE = np.dtype(
    [
        ("seen", "i8"),  # input samples of this segment
        ("position", "i8"),  # input sample at or before the next output
        ("phase", "i8"),  # and how far behind it the output lies, in 1 / phases
        ("made", "i8"),  # outputs of this segment
        ("settled", "i8"),
    ]
)

LEAD_DTYPE = np.dtype(
    [
        ("last_lost", "i8"),  # input index of the newest lost sample
        ("lost", "i8"),  # outputs lost in a row
        ("recovery", "i8"),  # outputs until a returned lead has its full quality
        ("run", "i8"),  # equal input samples in a row
        ("previous", "f8"),
        ("highest", "f8"),
        ("lowest", "f8"),
        ("held", "f8"),  # last good output before the high-pass
        ("z1", "f8"),
        ("z2", "f8"),
        ("slope", "f8", (SLOPE,)),
        ("steepest", "f8"),
        ("valid", "i8"),
        ("blocks", "f8", (BLOCKS,)),
        ("blocks_seen", "i8"),
        ("scale", "f8"),
        ("target", "f8"),
        ("noise", "f8"),
        ("fresh", "i8"),  # the high-pass starts at the next good sample
    ]
)


@kernel
def _ranked(values, count, rank):
    """Return the value that `rank` of the first `count` values do not exceed."""
    for i in range(count):
        below = 0
        equal = 0
        for k in range(count):
            if values[k] < values[i]:
                below += 1
            elif values[k] == values[i]:
                equal += 1
        if below < rank <= below + equal:
            return values[i]
    return 0.0


@kernel
def _close_block(lead):
    """End a second of the scale: the target is the third largest slope of the last eight seconds."""
    if lead.valid >= BLOCK // 2:
        lead.blocks[lead.blocks_seen % BLOCKS] = lead.steepest
        lead.blocks_seen += 1
    count = min(lead.blocks_seen, BLOCKS)
    if count > 0:
        lead.target = max(_ranked(lead.blocks, count, int(np.ceil(0.7 * count))), SCALE_FLOOR_MV)
        if lead.scale == 0.0:
            lead.scale = lead.target
    lead.valid = 0
    lead.steepest = 0.0


@kernel
def settle(clock, leads, ring):
    """Give the held samples the scale that they were held for."""
    for j in range(leads.shape[0]):
        if clock.made % BLOCK:
            leads[j].valid += BLOCK // 2  # a stream shorter than two seconds settles with what there is
            _close_block(leads[j])
        leads[j].scale = leads[j].target
        for m in range(max(0, clock.made - SETTLE), clock.made):
            sample = ring[j, m % RING]
            if leads[j].scale == 0.0:
                sample.normal = 0.0
                sample.quality = 0.0
            else:
                sample.normal = min(max(sample.normal / leads[j].scale, -LARGEST), LARGEST)
    clock.settled = 1


@kernel
def _resample(history, lead, bank, phase, last, low):
    """One output of one lead. Samples that are not there get no weight; the others are scaled to unit gain."""
    mask = history.shape[0] - 1
    taps = bank.shape[1]
    total = 0.0
    if low >= 0 and low + taps - 1 <= last and lead.last_lost < low:
        for k in range(taps):
            total += bank[phase, k] * history[(low + k) & mask]
        return total, 1.0
    weight = 0.0
    for k in range(max(0, -low), min(taps, last - low + 1)):
        value = history[(low + k) & mask]
        if not np.isnan(value):
            total += bank[phase, k] * value
            weight += bank[phase, k]
    if weight < 0.499:
        return 0.0, 0.0
    return total / weight, 1.0


@kernel
def _emit(clock, leads, history, bridged, ring, bank, section, fs):
    """Make the next 250 Hz sample of every lead."""
    half = bank.shape[1] // 2
    low = clock.position - half + 1
    slot = clock.made % RING
    between = bridged[clock.position & (bridged.shape[0] - 1)]
    for j in range(leads.shape[0]):
        lead = leads[j]
        out = ring[j, slot]
        value, present = _resample(history[j], lead, bank, clock.phase, clock.seen - 1, low)
        flags = 0
        if present == 0.0:
            value = lead.held
            lead.lost += 1
            flags |= LOST
            if lead.fresh or lead.lost > BRIDGE_S * RATE:
                lead.fresh = 1
                lead.recovery = RECOVERY
                flags |= OFF
        else:
            lead.lost = 0
            lead.held = value
        if lead.fresh and present == 1.0:
            # the steady state of a high-pass at a constant: no output, so an offset does not ring
            lead.z1 = -section[0] * value
            lead.z2 = section[2] * value
            lead.slope[:] = 0.0
            lead.fresh = 0
        if lead.fresh:
            high = 0.0
        else:
            high = section[0] * value + lead.z1
            lead.z1 = section[1] * value - section[3] * high + lead.z2
            lead.z2 = section[2] * value - section[4] * high
        if lead.run >= FLAT_S * fs:
            flags |= OFF
            lead.recovery = RECOVERY
        elif (
            lead.run >= max(3.0, CLIP_S * fs)
            and (lead.previous == lead.highest or lead.previous == lead.lowest)
            and lead.highest - lead.lowest > max(lead.scale, SCALE_FLOOR_MV)
        ):
            flags |= CLIPPED
        if between:
            flags |= BRIDGED

        at = clock.made % SLOPE
        before = lead.slope[at]
        lead.slope[at] = high
        bend = abs(high - 2.0 * lead.slope[(at - 1) % SLOPE] + lead.slope[(at - 2) % SLOPE])
        if flags & (LOST | OFF | BRIDGED) == 0:
            lead.steepest = max(lead.steepest, abs(high - before))
            lead.valid += 1
            if lead.noise == 0.0:
                lead.noise = bend
            lead.noise *= 1.02 if bend > lead.noise else 1.0 / 1.02
            lead.noise = max(lead.noise, 1e-6)
        if (clock.made + 1) % BLOCK == 0:
            _close_block(lead)
        if lead.scale > 0.0:
            lead.scale += (lead.target - lead.scale) / RATE

        quality = 0.0
        if flags & (LOST | OFF | BRIDGED) == 0:
            ratio = lead.noise / max(lead.scale, SCALE_FLOOR_MV) / NOISE_HALF_QUALITY
            quality = 1.0 / (1.0 + ratio * ratio)
            if quality < 0.5:
                flags |= NOISY
            if flags & CLIPPED:
                quality *= 0.5
            quality *= 1.0 - lead.recovery / RECOVERY
            lead.recovery = max(0, lead.recovery - 1)
        out.raw = value
        out.flags = flags
        if clock.settled == 0:
            out.normal = high
            out.quality = quality
        elif lead.scale == 0.0:
            out.normal = 0.0
            out.quality = 0.0
        else:
            out.normal = min(max(high / lead.scale, -LARGEST), LARGEST)
            out.quality = quality
    clock.made += 1


@kernel
def _advance(clock, whole, part, phases):
    clock.position += whole
    clock.phase += part
    if clock.phase >= phases:
        clock.phase -= phases
        clock.position += 1


@kernel
def condition(samples, bridge, clock, leads, history, bridged, ring, bank, section, whole, part, fs, room):
    """Take samples until `room` outputs are made.

    Parameters
    ----------
    samples : ndarray of float64, shape (n, leads)
        Input in mV; NaN where a lead is lost.
    bridge : bool
        Whether these samples were drawn across a gap.
    clock, leads, history, bridged, ring
        State, changed in place: `CLOCK_DTYPE` (0-d record), `LEAD_DTYPE` (leads,), float64 (leads, length), uint8
        (length,), `RING_DTYPE` (leads, RING).
    bank, section : ndarray of float64
        Polyphase weights (phases, taps); the high-pass b0, b1, b2, a1, a2.
    whole, part : int
        Input samples per output, and the rest in 1 / phases.
    fs : float
        Input rate in Hz.
    room : int
        Outputs that the ring may take now.

    Returns
    -------
    int
        Samples taken.
    """
    half = bank.shape[1] // 2
    mask = bridged.shape[0] - 1
    last = clock.made + room
    for i in range(samples.shape[0]):
        if clock.made >= last:
            return i
        slot = clock.seen & mask
        bridged[slot] = bridge
        for j in range(leads.shape[0]):
            lead = leads[j]
            value = samples[i, j]
            history[j, slot] = value
            if np.isnan(value):
                lead.last_lost = clock.seen
                lead.run = 0
            elif bridge:
                lead.run = 0
            elif value == lead.previous:
                lead.run += 1
            else:
                lead.run = 1
                lead.highest = max(lead.highest, value)
                lead.lowest = min(lead.lowest, value)
            lead.previous = value
        clock.seen += 1
        while clock.position + half <= clock.seen - 1:
            _emit(clock, leads, history, bridged, ring, bank, section, fs)
            _advance(clock, whole, part, bank.shape[0])
            if clock.settled == 0 and clock.made == SETTLE:
                settle(clock, leads, ring)
    return samples.shape[0]


@kernel
def drain(clock, leads, history, bridged, ring, bank, section, whole, part, fs):
    """Make the outputs at or before the last input sample, with the samples that there are."""
    while clock.position <= clock.seen - 1:
        _emit(clock, leads, history, bridged, ring, bank, section, fs)
        _advance(clock, whole, part, bank.shape[0])
        if clock.settled == 0 and clock.made == SETTLE:
            settle(clock, leads, ring)
    if clock.settled == 0 and clock.made > 0:
        settle(clock, leads, ring)
