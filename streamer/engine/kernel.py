"""The network as numba kernels. Arrays of a block of rows lie as (numbers, lanes): 16 lanes, or one for one row."""

import numpy as np

from streamer.engine.tiles import LANES, fma, tile_of_one, tile_of_rows, tiles_of_one, two_to
from streamer.jit import kernel

NEAR = 128  # hops of rows worked on at a time, so that the caches hold what is made on the way
FEW = 3  # rows up to which each goes alone
F = np.float32
LOG2_E, LN_2_HIGH, LN_2_LOW = F(1.4426950408889634), F(0.693359375), F(-2.12194440054690583e-4)


@kernel
def exp(x):
    """Return e to the power of x: the Taylor series within half of ln 2, and a power of two; after Cody and Waite."""
    x = F(88.0) if x > F(88.0) else x
    x = F(-87.0) if x < F(-87.0) else x
    n = np.floor(fma(x, LOG2_E, F(0.5)))
    r = fma(n, -LN_2_LOW, fma(n, -LN_2_HIGH, x))
    p = fma(F(1 / 5040), r, F(1 / 720))
    p = fma(p, r, F(1 / 120))
    p = fma(p, r, F(1 / 24))
    p = fma(p, r, F(1 / 6))
    p = fma(p, r, F(0.5))
    p = fma(p, r, F(1.0))
    p = fma(p, r, F(1.0))
    return p * two_to(n)


@kernel
def _product(out, o, bias, weights, inputs, x, lanes):
    """Fill outputs from `o` on with the bias and the product of the weights and the inputs from `x` on."""
    tiles, length = weights.shape[0], weights.shape[1]
    flat = weights.reshape(-1)
    if lanes == LANES:
        for t in range(tiles):
            tile_of_rows(out, o + t * LANES * LANES, bias, t * LANES, flat, t * LANES * length, inputs, x, length)
        return
    t = 0
    while t + 4 <= tiles:
        tiles_of_one(out, o + t * LANES, bias, t * LANES, flat, t * LANES * length, inputs, x, length)
        t += 4
    while t < tiles:
        tile_of_one(out, o + t * LANES, bias, t * LANES, flat, t * LANES * length, inputs, x, length)
        t += 1


@kernel
def _convolve(inputs, channels, stride, first, count, weights, bias, out, o, lanes):
    """Fill `count` steps of a convolution and its ReLU, from `o` on."""
    size = len(bias) * lanes
    for t in range(count):
        to = o + t * size
        _product(out, to, bias, weights, inputs, first + t * stride * channels * lanes, lanes)
        for k in range(to, to + size):
            out[k] = max(out[k], F(0.0))


@kernel
def _lstm(gates, bias, weights, inputs, x, width, both, c, lanes):
    """Go on by a step: `both` holds room for the inputs, then h; gates are i, f, c, o as in Keras."""
    size = len(both) - width * lanes
    for k in range(width * lanes):
        both[k] = inputs[x + k]
    _product(gates, 0, bias, weights, both, 0, lanes)
    one, h = F(1.0), both[width * lanes :]
    for k in range(size):
        # sigmoid(i) * tanh(z) and sigmoid(o) * tanh(cell), each with a single division; tanh is 1 long before the
        # bound, which keeps the product of the divisors finite
        z, forget = exp(min(F(-2.0) * gates[2 * size + k], F(40.0))), one + exp(-gates[size + k])
        cell = fma(one / forget, c[k], (one - z) / ((one + exp(-gates[k])) * (one + z)))
        c[k] = cell
        z = exp(min(F(-2.0) * cell, F(40.0)))
        h[k] = (one - z) / ((one + exp(-gates[3 * size + k])) * (one + z))


@kernel
def _take(source, first, count, lanes, out, o):
    """Lay the numbers of `count` rows of a 2-d array side by side."""
    _cut(source, 1, 0, source.shape[1], first, count, lanes, out, o)


@kernel
def _cut(source, pieces, step, length, first, count, lanes, out, o):
    """Lay pieces side by side: each row has so many, of a `length`, one a `step` after the other."""
    for lane in range(lanes):
        piece = first + min(lane, count - 1)
        row, start = piece // pieces, piece % pieces * step
        for k in range(length):
            out[o + k * lanes + lane] = source[row, start + k]


@kernel
def _give(block, o, count, lanes, out, first):
    """Put them back."""
    n = out.shape[1]
    for lane in range(count):
        for k in range(n):
            out[first + lane, k] = block[o + k * lanes + lane]


@kernel
def _encode(lines, hops, n, step, first, count, lanes, encoder, stride, features):
    """Convolve `n` samples of each hop of the rows to features, (rows * hops, steps * width)."""
    w1, b1, w2, b2, w3, b3 = encoder
    k1, k2, k3 = w1.shape[1], w2.shape[1] // len(b1), w3.shape[1] // len(b2)
    n1 = n - k1 + 1
    n2 = (n1 - k2) // stride + 1
    line = np.empty(n * lanes, np.float32)
    one = np.empty(n1 * len(b1) * lanes, np.float32)
    two = np.empty(n2 * len(b2) * lanes, np.float32)
    three = np.empty((n2 - k3 + 1) * len(b3) * lanes, np.float32)
    _cut(lines, hops, step, n, first, count, lanes, line, 0)
    _convolve(line, 1, 1, 0, n1, w1, b1, one, 0, lanes)
    _convolve(one, len(b1), stride, 0, n2, w2, b2, two, 0, lanes)
    _convolve(two, len(b2), 1, 0, n2 - k3 + 1, w3, b3, three, 0, lanes)
    steps, width = n2 - k3 + 1, features.shape[1] // (n2 - k3 + 1)
    for t in range(steps):
        _give(three, t * len(b3) * lanes, count, lanes, features[:, t * width : (t + 1) * width], first)


@kernel
def _forward(sequence, first, count, lanes, steps, width, layer, h, c, along):
    """Read `steps` steps of rows, (rows, steps * width), with the LSTM that is carried for ever."""
    weights, bias = layer
    units = h.shape[1]
    block = np.empty(steps * width * lanes, np.float32)
    both, cell = np.empty((width + units) * lanes, np.float32), np.empty(units * lanes, np.float32)
    out = np.empty(steps * units * lanes, np.float32)
    gates = np.empty(len(bias) * lanes, np.float32)
    _cut(sequence, 1, 0, steps * width, first, count, lanes, block, 0)
    _take(h, first, count, lanes, both, width * lanes)
    _take(c, first, count, lanes, cell, 0)
    for t in range(steps):
        _lstm(gates, bias, weights, block, t * width * lanes, width, both, cell, lanes)
        out[t * units * lanes : (t + 1) * units * lanes] = both[width * lanes :]
    _give(both, width * lanes, count, lanes, h, first)
    _give(cell, 0, count, lanes, c, first)
    _give(out, 0, count, lanes, along, first)


@kernel
def _classify(sequence, hops, steps, along, first, count, lanes, hop, width, backward, dense, probabilities):
    """Read windows of `steps` backwards, join what the forward LSTM has said of the first, and classify these."""
    weights, bias = backward
    dense_weights, dense_bias = dense
    units, others = weights.shape[1] - width, along.shape[1] // hop
    outputs, classes = probabilities.shape[1] // hop * probabilities.shape[2], probabilities.shape[2]
    flat = probabilities.reshape(len(probabilities), hop * outputs)
    block = np.empty(steps * width * lanes, np.float32)
    before = np.empty(along.shape[1] * lanes, np.float32)
    both, cell = np.zeros((width + units) * lanes, np.float32), np.zeros(units * lanes, np.float32)
    gates = np.empty(len(bias) * lanes, np.float32)
    sides = np.empty((others + units) * lanes, np.float32)
    scores = np.empty(len(dense_bias) * lanes, np.float32)
    out = np.empty(hop * outputs * lanes, np.float32)
    _cut(sequence, hops, hop * width, steps * width, first, count, lanes, block, 0)
    _take(along, first, count, lanes, before, 0)
    for t in range(steps - 1, -1, -1):
        _lstm(gates, bias, weights, block, t * width * lanes, width, both, cell, lanes)
        if t < hop:
            sides[: others * lanes] = before[t * others * lanes : (t + 1) * others * lanes]
            sides[others * lanes :] = both[width * lanes :]
            _product(scores, 0, dense_bias, dense_weights, sides, 0, lanes)
            _softmax(scores, outputs, classes, lanes, out, t * outputs * lanes)
    _give(out, 0, count, lanes, flat, first)


@kernel
def _softmax(scores, outputs, classes, lanes, out, o):
    """Turn each sample's scores into probabilities."""
    size = classes * lanes
    for sample in range(outputs // classes):
        at = sample * size
        for lane in range(lanes):
            largest = scores[at + lane]
            for k in range(1, classes):
                largest = max(largest, scores[at + k * lanes + lane])
            total = F(0.0)
            for k in range(classes):
                value = exp(scores[at + k * lanes + lane] - largest)
                out[o + at + k * lanes + lane] = value
                total += value
            for k in range(classes):
                out[o + at + k * lanes + lane] /= total


@kernel
def _blocks(rows):
    """Return how many blocks of rows there are: full ones, then one, or a few rows each alone."""
    rest = rows % LANES
    return rows // LANES + (rest if rest <= FEW else 1)


@kernel
def _block(k, rows):
    """Return the first row of a block, its rows and its lanes."""
    full, rest = rows // LANES, rows % LANES
    if k < full:
        return k * LANES, LANES, LANES
    if rest <= FEW:
        return full * LANES + k - full, 1, 1
    return full * LANES, rest, LANES


@kernel
def _run(samples, tail, cached, h, c, network, stride, hops, hop, piece, window, out):
    """Run some rows, so few that all that is made on the way stays near: `h`, `c` and `out` are filled."""
    encoder, forward, backward, dense = network
    rows, n, overlap = samples.shape[0], samples.shape[1], tail.shape[1]
    context, width = cached.shape[1], cached.shape[2]
    fresh, steps = n // stride, hops * hop
    line = np.empty((rows, overlap + n), np.float32)
    line[:, :overlap] = tail
    line[:, overlap:] = samples
    features = np.empty((rows * hops, fresh // hops * width), np.float32)
    for k in range(_blocks(rows * hops)):
        first, count, lanes = _block(k, rows * hops)
        _encode(line, hops, piece, piece - overlap, first, count, lanes, encoder, stride, features)
    sequence = np.empty((rows, (context + fresh) * width), np.float32)
    sequence[:, : context * width] = cached.reshape(rows, context * width)
    sequence[:, context * width :] = features.reshape(rows, fresh * width)
    along = np.empty((rows, steps * h.shape[1]), np.float32)
    for k in range(_blocks(rows)):
        first, count, lanes = _block(k, rows)
        _forward(sequence, first, count, lanes, steps, width, forward, h, c, along)
    beside = along.reshape(rows * hops, hop * h.shape[1])
    for k in range(_blocks(rows * hops)):
        first, count, lanes = _block(k, rows * hops)
        _classify(sequence, hops, window, beside, first, count, lanes, hop, width, backward, dense, out)
    return line[:, n:], sequence[:, steps * width :]


@kernel
def run(samples, tail, cached, h, c, network, stride, classes, hops, hop, piece, window):
    """Run the network over rows.

    Parameters
    ----------
    samples : ndarray of float32, shape (rows, n)
    tail, cached, h, c : ndarray of float32
        State: (rows, receptive - stride), (rows, context steps, width), (rows, forward) twice; not changed.
    network : tuple
        Encoder, forward, backward and dense, each a tuple of packed weights and biases.
    stride, classes : int
        Samples of a step, and classes of a sample.
    hops, hop, piece, window : int
        Hops, steps that each puts out, samples that its convolutions see, and steps that the backward LSTM sees.

    Returns
    -------
    probabilities : ndarray of float32, shape (rows, hops * hop * stride, classes)
    tail, cached, h, c : ndarray of float32
        The new state.
    """
    rows, fresh = len(samples), samples.shape[1] // stride
    out = np.empty((rows, hops, hop * stride, classes), np.float32)
    tail_after = np.empty_like(tail)
    cached_after = np.empty((rows, cached.shape[1] + fresh - hops * hop, cached.shape[2]), np.float32)
    h, c = h.copy(), c.copy()
    some = max(LANES, NEAR // hops // LANES * LANES)
    for first in range(0, rows, some):
        end = min(first + some, rows)
        part = out[first:end].reshape((end - first) * hops, hop * stride, classes)
        rest, sequence = _run(
            samples[first:end], tail[first:end], cached[first:end], h[first:end], c[first:end],
            network, stride, hops, hop, piece, window, part,
        )  # fmt: skip
        tail_after[first:end] = rest
        cached_after[first:end] = sequence.copy().reshape(end - first, cached_after.shape[1], cached_after.shape[2])
    return out.reshape(rows, hops * hop * stride, classes), tail_after, cached_after, h, c
