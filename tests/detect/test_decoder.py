"""The decoder on scores that are drawn by hand."""

import numpy as np
import pytest

from streamer.conditioning.kernel import LOST, RING, RING_DTYPE
from streamer.detect import decoder
from streamer.detect.evidence import TEMPLATE_DTYPE
from streamer.detect.fibrillation import LISTENER_DTYPE
from streamer.detect.waves import TOLD_DTYPE


def decode(scores, step=None, ring=None):
    """What is found in QRS scores, shape (n,) or (leads, n); decoded in pieces of `step`."""
    scores = np.atleast_2d(np.asarray(scores, np.float32))
    probabilities = np.zeros((*scores.shape, 4), np.float32)
    probabilities[..., 2] = scores
    if ring is None:
        ring = np.zeros((len(scores), RING), RING_DTYPE)
        ring["quality"] = 1.0
    state = np.zeros(1, decoder.DECODER_DTYPE)
    state["previous"] = -1.0
    state["last_onset"] = state["last_offset"] = -1e9
    result = []
    n = scores.shape[1]
    step = step or n
    for first in range(0, n, step):
        piece = probabilities[:, first : first + step]
        found = np.zeros(400, decoder.FOUND_DTYPE)
        count, _ = decoder.decode(
            piece, ring, first, first + step >= n, state[0],
            np.zeros(len(scores), TEMPLATE_DTYPE), np.zeros(len(scores), LISTENER_DTYPE),
            found, np.zeros((400, len(scores))),
            np.zeros((400, len(scores)), np.int64), np.zeros(400, TOLD_DTYPE),
        )  # fmt: skip
        result.append(found[:count].copy())
    return np.concatenate(result)


def hill(n=400, *hills):
    """Scores of 0 with trapezoids (first, last, top): half of the top is crossed at first - 0.5 and last + 0.5."""
    scores = np.zeros(n)
    for first, last, top in hills:
        scores[first : last + 1] = top
    return scores


def beats(found):
    return found[found["kind"] == decoder.BEAT]


def test_one_hill_is_one_beat_with_interpolated_boundaries():
    found = decode(hill(400, (100, 124, 1.0)))
    assert found["kind"].tolist() == [decoder.ONSET, decoder.BEAT]
    (beat,) = beats(found)
    assert beat["onset"] == pytest.approx(99 + decoder.ONSET_LEVEL)
    assert beat["offset"] == pytest.approx(125 - decoder.OFFSET_LEVEL)
    assert beat["onset"] < beat["peak"] < beat["offset"]
    assert beat["decided"] == 124 + decoder.HOLD


def test_the_level_follows_the_largest_score():
    (beat,) = beats(decode(hill(400, (100, 124, 0.5))))
    assert beat["onset"] == pytest.approx(99 + decoder.ONSET_LEVEL)
    assert beat["score"] == pytest.approx(0.5)


@pytest.mark.parametrize("step", [1, 3, 10, 57])
def test_pieces_do_not_matter(step):
    scores = np.clip(
        hill(900, (100, 124, 1.0), (300, 330, 0.6), (331, 333, 0.1), (338, 350, 0.8), (600, 640, 0.3)), 0, 1
    )
    assert decode(scores, step).tobytes() == decode(scores).tobytes()


def test_what_is_short_or_faint_is_no_beat():
    assert len(decode(hill(400, (100, 100 + decoder.SHORTEST - 2, 1.0)))) == 0
    assert len(decode(hill(400, (100, 130, 0.9 * decoder.OPEN)))) == 0


def test_a_dip_shorter_than_the_hold_does_not_end_a_beat():
    scores = hill(400, (100, 130, 1.0))
    scores[112:114] = 0.1
    assert len(beats(decode(scores))) == 1


def test_a_fragment_belongs_to_the_beat_before():
    found = decode(hill(400, (100, 112, 1.0), (117, 126, 1.0)))
    first, second = beats(found)
    assert (first["beat"], first["revision"]) == (second["beat"], 0)
    assert second["revision"] == 1
    assert second["onset"] == first["onset"]
    assert second["offset"] > first["offset"]
    assert (found["kind"] == decoder.ONSET).sum() == 1


def test_of_two_within_the_refractory_time_the_surer_counts():
    weaker_after = beats(decode(hill(400, (100, 120, 0.9), (140, 155, 0.5))))
    assert len(weaker_after) == 1
    before, after = beats(decode(hill(400, (100, 120, 0.5), (140, 155, 0.95))))
    assert (after["beat"], after["revision"]) == (before["beat"], 1)
    assert after["onset"] == pytest.approx(139 + decoder.ONSET_LEVEL)


def test_two_beats_in_one_stretch_are_told_apart_by_the_dip():
    scores = hill(400, (100, 200, 0.95))
    scores[150:165] = 0.4
    found = beats(decode(scores))
    assert len(np.unique(found["beat"])) == 2


def test_an_overlong_stretch_is_ended_and_flagged():
    (beat,) = beats(decode(hill(400, (100, 250, 1.0))))
    assert beat["flags"] & decoder.LONG
    assert beat["decided"] - 100 == decoder.LONGEST


def test_signal_that_begins_or_ends_within_a_beat_is_flagged():
    (beat,) = beats(decode(hill(100, (0, 20, 1.0))))
    assert beat["flags"] & decoder.CUT
    assert beat["onset"] == 0
    (beat,) = beats(decode(hill(100, (85, 99, 1.0))))
    assert beat["flags"] & decoder.CUT
    assert beat["offset"] == 99


def test_a_lost_lead_has_no_vote_and_quality_weighs():
    ring = np.zeros((2, RING), RING_DTYPE)
    both = hill(400, (50, 70, 1.0))
    scores = np.stack([both + hill(400, (200, 224, 1.0)), both])  # the second lead saw the first QRS, not the second
    for quality, expected in (([[0.9], [0.1]], 2), ([[0.1], [0.9]], 1)):
        ring["quality"] = quality
        assert len(beats(decode(scores, ring=ring))) == expected
    ring["flags"][1] = LOST
    assert len(beats(decode(scores, ring=ring))) == 2
    ring["flags"][:] = LOST
    assert len(beats(decode(scores, ring=ring))) == 0


def test_leads_that_show_no_qrs_do_not_vote_against_one_that_does():
    ring = np.zeros((12, RING), RING_DTYPE)
    ring["quality"] = 1.0
    scores = np.zeros((12, 400))
    scores[4] = hill(400, (100, 124, 1.0))
    (beat,) = beats(decode(scores, ring=ring))
    assert beat["onset"] == pytest.approx(99.5, abs=0.6)


def test_the_peak_is_the_largest_deflection_from_the_onset_whichever_its_sign():
    for sign in (1, -1):
        ring = np.zeros((1, RING), RING_DTYPE)
        ring["quality"] = 1.0
        t = np.arange(400)
        ring["raw"][0, :400] = 2.0 + sign * np.exp(-0.5 * ((t - 110.3) / 3) ** 2)
        (beat,) = beats(decode(hill(400, (100, 124, 1.0)), ring=ring))
        assert beat["peak"] == pytest.approx(110.3, abs=0.05)
