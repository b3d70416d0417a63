"""Letting streams go, and taking them back."""

from streamer.service.shedding import CALM_S, LONGEST_S, OVERLOAD_MS, Shedder


def second(shedder, wait, served, shed):
    """A second in which every chunk waited so long; the streams served and let go after it."""
    for _ in served:
        shedder.waited(wait)
    go, back = shedder.decide(served, shed)
    return [name for name in served if name not in go] + back, [name for name in shed if name not in back] + go


def test_those_that_came_last_go_until_it_is_calm():
    shedder, served, shed = Shedder(), [f"bed-{k}" for k in range(100)], []
    served, shed = second(shedder, OVERLOAD_MS, served, shed)
    assert shed == [f"bed-{k}" for k in range(90, 100)]
    served, shed = second(shedder, 2 * OVERLOAD_MS, served, shed)
    assert len(shed) == 19
    served, shed = second(shedder, OVERLOAD_MS / 2, served, shed)
    assert len(shed) == 19


def test_they_come_back_in_calm_and_more_slowly_if_it_was_too_early():
    shedder, served, shed = Shedder(), [f"bed-{k}" for k in range(40)], []
    served, shed = second(shedder, OVERLOAD_MS, served, shed)
    waits = []
    for _ in range(6):
        before, seconds = len(shed), 0
        while len(shed) == before:
            served, shed = second(shedder, 1.0, served, shed)
            seconds += 1
        waits.append(seconds)
        served, shed = second(shedder, OVERLOAD_MS, served, shed)
    assert waits == [CALM_S * 2**k if CALM_S * 2**k < LONGEST_S else LONGEST_S for k in range(6)]


def test_the_last_stream_is_never_let_go():
    shedder = Shedder()
    assert second(shedder, 10 * OVERLOAD_MS, ["bed"], []) == (["bed"], [])


def test_without_overload_nothing_happens():
    shedder, served = Shedder(), ["bed-1", "bed-2"]
    for _ in range(50):
        assert second(shedder, 3.0, served, []) == (served, [])
    assert shedder.decide([], []) == ([], [])
