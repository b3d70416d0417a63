"""Gross regressions of speed, as ratios to a reference measured in the same run; far from what is usual."""

import time

import numpy as np
import pytest

from models.architecture import Size
from streamer import Detector, DetectorPool
from tests.conftest import heart

ROUNDS = 15
STREAMS = 64


def shortest(*ways):
    """The shortest time of each, of some rounds in turn: what else the machine does only ever adds."""
    for way in ways:
        way()
    times = [[] for _ in ways]
    for _ in range(ROUNDS):
        for way, taken in zip(ways, times, strict=True):
            begin = time.perf_counter()
            way()
            taken.append(time.perf_counter() - begin)
    return [min(taken) for taken in times]


def products(count):
    a, b = np.ones((256, 72), np.float32), np.ones((72, 160), np.float32)
    return lambda: [a @ b for _ in range(count)]


def test_the_engine_does_a_quarter_of_the_arithmetic_of_a_matrix_product(engine):
    """Half and more is usual."""
    samples = np.random.default_rng(0).normal(0, 1, (256, engine.segment.hop)).astype(np.float32)
    state = engine.initial(256)
    hop, product = shortest(lambda: engine.run(samples, state), products(20))
    flops = Size().megaflops(engine.segment) * 1e6 * engine.segment.hop / 250 * 256
    assert (flops / hop) / (20 * 2 * 256 * 72 * 160 / product) > 0.25 / 4  # numpy may use all cores


@pytest.mark.parametrize("size", [5, 25])
def test_a_pool_costs_little_beside_its_engine(engine, size):
    """Twice the engine is usual for chunks of 100 ms, and four times for chunks of 20."""
    x, _ = heart(60)
    pool = DetectorPool(engine)
    for k in range(STREAMS):
        pool.add(str(k), 250, ["II"])
    at = iter(range(0, len(x), 250))

    def second():
        first = next(at)
        for start in range(first, first + 250, size):
            pool.push({str(k): (x[start : start + size], None) for k in range(STREAMS)})

    for _ in range(10):
        second()
    samples, state = np.zeros((STREAMS, engine.segment.hop), np.float32), engine.initial(STREAMS)
    hops = 250 // engine.segment.hop
    pooled, alone = shortest(second, lambda: [engine.run(samples, state) for _ in range(hops)])
    assert pooled / alone < (6 if size == 25 else 12)


def test_a_recording_is_read_much_faster_than_by_small_chunks(engine):
    """Five times is usual."""
    x, _ = heart(30)

    def detect(pieces):
        detector = Detector(250, ["II"], engine=engine)
        for piece in pieces:
            detector.push(piece)

    whole, pieces = shortest(lambda: detect([x]), lambda: detect(np.split(x, range(10, len(x), 10))))
    assert pieces / whole > 2
