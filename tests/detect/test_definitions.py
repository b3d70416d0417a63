"""What is defined of a rhythm, at the edges of the definitions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.detect.rhythm.definitions import ASYSTOLE_S, PAUSE_S, RATE_BEATS, Definitions

FS = 250


def after(intervals_ms, ventricular=()):
    """Definitions after beats with these RR intervals; `ventricular` are the numbers of such beats, the first is 0."""
    definitions = Definitions()
    at = 0.0
    definitions.beat(at, None, 0 in ventricular)
    for k, rr in enumerate(intervals_ms, 1):
        at += rr * FS / 1000
        definitions.beat(at, rr, k in ventricular)
    return definitions


@pytest.mark.parametrize(
    ("rr", "met"), [(1200, []), (1201, ["brady"]), (600, []), (599, ["tachy"]), (601, []), (1199, [])]
)
def test_rates_are_the_mean_of_eight_intervals(rr, met):
    assert list(after([rr] * RATE_BEATS).met) == met
    assert list(after([rr] * (RATE_BEATS - 1)).met) == []


def test_a_rate_holds_since_its_first_beat_and_until_it_is_five_percent_back():
    # seven intervals of 500 ms and one of 1000 already are 107 a minute
    definitions = after([1000.0] * 4 + [500.0] * 7)
    assert definitions.met == {"tachy": 3 * FS}
    at = 4 * FS + 7 * FS / 2
    for rr, met in ((620.0, {"tachy": 3 * FS}), (640.0, {})):
        for _ in range(RATE_BEATS):
            at += rr * FS / 1000
            definitions.beat(at, rr, False)
        assert definitions.met == met


@pytest.mark.parametrize(
    ("seconds", "met"),
    [
        (PAUSE_S - 0.01, set()),
        (PAUSE_S, {"pause"}),
        (ASYSTOLE_S - 0.01, {"pause"}),
        (ASYSTOLE_S, {"pause", "asystole"}),
    ],
)
def test_a_pause_is_three_seconds_and_asystole_four(seconds, met):
    definitions = after([800.0])
    definitions.silence(200.0, seconds, heard=1.0)
    assert set(definitions.met) == met
    assert all(since == 200.0 for since in definitions.met.values())
    definitions.beat(2000.0, 8000.0, False)
    assert not {"pause", "asystole"} & set(definitions.met)


def test_a_silence_that_was_not_heard_is_no_pause():
    definitions = after([800.0])
    definitions.silence(200.0, 10.0, heard=0.4)
    assert definitions.met == {}


@pytest.mark.parametrize(
    ("rr", "ventricular", "since"),
    [
        (599.0, (3, 4, 5), 3 * 599.0),
        (600.0, (3, 4, 5), None),
        (599.0, (4, 5), None),
        (599.0, (2, 3, 5), None),
        (400.0, (1, 2, 3, 4, 5), 400.0),
    ],
)
def test_a_run_is_three_ventricular_beats_above_100_a_minute(rr, ventricular, since):
    met = after([rr] * 5, ventricular).met
    assert met.get("ventricular_run") == (None if since is None else since * FS / 1000)


def test_the_interval_before_a_run_does_not_count():
    assert "ventricular_run" in after([800.0, 800.0, 900.0, 400.0, 400.0], (3, 4, 5)).met


def test_beats_in_fibrillation_are_none():
    definitions = after([300.0] * 9)
    assert "tachy" in definitions.met
    definitions.fibrillation(500.0, True)
    definitions.beat(700.0, 300.0, True)
    definitions.silence(700.0, 5.0, heard=1.0)
    assert definitions.met == {"fibrillation": 500.0}
    definitions.fibrillation(900.0, False)
    assert definitions.met == {}


@given(st.lists(st.tuples(st.floats(200, 6000) | st.none(), st.booleans()), max_size=40), st.integers(0, 40))
def test_state_goes_on_as_if_nothing_had_happened(beats, cut):
    one, other = Definitions(), Definitions()
    at = 0.0
    for k, (rr, ventricular) in enumerate(beats):
        if k == cut:
            fresh = Definitions()
            fresh.load(other.state())
            other = fresh
        at += rr or 100.0
        one.beat(at, rr, ventricular)
        other.beat(at, rr, ventricular)
        assert one.met == other.met
