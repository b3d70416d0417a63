"""The course of a rhythm on probabilities that are written by hand."""

import numpy as np
import pytest

from streamer.detect.decoder import FOUND_DTYPE
from streamer.detect.events import Rhythm
from streamer.detect.found import finds
from streamer.detect.rhythm import Episode, RhythmDetector, episodes
from streamer.detect.rhythm.course import FEWEST, Course
from streamer.detect.rhythm.features import FEATURES, History
from streamer.engine.card import RhythmCard

FS = 250
CLASSES = ["N", "AFIB", "VT", "B"]
CARD = RhythmCard(CLASSES, list(FEATURES), 8, 100, [], [], {})
RR_MS = 800.0


class Heart:
    """Beats at a fixed rate, each with the probability that is given for one class."""

    def __init__(self):
        self.course = Course(FS, CARD)
        self.course.begin(0, keep=False)
        self.at = 0.0
        self.first = True
        self.events = []

    def beats(self, *labels, p=0.97, ventricular=0.0):
        for label in labels:
            self.at += RR_MS * FS / 1000
            row = np.full(len(CLASSES), (1 - p) / (len(CLASSES) - 1), np.float32)
            row[CLASSES.index(label)] = p
            self.course.beat(self.at, None if self.first else RR_MS, ventricular, int(self.at) + 40)
            self.first = False
            self.events += self.course.follow(row[None])
        return self

    def time(self, seconds, silent=True, report=False, fibrillating=False, heard=1.0):
        """A clock row that comes so long after the last beat."""
        found = np.zeros(1, FOUND_DTYPE)
        found["silent"], found["report"], found["fibrillating"] = silent, report, fibrillating
        found["evidence"]["heard"] = heard
        at = self.at + seconds * FS
        self.course.clock(finds(found)[0], at, int(at) + 40)
        rows = self.course.rows()
        self.events += self.course.follow(None if rows is None else np.full((1, len(CLASSES)), 0.25, np.float32))
        return self

    @property
    def labels(self):
        return [e.label for e in self.events if e.cause == "change"]


def test_nothing_is_told_before_there_are_beats_enough():
    heart = Heart().beats(*["N"] * (FEWEST - 1))
    assert heart.labels == []
    assert heart.beats("N").labels == ["N"]


def test_a_change_is_told_once_and_since_its_first_beat():
    heart = Heart().beats(*["N"] * 20, *["AFIB"] * 40, *["N"] * 40)
    assert heart.labels == ["N", "AFIB", "N"]
    step = RR_MS * FS / 1000
    told = [e for e in heart.events if e.cause == "change"]
    assert [e.since for e in told[1:]] == [21 * step, 61 * step]
    for event in told[1:]:
        assert 2 * RR_MS < event.delay_ms < 15 * RR_MS
        assert event.probabilities.keys() == set(CLASSES)
        assert max(event.probabilities, key=event.probabilities.get) == event.label
        assert sum(event.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize("wrong", ["AFIB", "VT", "B"])
def test_one_beat_does_not_make_a_rhythm(wrong):
    beats = (["N"] * 9 + [wrong]) * 10
    heart = Heart().beats(*beats, p=0.7)
    assert heart.labels == ["N"]


def test_undecided_probabilities_do_not_flicker():
    random = np.random.default_rng(0)
    heart = Heart()
    for label in random.choice(["N", "AFIB"], 400):
        heart.beats(label, p=0.55)
    assert len(heart.labels) < 8


def test_a_run_interrupts_fibrillation_at_once():
    heart = Heart().beats(*["AFIB"] * 30, *["VT"] * 4)
    assert heart.labels[-1] == "VT"


def test_a_pause_is_told_while_it_lasts_and_the_rhythm_is_not_repeated():
    heart = Heart().beats(*["N"] * 10)
    for k in range(4, 11):
        heart.time(k / 2, report=k == 8)
    during = [e for e in heart.events if e.definitions]
    assert [(e.label, list(e.definitions), e.cause) for e in during] == [
        (None, ["pause"], "change"),
        (None, ["pause", "asystole"], "change"),
    ]
    assert during[0].known - heart.at == 3 * FS + 40
    assert during[0].probabilities == {}
    heart.at += 5 * FS
    after = heart.at + RR_MS * FS / 1000
    heart.beats("N")
    assert heart.labels[-1] == "N"
    assert heart.events[-1].since == after


def test_what_is_not_heard_is_not_known():
    heart = Heart().beats(*["N"] * 10).time(2.5, heard=0.1)
    assert heart.labels == ["N", None]
    assert heart.events[-1].definitions == {}


def test_fibrillation_is_told_by_definition():
    heart = Heart().beats(*["N"] * 10).time(1.0, silent=False, fibrillating=True)
    event = heart.events[-1]
    assert (event.label, event.probabilities) == ("VF", {})
    assert event.since == event.definitions["fibrillation"] == heart.at + FS - 4 * FS
    # what is taken for beats meanwhile does not make a rhythm begin
    heart.beats("N", "N", "N").time(0.1, silent=False, fibrillating=False)
    assert heart.events[-1].label == "N"
    assert heart.events[-1].since == heart.at + 0.1 * FS


def test_an_event_is_due_every_five_seconds():
    heart = Heart().beats(*["N"] * 10).time(0.2, silent=False, report=True)
    event = heart.events[-1]
    assert (event.cause, event.label, event.beats) == ("time", "N", 10)
    assert event.heart_rate == event.lowest_rate == event.highest_rate == pytest.approx(75)


def test_a_gap_ends_what_is_known():
    heart = Heart().beats(*["N"] * 10)
    (event,) = heart.course.interrupt(int(heart.at) + 100)
    assert (event.label, event.beats, event.heart_rate) == (None, 0, None)
    assert heart.course.interrupt(int(heart.at) + 200) == []


@pytest.mark.parametrize("cut", [0, 5, 23, 31])
def test_state_goes_on_as_if_nothing_had_happened(cut):
    labels = [*["N"] * 12, *["AFIB"] * 18, *["VT"] * 6]
    whole = Heart().beats(*labels)
    one = Heart().beats(*labels[:cut])
    other = Heart()
    other.course.load(one.course.state())
    other.at, other.first = one.at, one.first
    other.beats(*labels[cut:])
    assert one.events + other.events == whole.events


def test_without_a_network_definitions_are_told():
    course = Course(FS, None)
    events = []
    for k in range(12):
        course.beat(k * 100.0, 400.0 if k else None, 0.0, k * 100 + 40)
        events += course.follow(None)
    assert [(e.label, list(e.definitions)) for e in events] == [(None, ["tachy"])]


def test_rows_say_what_is_known():
    history = History()
    first, second = history.beat(None), history.beat(0.8)
    assert first.tolist() == [0.0] * len(FEATURES)
    assert second[FEATURES.index("rr_known")] == 1
    assert second[FEATURES.index("shown")] == 0
    later = history.beat(1.2)
    assert later[FEATURES.index("rr_change")] == pytest.approx(3 * np.log(1.5), rel=1e-5)
    assert history.silence(4.0)[FEATURES.index("silence")] == pytest.approx(np.log1p(4.0))


def test_episodes_follow_one_another():
    def told(label, since, known, p=None):
        return Rhythm(
            known=known, label=label, since=since, cause="change", probabilities={} if p is None else {label: p},
            beats=5, seconds=5.0, heart_rate=None, lowest_rate=None, highest_rate=None, definitions={}, delay_ms=0.0,
        )  # fmt: skip

    events = [
        told("N", 10.0, 100, 0.6),
        told("N", 10.0, 200, 0.9),
        told("AFIB", 300.0, 400, 0.8),
        told(None, 600.0, 650),
    ]
    assert episodes(events, 1000.0) == [
        Episode("N", 10.0, 300.0, 100, 0.9),
        Episode("AFIB", 300.0, 600.0, 400, 0.8),
        Episode(None, 600.0, 1000.0, 650, None),
    ]
    assert episodes([], 1000.0) == []


def intervals(*stretches, seed=0):
    random = np.random.default_rng(seed)
    rr = np.concatenate([np.clip(random.normal(mean, spread, n), 300, 2000) for mean, spread, n in stretches])
    return np.cumsum(rr)


def test_rr_intervals_alone_show_fibrillation(engine):
    peaks = intervals((850, 15, 60), (700, 160, 120), (850, 15, 80))
    events = RhythmDetector(1000, engine).push(peaks)
    labels = [e.label for e in events if e.cause == "change"]
    assert [k for k, before in zip(labels, [None, *labels], strict=False) if k != before] == ["N", "AFIB", "N"]
    due = [e for e in events if e.cause == "time"]
    assert len(due) > 0.8 * (peaks[-1] - peaks[0]) / 5500
    begins = next(e for e in events if e.label == "AFIB")
    assert abs(begins.since - peaks[60]) < 5000
    assert begins.known - peaks[60] < 25_000


@pytest.mark.parametrize("size", [1, 7, 100])
def test_beats_may_come_in_any_pieces(engine, size):
    peaks = intervals((850, 15, 40), (700, 160, 60))
    peaks[70:] += 20_000
    whole = RhythmDetector(1000, engine).push(peaks)
    detector = RhythmDetector(1000, engine)
    assert [e for k in range(0, len(peaks), size) for e in detector.push(peaks[k : k + size])] == whole


def test_a_beat_in_the_past_gets_a_sentence(engine):
    detector = RhythmDetector(1000, engine)
    detector.push([1000.0])
    with pytest.raises(ValueError, match="a beat at 900 comes after one at 1000"):
        detector.push([900.0])
