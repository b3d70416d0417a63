"""The network that finds the waves, as numba kernels; see `layers` for how a block of rows lies."""

import numpy as np

from streamer.engine.layers import block, blocks, cut, give, lstm, product, rectify, softmax, take
from streamer.engine.tiles import LANES
from streamer.jit import kernel

NEAR = 128  # hops of rows worked on at a time, so that the caches hold what is made on the way


@kernel
def _convolve(inputs, channels, stride, first, count, weights, bias, out, o, lanes):
    """Fill `count` steps of a convolution and its ReLU, from `o` on."""
    size = len(bias) * lanes
    for t in range(count):
        to = o + t * size
        product(out, to, bias, weights, inputs, first + t * stride * channels * lanes, lanes)
        rectify(out, to, size)


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
    cut(lines, hops, step, n, first, count, lanes, line, 0)
    _convolve(line, 1, 1, 0, n1, w1, b1, one, 0, lanes)
    _convolve(one, len(b1), stride, 0, n2, w2, b2, two, 0, lanes)
    _convolve(two, len(b2), 1, 0, n2 - k3 + 1, w3, b3, three, 0, lanes)
    steps, width = n2 - k3 + 1, features.shape[1] // (n2 - k3 + 1)
    for t in range(steps):
        give(three, t * len(b3) * lanes, count, lanes, features[:, t * width : (t + 1) * width], first)


@kernel
def _forward(sequence, first, count, lanes, steps, width, layer, h, c, along):
    """Read `steps` steps of rows, (rows, steps * width), with the LSTM that is carried for ever."""
    weights, bias = layer
    units = h.shape[1]
    laid = np.empty(steps * width * lanes, np.float32)
    both, cell = np.empty((width + units) * lanes, np.float32), np.empty(units * lanes, np.float32)
    out = np.empty(steps * units * lanes, np.float32)
    gates = np.empty(len(bias) * lanes, np.float32)
    cut(sequence, 1, 0, steps * width, first, count, lanes, laid, 0)
    take(h, first, count, lanes, both, width * lanes)
    take(c, first, count, lanes, cell, 0)
    for t in range(steps):
        lstm(gates, bias, weights, laid, t * width * lanes, width, both, cell, lanes)
        out[t * units * lanes : (t + 1) * units * lanes] = both[width * lanes :]
    give(both, width * lanes, count, lanes, h, first)
    give(cell, 0, count, lanes, c, first)
    give(out, 0, count, lanes, along, first)


@kernel
def _classify(sequence, hops, steps, along, first, count, lanes, hop, width, backward, dense, probabilities):
    """Read windows of `steps` backwards, join what the forward LSTM has said of the first, and classify these."""
    weights, bias = backward
    dense_weights, dense_bias = dense
    units, others = weights.shape[1] - width, along.shape[1] // hop
    outputs, classes = probabilities.shape[1] // hop * probabilities.shape[2], probabilities.shape[2]
    flat = probabilities.reshape(len(probabilities), hop * outputs)
    laid = np.empty(steps * width * lanes, np.float32)
    before = np.empty(along.shape[1] * lanes, np.float32)
    both, cell = np.zeros((width + units) * lanes, np.float32), np.zeros(units * lanes, np.float32)
    gates = np.empty(len(bias) * lanes, np.float32)
    sides = np.empty((others + units) * lanes, np.float32)
    scores = np.empty(len(dense_bias) * lanes, np.float32)
    out = np.empty(hop * outputs * lanes, np.float32)
    cut(sequence, hops, hop * width, steps * width, first, count, lanes, laid, 0)
    take(along, first, count, lanes, before, 0)
    for t in range(steps - 1, -1, -1):
        lstm(gates, bias, weights, laid, t * width * lanes, width, both, cell, lanes)
        if t < hop:
            sides[: others * lanes] = before[t * others * lanes : (t + 1) * others * lanes]
            sides[others * lanes :] = both[width * lanes :]
            product(scores, 0, dense_bias, dense_weights, sides, 0, lanes)
            softmax(scores, outputs, classes, lanes, out, t * outputs * lanes)
    give(out, 0, count, lanes, flat, first)


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
    for k in range(blocks(rows * hops)):
        first, count, lanes = block(k, rows * hops)
        _encode(line, hops, piece, piece - overlap, first, count, lanes, encoder, stride, features)
    sequence = np.empty((rows, (context + fresh) * width), np.float32)
    sequence[:, : context * width] = cached.reshape(rows, context * width)
    sequence[:, context * width :] = features.reshape(rows, fresh * width)
    along = np.empty((rows, steps * h.shape[1]), np.float32)
    for k in range(blocks(rows)):
        first, count, lanes = block(k, rows)
        _forward(sequence, first, count, lanes, steps, width, forward, h, c, along)
    beside = along.reshape(rows * hops, hop * h.shape[1])
    for k in range(blocks(rows * hops)):
        first, count, lanes = block(k, rows * hops)
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


@kernel
def _follow(rows, first, count, lanes, features, network, h, c, classes, out):
    """Read the steps of a block of rows, (rows, steps * features), with the network of the rhythm."""
    (before, before_bias), (weights, bias), (after, after_bias), (last, last_bias) = network
    units, steps = h.shape[1], rows.shape[1] // features
    width = weights.shape[1] - units
    laid = np.empty(steps * features * lanes, np.float32)
    read, both = np.empty(len(before_bias) * lanes, np.float32), np.empty((width + units) * lanes, np.float32)
    cell, gates = np.empty(units * lanes, np.float32), np.empty(len(bias) * lanes, np.float32)
    seen, scores = np.empty(len(after_bias) * lanes, np.float32), np.empty(len(last_bias) * lanes, np.float32)
    told = np.empty(steps * classes * lanes, np.float32)
    cut(rows, 1, 0, steps * features, first, count, lanes, laid, 0)
    take(h, first, count, lanes, both, width * lanes)
    take(c, first, count, lanes, cell, 0)
    for t in range(steps):
        product(read, 0, before_bias, before, laid, t * features * lanes, lanes)
        rectify(read, 0, len(read))
        lstm(gates, bias, weights, read, 0, width, both, cell, lanes)
        product(seen, 0, after_bias, after, both, width * lanes, lanes)
        rectify(seen, 0, len(seen))
        product(scores, 0, last_bias, last, seen, 0, lanes)
        softmax(scores, classes, classes, lanes, told, t * classes * lanes)
    give(both, width * lanes, count, lanes, h, first)
    give(cell, 0, count, lanes, c, first)
    give(told, 0, count, lanes, out, first)


@kernel
def follow(rows, h, c, network, classes):
    """Run the network of the rhythm over streams.

    Parameters
    ----------
    rows : ndarray of float32, shape (streams, steps, features)
    h, c : ndarray of float32, shape (streams, width)
        State; not changed.
    network : tuple
        Dense, LSTM, dense and dense, each packed weights and biases.
    classes : int

    Returns
    -------
    probabilities : ndarray of float32, shape (streams, steps, classes)
    h, c : ndarray of float32
        The new state.
    """
    streams, steps, features = rows.shape
    out = np.empty((streams, steps * classes), np.float32)
    h, c = h.copy(), c.copy()
    flat = rows.reshape(streams, steps * features)
    for k in range(blocks(streams)):
        first, count, lanes = block(k, streams)
        _follow(flat, first, count, lanes, features, network, h, c, classes, out)
    return out.reshape(streams, steps, classes), h, c
