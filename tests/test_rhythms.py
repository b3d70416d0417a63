"""Each rhythm of the simulator through the whole detector: what is told of it."""

import numpy as np
import pytest

from streamer import Detector, Rhythm
from streamer.feeds import Simulator, parse_script
from streamer.sinks.annotations import final_beats

FS = 250
BEGINS, ENDS = 25, 65


@pytest.fixture(scope="module")
def told(engine):
    """Rhythm events of a normal heart that changes to another rhythm and back, by name of that rhythm."""

    def run(name):
        if name not in known:
            script = parse_script(f"sinus:{BEGINS},{name}:{ENDS - BEGINS},sinus:15")
            x = np.concatenate(list(Simulator(FS, ["II"], script, ENDS + 15, seed=3).blocks(1000)))
            detector = Detector(FS, ["II"], engine=engine)
            events = detector.push(x) + detector.flush()
            assert final_beats(events)
            known[name] = [e for e in events if isinstance(e, Rhythm)]
        return known[name]

    known: dict[str, list[Rhythm]] = {}
    return run


@pytest.mark.parametrize(
    ("name", "label", "within_s"),
    [
        ("sinus", "N", 0),
        ("af", "AFIB", 25),
        ("svt", "SVTA", 8),
        ("bigeminy", "B", 12),
        ("trigeminy", "T", 16),
        ("vt", "VT", 8),
        ("paced", "P", 12),
        ("vf", "VF", 6),
    ],
)
def test_a_rhythm_has_its_label(told, name, label, within_s):
    events = told(name)
    assert next(e.label for e in events) == "N"
    during = [e for e in events if (BEGINS + within_s) * FS <= e.known < ENDS * FS]
    assert during
    assert {e.label for e in during} == {label}
    assert events[-1].label == "N"
    if label != "N":
        first = next(e for e in events if e.label == label)
        assert first.cause == "change"
        assert -5 * FS < first.since - BEGINS * FS < within_s * FS


@pytest.mark.parametrize(
    ("name", "definition"),
    [
        ("brady", "brady"),
        ("tachy", "tachy"),
        ("svt", "tachy"),
        ("flutter", "tachy"),
        ("vt", "ventricular_run"),
        ("pause", "pause"),
        ("asystole", "asystole"),
        ("vf", "fibrillation"),
    ],
)
def test_a_definition_is_met_where_it_is_and_not_before(told, name, definition):
    events = told(name)
    assert any(definition in e.definitions for e in events)
    assert all(e.definitions == {} for e in events if e.known < BEGINS * FS)
    assert all(e.definitions.get(definition, ENDS * FS) > (BEGINS - 5) * FS for e in events)


def test_premature_beats_are_no_rhythm(told):
    assert {e.label for e in told("pvc")} == {"N"}


def test_a_rate_alone_is_not_fibrillation(told):
    for name in ("brady", "tachy", "flutter", "pause", "paced", "noise"):
        assert "AFIB" not in {e.label for e in told(name)}
