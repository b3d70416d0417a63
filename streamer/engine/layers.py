"""What networks are made of, as numba kernels. Arrays of a block of rows lie as (numbers, lanes): 16 lanes, or one."""

import numpy as np

from streamer.engine.tiles import LANES, fma, tile_of_one, tile_of_rows, tiles_of_one, two_to
from streamer.jit import kernel

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
def product(out, o, bias, weights, inputs, x, lanes):
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
def rectify(out, o, count):
    """Put nought for what is less, from `o` on."""
    for k in range(o, o + count):
        out[k] = max(out[k], F(0.0))


@kernel
def lstm(gates, bias, weights, inputs, x, width, both, c, lanes):
    """Go on by a step: `both` holds room for the inputs, then h; gates are i, f, c, o as in Keras."""
    size = len(both) - width * lanes
    for k in range(width * lanes):
        both[k] = inputs[x + k]
    product(gates, 0, bias, weights, both, 0, lanes)
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
def take(source, first, count, lanes, out, o):
    """Lay the numbers of `count` rows of a 2-d array side by side."""
    cut(source, 1, 0, source.shape[1], first, count, lanes, out, o)


@kernel
def cut(source, pieces, step, length, first, count, lanes, out, o):
    """Lay pieces side by side: each row has so many, of a `length`, one a `step` after the other."""
    for lane in range(lanes):
        piece = first + min(lane, count - 1)
        row, start = piece // pieces, piece % pieces * step
        for k in range(length):
            out[o + k * lanes + lane] = source[row, start + k]


@kernel
def give(block, o, count, lanes, out, first):
    """Put them back."""
    n = out.shape[1]
    for lane in range(count):
        for k in range(n):
            out[first + lane, k] = block[o + k * lanes + lane]


@kernel
def softmax(scores, outputs, classes, lanes, out, o):
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
def blocks(rows):
    """Return how many blocks of rows there are: full ones, then one, or a few rows each alone."""
    rest = rows % LANES
    return rows // LANES + (rest if rest <= FEW else 1)


@kernel
def block(k, rows):
    """Return the first row of a block, its rows and its lanes."""
    full, rest = rows // LANES, rows % LANES
    if k < full:
        return k * LANES, LANES, LANES
    if rest <= FEW:
        return full * LANES + k - full, 1, 1
    return full * LANES, rest, LANES
