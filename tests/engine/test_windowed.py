"""Designs that read a window anew each hop."""

import keras
import numpy as np
import pytest

from streamer.engine import EngineError, load_engine
from tests.conftest import ROOT
from tests.engine.test_engine import signal, through

GALLERY = ROOT / "models" / "gallery" / "released"


@pytest.fixture(scope="module", params=["bilstm-segmenter", "conv-lstm"])
def design(request):
    return load_engine(folder=GALLERY / request.param)


def test_batch_and_block_do_not_change_a_bit(design):
    samples = signal(4, 12)[:, :2503]
    expected = through(design, samples[:1], 1)
    for hops in (2, 7):
        assert through(design, samples[:1], hops).tobytes() == expected.tobytes()
    for rows in (2, 4, 19):
        several = np.resize(samples, (rows, samples.shape[1]))
        assert through(design, several, 3)[:1].tobytes() == expected.tobytes()


def test_it_agrees_with_keras(design):
    """Each hop is what Keras says of the window that ends with the hop's right context."""
    samples, segment, window = signal(1, 12)[:, :2500], design.segment, design.card.window
    got = through(design, samples, 4)[0, segment.right_context :]
    network = keras.saving.load_model(design.model.folder / "model.keras")
    for start in (window, 1700):
        last = start - segment.right_context
        told = network.predict(samples[:, start - window : start, None], verbose=0)[0]
        told = told if told.shape[1] == 4 else np.stack([1 - told[:, 0], 0 * told[:, 0], told[:, 0], 0 * told[:, 0]], 1)
        hop = told[window - segment.right_context - segment.hop : window - segment.right_context]
        np.testing.assert_allclose(got[last - segment.hop : last], hop, atol=1e-5)


@pytest.mark.parametrize("left", [0, 1, 24])
def test_the_end_is_told_to_the_last_sample(design, left):
    samples = signal(1, 8)[:, : 1000 + left]
    got = through(design, samples, 5)[0, design.segment.right_context :]
    assert len(got) == 1000 + left
    np.testing.assert_allclose(got.sum(axis=1), 1.0, atol=1e-5)


def test_other_engines_are_refused():
    with pytest.raises(EngineError, match="this model runs on onnx"):
        load_engine("numba", folder=GALLERY / "conv-lstm")
