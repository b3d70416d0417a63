"""Scoring of rhythms on episodes that are written by hand."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.detect.events import Rhythm
from streamer.detect.rhythm.episodes import Episode
from tools.rhythm import Found, Times, as_definition, challenge_f1, confusion, followed, overlap, spans, with_told
from tools.rhythm_peers import LEVEL, cosen, rr_rule

FS = 100


def episode(label, start, end):
    return Episode(label, start * FS, end * FS, int(start * FS), None)


def told(label, since, known, **definitions):
    return Rhythm(
        known=int(known * FS), label=label, since=since * FS, cause="change", probabilities={}, beats=9, seconds=9.0,
        heart_rate=None, lowest_rate=None, highest_rate=None, delay_ms=0.0,
        definitions={name: at * FS for name, at in definitions.items()},
    )  # fmt: skip


TRUTH = [episode("N", 0, 100), episode("AFIB", 100, 200), episode("AFL", 200, 220), episode("N", 220, 300)]
EVENTS = [told("N", 2, 5), told("AFIB", 110, 120), told("N", 230, 240)]


@pytest.fixture
def record():
    return followed("r", FS, 300.0 * FS, TRUTH, EVENTS, np.zeros(0))


def test_times_by_hand(record):
    since, live, pardoned = Times(), Times(), Times()
    since.add(record, "AFIB", False)
    live.add(record, "AFIB", True)
    pardoned.add(record, "AFIB", False, "AFL")
    assert (since.se, since.ppv) == pytest.approx((90, 100 * 90 / 120))
    assert (live.se, live.ppv) == pytest.approx((80, 100 * 80 / 120))
    assert (pardoned.se, pardoned.ppv) == pytest.approx((90, 90))
    assert since.sp == pytest.approx(100 * (1 - 30 / 200))
    assert pardoned.sp == pytest.approx(100 * (1 - 10 / 180))


def test_episodes_by_hand(record):
    found = Found()
    found.add(record, "AFIB")
    assert (found.annotated, found.found, found.false, found.delays) == (1, 1, 0, [20.0])
    nothing = Found()
    nothing.add(with_told(record, [episode("AFIB", 0, 50), episode("N", 50, 300)]), "AFIB")
    assert (nothing.annotated, nothing.found, nothing.false, nothing.delays) == (1, 0, 1, [])


def test_an_episode_that_was_told_before_its_onset_has_no_delay(record):
    found = Found()
    found.add(with_told(record, [episode("AFIB", 50, 300)]), "AFIB")
    assert (found.found, found.delays) == (1, [])


def test_the_confusion_adds_up(record):
    table = confusion([record], ["N", "AFIB", "AFL"])
    assert table.sum(axis=1) == pytest.approx([180, 100, 20])
    assert table[1] == pytest.approx([10, 90, 0, 0])
    assert table[0] == pytest.approx([98 + 70, 10, 0, 2])


def test_a_definition_is_scored_like_a_label():
    events = [told("N", 2, 5), told("N", 2, 52, pause=50), told("N", 2, 60), told("N", 2, 80, pause=78)]
    record = followed("r", FS, 100.0 * FS, [episode("N", 0, 100)], events, np.zeros(0))
    paused = as_definition(record, "pause", "PAUSE")
    assert spans(paused.live, "PAUSE").tolist() == [[5200, 6000], [8000, 10000]]
    assert spans(paused.told, "PAUSE").tolist() == [[5000, 6000], [7800, 10000]]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)), max_size=8), st.lists(st.integers(0, 60), max_size=8))
def test_overlap_is_that_of_the_samples(lengths, starts):
    def marked(pairs):
        line = np.zeros(600, bool)
        for a, b in pairs:
            line[a:b] = True
        return line

    at, one = 0, []
    for gap, length in lengths:
        one.append((at + gap, at + gap + length))
        at += gap + length
    other = [(10 * k, 10 * k + 7) for k in sorted(set(starts)) if k < 60]
    spans_of = [np.array(pairs, float).reshape(-1, 2) for pairs in (one, other)]
    assert overlap(*spans_of) == (marked(one) & marked(other)).sum()


def test_the_challenge_is_scored_as_it_was():
    real, found = list("NNNNAAOO~~"), list("NNOOAAON~N")
    f1 = challenge_f1(real, found)
    assert f1["N"] == pytest.approx(2 * 2 / (4 + 4))
    assert f1["A"] == 1
    assert f1["O"] == pytest.approx(2 * 1 / (2 + 3))
    assert f1["F1"] == pytest.approx((f1["N"] + f1["A"] + f1["O"]) / 3)


def test_the_rule_tells_chaos_from_a_clock():
    random = np.random.default_rng(0)
    assert cosen(random.normal(0.8, 0.01, 12)) < LEVEL < cosen(random.uniform(0.4, 1.1, 12))
    rr = np.concatenate([random.normal(0.8, 0.01, 50), random.uniform(0.4, 1.1, 80)])
    found = rr_rule(np.cumsum(rr) * FS, FS)
    assert found[0].label == "N"
    assert found[-1].label == "AFIB"
    assert all(a.end == b.start for a, b in pairwise(found))
