"""P and T on scores that are drawn by hand."""

import numpy as np
import pytest

from streamer.conditioning.kernel import RING, RING_DTYPE
from streamer.detect import decoder, waves
from streamer.detect.evidence import TEMPLATE_DTYPE
from streamer.detect.fibrillation import LISTENER_DTYPE
from streamer.detect.waves import TOLD_DTYPE

QRS = (200, 222)


def told(spans, n=700, step=None, qrs=(QRS,)):
    """What is told of P and T; `spans` are (class, first, last, score), all edges between samples."""
    probabilities = np.zeros((1, n, 5), np.float32)
    for column, first, last, score in [*((2, *span, 1.0) for span in qrs), *spans]:
        probabilities[0, first : last + 1, column] = score
    ring = np.zeros((1, RING), RING_DTYPE)
    ring["quality"] = 1.0
    ring["raw"][0, :n] = 0.1 * probabilities[0, :, 1] * np.hanning(n)
    state = np.zeros(1, decoder.DECODER_DTYPE)
    state["previous"] = -1.0
    state["last_onset"] = state["last_offset"] = -1e9
    result = []
    step = step or n
    for first in range(0, n, step):
        room = np.zeros(40, TOLD_DTYPE)
        _, count = decoder.decode(
            probabilities[:, first : first + step], ring, first, first + step >= n, state[0],
            np.zeros(1, TEMPLATE_DTYPE), np.zeros(1, LISTENER_DTYPE),
            np.zeros(40, decoder.FOUND_DTYPE), np.zeros((40, 1)), np.zeros((40, 1), np.int64), room,
        )  # fmt: skip
        result.append(room[:count].copy())
    return np.concatenate(result)


def test_p_and_t_are_measured_between_samples():
    (beat,) = told([(1, 150, 175, 0.9), (3, 270, 320, 0.8)])
    assert (beat["p"]["found"], beat["t"]["found"]) == (1, 1)
    # 0.5 lies at 0.5 / 0.9 of the step before the first sample
    assert beat["p"]["onset"] == pytest.approx(150 - 0.4 / 0.9, abs=1e-6)
    assert beat["p"]["offset"] == pytest.approx(175 + 0.4 / 0.9, abs=1e-6)
    assert beat["t"]["onset"] == pytest.approx(270 - 0.3 / 0.8, abs=1e-6)
    assert beat["t"]["offset"] == pytest.approx(320 + 0.3 / 0.8, abs=1e-6)
    assert beat["p"]["onset"] < beat["p"]["peak"] < beat["p"]["offset"]
    assert beat["p"]["score"] == pytest.approx(0.9)
    assert beat["qrs_onset"] == pytest.approx(199 + decoder.ONSET_LEVEL)


def test_a_t_is_told_when_it_has_been_over_for_its_hold():
    (beat,) = told([(3, 270, 320, 1.0)])
    assert beat["decided"] == 320 + waves.T_HOLD


def test_what_is_short_or_faint_is_no_wave():
    (beat,) = told([(1, 150, 150 + waves.P_SHORTEST - 2, 1.0), (3, 270, 270 + waves.T_SHORTEST - 2, 1.0)])
    assert (beat["p"]["found"], beat["t"]["found"]) == (0, 0)
    (beat,) = told([(1, 150, 180, 0.45), (3, 270, 320, 0.45)])
    assert (beat["p"]["found"], beat["t"]["found"]) == (0, 0)


def test_without_a_t_the_beat_is_told_after_its_time():
    (beat,) = told([])
    assert beat["decided"] == pytest.approx(QRS[1] + waves.T_LATEST, abs=1)


def test_the_p_nearest_to_the_qrs_counts_and_one_too_far_does_not():
    (beat,) = told([(1, 130, 145, 1.0), (1, 160, 180, 1.0)])
    assert beat["p"]["onset"] == pytest.approx(159.5)
    (beat,) = told([(1, QRS[0] - waves.P_FARTHEST - 40, QRS[0] - waves.P_FARTHEST - 5, 1.0)])
    assert beat["p"]["found"] == 0


def test_a_short_dip_does_not_split_a_wave():
    (beat,) = told([(1, 150, 180, 1.0), (1, 164, 165, 0.1), (3, 270, 320, 1.0), (3, 290, 294, 0.1)])
    assert beat["p"]["onset"] == pytest.approx(149.5)
    assert beat["t"]["offset"] == pytest.approx(320.5)


def test_the_next_qrs_ends_the_search_for_a_t():
    first, second = told([(3, 270, 295, 1.0), (3, 340, 380, 1.0)], qrs=(QRS, (300, 322)))
    assert first["beat"] == 1
    assert first["t"]["offset"] == pytest.approx(295.5)
    assert first["decided"] < 322
    assert second["t"]["onset"] == pytest.approx(339.5)


def test_the_t_before_is_not_taken_for_a_p():
    spans = [(3, 270, 320, 1.0), (1, 262, 280, 0.9)]  # a class that wavers inside the T
    _, second = told(spans, qrs=(QRS, (340, 362)))
    assert second["p"]["found"] == 0


@pytest.mark.parametrize("step", [1, 7, 10, 64])
def test_pieces_do_not_matter(step):
    spans = [(1, 150, 175, 0.9), (3, 270, 320, 0.8), (1, 350, 370, 0.7), (3, 470, 500, 0.6)]
    qrs = (QRS, (390, 410))
    assert told(spans, step=step, qrs=qrs).tobytes() == told(spans, qrs=qrs).tobytes()


def test_a_t_cut_by_the_end_is_told_as_far_as_it_was_seen():
    (beat,) = told([(3, 270, 299, 1.0)], n=300)
    assert beat["t"]["found"] == 1
    assert beat["t"]["offset"] == 299
