"""The contracts of a stream: what a subscriber may rely on whatever the feed does."""

from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer import Beat, Detector, DetectorPool, Onset, Rhythm, StateError, Status
from streamer.engine import load_engine
from streamer.feeds import Simulator, parse_script
from streamer.latency import algorithmic
from tests.conftest import ROOT, heart

GALLERY = ROOT / "models" / "gallery" / "released"
FS = 250
LENGTH = 12 * FS


def troubled(seed=4):
    """Twelve seconds of two leads in which nearly everything happens."""
    x, _ = heart(14, FS, ["II", "V1"], "pvc", seed, noise=0.02)
    x = x[:LENGTH].copy()
    x[800:900, 1] = np.nan  # a lead lost
    x[1200:1215] = np.nan  # bridged
    x[1500:1600] = np.inf  # a gap
    x[2100:2300, 0] = x[2100, 0]  # flat
    x[2500:2700, 1] = np.clip(x[2500:2700, 1], -0.1, 0.1)
    return x


def told(detector, pieces):
    events = []
    for piece in pieces:
        events += detector.push(piece)
    return msgspec.json.encode(events + detector.flush())


def beats(events):
    """The last revision of each beat."""
    return list({e.beat: e for e in events if isinstance(e, Beat)}.values())


def codes(events):
    return [e.code for e in events if isinstance(e, Status)]


@pytest.fixture(scope="module", params=["default", "bilstm-segmenter", "conv-lstm"])
def design(request):
    """The released model, and the designs of the gallery that stream."""
    return load_engine(folder=None if request.param == "default" else GALLERY / request.param)


@pytest.fixture(scope="module")
def whole(design):
    return told(Detector(FS, ["II", "V1"], engine=design), [troubled()])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, LENGTH), max_size=20))
def test_any_chunking_gives_the_same_events(design, whole, cuts):
    detector = Detector(FS, ["II", "V1"], engine=design)
    assert told(detector, np.split(troubled(), sorted(cuts))) == whole


@pytest.mark.parametrize("size", [1, 7, 25, 500])
def test_equal_chunks_give_the_same_events(design, whole, size):
    x = troubled()
    pieces = [x[k : k + size] for k in range(0, len(x), size)]
    assert told(Detector(FS, ["II", "V1"], engine=design), pieces) == whole
    assert b'"beat"' in whole


@pytest.mark.parametrize("profile", ["fast", "careful"])
@pytest.mark.parametrize("fs", [100, 130.2, 360, 1000])
def test_chunking_does_not_matter_at_other_rates_and_profiles(profile, fs):
    x, _ = heart(7, fs, script="af")
    engine = load_engine("numba", profile)
    whole = told(Detector(fs, ["II"], engine=engine), [x])
    assert told(Detector(fs, ["II"], engine=engine), np.array_split(x, 97)) == whole
    assert b'"beat"' in whole


@settings(max_examples=15, deadline=None)
@given(st.integers(0, LENGTH))
def test_state_goes_on_as_if_nothing_had_happened(design, whole, at):
    x = troubled()
    one = Detector(FS, ["II", "V1"], engine=design)
    before = one.push(x[:at])
    two = Detector.restore(one.state(), engine=design)
    after = two.push(x[at:]) + two.flush()
    assert msgspec.json.encode(before + after) == whole


def test_state_of_another_model_or_no_state_is_refused(engine):
    detector = Detector(FS, ["II"], engine=engine)
    state = detector.state()
    with pytest.raises(StateError, match="another model"):
        Detector.restore(state.replace(engine.model.digest.encode(), b"0" * 64), engine=engine)
    with pytest.raises(StateError, match="profile"):
        Detector.restore(state, engine=load_engine("numba", "fast"))
    with pytest.raises(StateError, match="not the state"):
        Detector.restore(b"hello", engine=engine)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=12), st.integers(0, 1000))
def test_a_pool_gives_each_stream_what_it_would_get_alone(engine, sizes, seed):
    in_a_pool_and_alone(engine, sizes, seed)


def test_a_pool_of_any_design_gives_each_stream_what_it_would_get_alone(design):
    in_a_pool_and_alone(design, [7, 25, 100, 300], 1)


def in_a_pool_and_alone(design, sizes, seed):
    random = np.random.default_rng(seed)
    signals = {f"bed-{k}": troubled(seed=k) for k in range(4)}
    alone = {name: told(Detector(FS, ["II", "V1"], engine=design), [x]) for name, x in signals.items()}
    pool = DetectorPool(design)
    events = {name: [] for name in signals}
    position = dict.fromkeys(signals, 0)
    for name in signals:
        pool.add(name, FS, ["II", "V1"])
    while any(position[name] < LENGTH for name in signals):
        chunks = {}
        for name, x in signals.items():
            size = int(random.choice(sizes))
            chunks[name] = (x[position[name] : position[name] + size], None)
            position[name] += size
        for name, new in pool.push(chunks).items():
            events[name] += new
    for name in signals:
        assert msgspec.json.encode(events[name] + pool.flush([name])[name]) == alone[name]


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_every_dtype_in_microvolts(engine, dtype):
    x, true = heart(8)
    counts = np.rint(1000 * x).astype(dtype)
    kept = counts.copy()
    counts.setflags(write=False)
    detector = Detector(FS, ["II"], unit="uV", engine=engine)
    found = beats(detector.push(counts[:, 0]) + detector.flush())
    assert len(found) == len(true)
    assert counts.tobytes() == kept.tobytes()
    assert counts.dtype == dtype


@pytest.mark.parametrize("fs", [100, 128, 250, 360, 500, 1000, 2000])
def test_boundaries_are_in_order_and_at_the_same_time_at_every_rate(engine, fs):
    x, true = heart(15, fs)
    detector = Detector(fs, ["II"], engine=engine)
    found = beats(detector.push(x) + detector.flush())
    assert len(found) == len(true)
    for beat, truth in zip(found, true, strict=True):
        assert beat.onset < beat.peak < beat.offset
        assert abs(beat.peak - truth.qrs[1]) / fs < 0.004
        assert abs(beat.onset - truth.qrs[0]) / fs < 0.030
        assert abs(beat.offset - truth.qrs[2]) / fs < 0.030


@pytest.mark.parametrize("profile", ["default", "fast", "careful"])
@pytest.mark.parametrize("fs", [100, 250, 360, 1000])
def test_no_beat_is_later_than_the_formula_says(profile, fs):
    no_beat_is_later(load_engine("numba", profile), fs)


def test_no_beat_of_another_design_is_later_than_the_formula_says(design):
    no_beat_is_later(design, 250)


def no_beat_is_later(engine, fs):
    x, _ = heart(20, fs)
    detector = Detector(fs, ["II"], engine=engine)
    events = detector.push(x)
    largest = algorithmic(fs, engine.segment).largest
    delays = [e.delay_ms for e in events if isinstance(e, Beat) and "settling" not in e.flags]
    assert len(delays) > 10
    assert max(delays) <= largest + 1000 / fs
    assert max(delays) > largest - engine.segment.hop * 4 - 16


def test_an_onset_comes_before_its_beat(engine):
    x, _ = heart(20, script="pvc")
    detector = Detector(FS, ["II"], engine=engine)
    waiting = set()
    for start in range(0, len(x), 5):
        for event in detector.push(x[start : start + 5]):
            if isinstance(event, Onset):
                waiting.add(event.beat)
            elif isinstance(event, Beat) and event.revision == 0:
                waiting.remove(event.beat)
    assert len(waiting) <= 1


def test_the_first_beats_are_told_once_the_stream_has_settled(engine):
    x, true = heart(6)
    detector = Detector(FS, ["II"], engine=engine)
    early = detector.push(x[: 2 * FS])
    assert codes(early) == ["settling"]
    assert not beats(early)
    events = early + detector.push(x[2 * FS :]) + detector.flush()
    assert codes(events) == ["settling", "settled", "ended"]
    first = [b for b in beats(events) if b.offset < 2 * FS - 60]
    assert len(first) == len([t for t in true if t.qrs[2] < 2 * FS - 60]) > 0
    assert all(b.flags == ["settling"] for b in first)
    assert "settling" not in beats(events)[-1].flags


def test_beats_are_numbered_and_rr_is_peak_to_peak(engine):
    x, _ = heart(20)
    found = beats(Detector(FS, ["II"], engine=engine).push(x))
    assert [b.beat for b in found] == list(range(1, len(found) + 1))
    assert found[0].rr_ms is None
    for before, after in pairwise(found):
        assert after.rr_ms == pytest.approx(1000 * (after.peak - before.peak) / FS)


def test_an_empty_chunk_changes_nothing(engine):
    detector = Detector(FS, ["II"], engine=engine)
    state = detector.state()
    assert detector.push([]) == []
    assert detector.push(np.zeros((0, 1))) == []
    assert detector.state() == state


def test_a_short_gap_is_bridged_and_no_beat_is_lost(engine):
    x, true = heart(12)
    detector = Detector(FS, ["II"], engine=engine)
    at = int(true[8].qrs[2]) + 20
    events = detector.push(x[:at], 0) + detector.push(x[at + 20 :], at + 20) + detector.flush()
    news = [e for e in events if isinstance(e, Status) and e.code == "bridged"]
    assert [(e.index, e.samples) for e in news] == [(at, 20)]
    assert len(beats(events)) == len(true)
    assert all(b.rr_ms is not None for b in beats(events)[1:])


def test_a_bridge_across_a_qrs_is_flagged(engine):
    x, true = heart(12)
    detector = Detector(FS, ["II"], engine=engine)
    at = int(true[8].qrs[1]) - 4
    events = detector.push(x[:at]) + detector.push(x[at + 3 :], at + 3) + detector.flush()
    bridged = [b for b in beats(events) if "bridged" in b.flags]
    assert [b.beat for b in bridged] == [9]


@pytest.mark.parametrize("by", ["index", "nan"])
def test_a_long_gap_starts_anew_and_keeps_the_scale(engine, by):
    x, true = heart(14)
    detector = Detector(FS, ["II"], engine=engine)
    gone = slice(1500, 2000)
    if by == "nan":
        y = x.copy()
        y[gone] = np.nan
        events = detector.push(y) + detector.flush()
    else:
        events = detector.push(x[: gone.start], 0) + detector.push(x[gone.stop :], gone.stop) + detector.flush()
    assert codes(events) == ["settling", "settled", "gap", "resumed", "ended"]
    gap = next(e for e in events if isinstance(e, Status) and e.code == "gap")
    assert (gap.index, gap.known) == (1500, 1500 + int(0.1 * FS))
    found = beats(events)
    expected = [t for t in true if t.qrs[2] < gone.start or t.qrs[0] > gone.stop]
    cut = [t for t in true if t.qrs[0] < gone.start <= t.qrs[2] or t.qrs[0] < gone.stop <= t.qrs[2]]
    assert len(expected) <= len(found) <= len(expected) + len(cut)
    after = [b for b in found if b.peak > gone.stop]
    assert after[0].rr_ms is None
    assert after[1].rr_ms is not None
    assert not any("settling" in b.flags for b in after)
    assert [b.beat for b in found] == list(range(1, len(found) + 1))


def test_a_gap_is_told_while_it_lasts(engine):
    x, _ = heart(6)
    detector = Detector(FS, ["II"], engine=engine)
    detector.push(x)
    assert detector.push(np.full((25, 1), np.nan)) == []
    events = detector.push(np.full((1, 1), np.nan))
    assert "gap" in codes(events)


def test_after_ten_seconds_the_scale_is_forgotten(engine):
    x, _ = heart(12)
    detector = Detector(FS, ["II"], engine=engine)
    detector.push(x, 0)
    assert "settling" not in codes(detector.push(x, len(x) + 9 * FS))
    assert "settling" in codes(detector.push(x, 2 * len(x) + 20 * FS))


def test_duplicates_are_left_out(engine):
    x, _ = heart(10)
    whole = Detector(FS, ["II"], engine=engine)
    expected = beats(whole.push(x) + whole.flush())
    detector = Detector(FS, ["II"], engine=engine)
    events = detector.push(x[:1000], 0) + detector.push(x[800:1500], 800) + detector.push(x[900:1000], 900)
    events += detector.push(x[1500:], 1500) + detector.flush()
    doubled = [e.samples for e in events if isinstance(e, Status) and e.code == "duplicate"]
    assert doubled == [200, 100]
    assert beats(events) == expected


def test_a_lost_lead_does_not_stop_detection(engine):
    x, true = heart(14, FS, ["II", "V1", "V5"])
    x[1000:2000, 0] = np.nan
    detector = Detector(FS, ["II", "V1", "V5"], engine=engine)
    events = detector.push(x) + detector.flush()
    assert len(beats(events)) == len(true)
    news = [(e.code, e.lead) for e in events if isinstance(e, Status) and e.lead]
    assert news == [("lead_off", "II"), ("lead_back", "II")]
    inside = [b for b in beats(events) if b.onset > 1050 and b.offset < 1950]
    assert inside
    assert all("II" not in b.leads and "lost" in b.flags for b in inside)


def test_infinity_in_a_lead_is_that_lead_lost_wherever_it_comes(engine):
    x, _ = heart(12, FS, ["II", "V1"])
    lost, infinite = x.copy(), x.copy()
    lost[2000:2100, 1], infinite[2000:2100, 1] = np.nan, -np.inf
    pieces = np.split(infinite, range(50, len(x), 50))
    expected = told(Detector(FS, ["II", "V1"], engine=engine), [lost])
    assert told(Detector(FS, ["II", "V1"], engine=engine), [infinite]) == expected
    assert told(Detector(FS, ["II", "V1"], engine=engine), pieces) == expected
    assert np.isneginf(infinite[2000, 1])


@pytest.mark.parametrize("kind", ["flat", "zero", "rail"])
def test_a_flat_signal_has_no_beats_and_says_so(engine, kind):
    value = {"flat": 0.3, "zero": 0.0, "rail": 32.767}[kind]
    detector = Detector(FS, ["II"], engine=engine)
    events = detector.push(np.full(20 * FS, value)) + detector.flush()
    assert not beats(events)
    assert "lead_off" in codes(events)


def test_a_clipped_signal_is_flagged_and_its_beats_are_found(engine):
    x, true = heart(14, FS, noise=0.0)
    detector = Detector(FS, ["II"], engine=engine)
    found = beats(detector.push(np.minimum(x, 0.5)) + detector.flush())
    assert len(found) == len(true)
    assert sum("clipped" in b.flags for b in found) > len(found) // 2


def test_the_end_finishes_what_is_held(engine):
    x, true = heart(8)
    end = int(true[-1].qrs[2]) + 12
    detector = Detector(FS, ["II"], engine=engine)
    events = detector.push(x[:end])
    held = detector.flush()
    assert len(beats(events + held)) == len(true)
    assert beats(held)[-1].beat == len(true)


def test_a_stream_shorter_than_two_seconds_is_not_lost(engine):
    x, true = heart(8)
    at = int(true[2].qrs[0]) - 60
    detector = Detector(FS, ["II"], engine=engine)
    events = detector.push(x[at : at + 260]) + detector.flush()
    assert len(beats(events)) == len([t for t in true if at < t.qrs[0] and t.qrs[2] < at + 250])


def test_a_beat_at_the_very_end_is_cut_and_says_so(engine):
    x, true = heart(8)
    detector = Detector(FS, ["II"], engine=engine)
    found = beats(detector.push(x[: int(true[-1].qrs[1]) + 9]) + detector.flush())
    assert found[-1].beat == len(true)
    assert "cut" in found[-1].flags


def test_flush_makes_it_new(engine):
    x, _ = heart(8)
    detector = Detector(FS, ["II"], engine=engine)
    first = detector.push(x) + detector.flush()
    assert detector.push(x) + detector.flush() == first


@pytest.mark.parametrize("gain", [0.3, 10.0])
@pytest.mark.parametrize("offset", [0.0, -300.0])
def test_gain_and_electrode_offset_do_not_matter(engine, gain, offset):
    x, true = heart(14, noise=0.005)
    detector = Detector(FS, ["II"], engine=engine)
    assert len(beats(detector.push(gain * x + offset) + detector.flush())) == len(true)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"fs": 50, "leads": ["II"]}, "expected 100 to 2000 Hz"),
        ({"fs": 250, "leads": []}, "expected 1 to 16"),
        ({"fs": 250, "leads": [f"{k}" for k in range(17)]}, "expected 1 to 16"),
        ({"fs": 250, "leads": ["II", "II"]}, "not unique"),
        ({"fs": 250, "leads": ["II"], "unit": "V"}, "expected mV or uV"),
    ],
)
def test_bad_parameters_get_a_sentence(engine, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        Detector(**arguments, engine=engine)


@pytest.mark.parametrize("samples", [np.zeros((10, 3)), np.zeros((2, 2, 2)), np.zeros(10), ["a", "b"], [1 + 2j]])
def test_bad_samples_get_a_sentence_and_harm_nothing(engine, samples):
    detector = Detector(FS, ["II", "V1"], engine=engine)
    state = detector.state()
    with pytest.raises(ValueError, match="expected"):
        detector.push(samples)
    assert detector.state() == state


def rhythms(events):
    return [e for e in events if isinstance(e, Rhythm)]


@pytest.fixture(scope="module")
def course(engine):
    """A minute and a half of many rhythms, and what is told of it."""
    script = parse_script("sinus:11,af:25,vf:8,sinus:8,asystole:6,bigeminy:15,pause:14,sinus:4")
    x = np.concatenate(list(Simulator(FS, ["II"], script, 91, seed=2).blocks(1000))).astype(np.float64)
    return x, rhythms(Detector(FS, ["II"], engine=engine).push(x))


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 91 * FS), max_size=12), st.integers(0, 91 * FS))
def test_rhythms_do_not_depend_on_chunks_nor_on_where_the_state_goes(engine, course, cuts, at):
    x, whole = course
    one = Detector(FS, ["II"], engine=engine)
    events = [e for piece in np.split(x[:at], sorted(c for c in cuts if c < at)) for e in one.push(piece)]
    other = Detector.restore(one.state(), engine=engine)
    assert rhythms(events + other.push(x[at:])) == whole


def test_rhythms_come_at_changes_and_every_five_seconds(course):
    _, told = course
    assert {"N", "AFIB", "VF", "B", None} <= {e.label for e in told}
    for before, event in pairwise(told):
        assert before.known <= event.known <= before.known + 5 * FS + 1
        changed = (event.label, event.definitions) != (before.label, before.definitions)
        assert event.cause == ("change" if changed else "time")
        assert event.delay_ms == pytest.approx(1000 * (event.known - event.since) / FS)
        assert event.probabilities == {} or sum(event.probabilities.values()) == pytest.approx(1)


def test_what_has_no_beats_is_told_within_a_second_of_its_definition(course):
    _, told = course
    pause = next(e for e in told if "pause" in e.definitions)
    asystole = next(e for e in told if "asystole" in e.definitions)
    assert 0 < pause.known - (pause.definitions["pause"] + 3 * FS) < FS
    assert 0 < asystole.known - (asystole.definitions["asystole"] + 4 * FS) < FS
    assert (pause.label, pause.probabilities) == (None, {})
    fibrillation = next(e for e in told if e.label == "VF")
    assert 0 < fibrillation.known - (fibrillation.since + 4 * FS) < FS
    assert fibrillation.known - 36 * FS < 7 * FS


def test_a_gap_ends_the_evidence(engine):
    x, _ = heart(30)
    detector = Detector(FS, ["II"], engine=engine)
    told = rhythms(detector.push(x[: 15 * FS]) + detector.push(x[16 * FS :], index=16 * FS))
    unknown = next(e for e in told if e.known >= 15 * FS)
    assert (unknown.label, unknown.beats, unknown.definitions) == (None, 0, {})
    again = next(e for e in told if e.known > unknown.known and e.label)
    assert again.since >= 16 * FS
    assert again.seconds < 10


def test_a_lost_lead_is_no_pause(engine):
    x, _ = heart(20)
    x[10 * FS :] = x[10 * FS]
    detector = Detector(FS, ["II"], engine=engine)
    told = rhythms(detector.push(x))
    assert told[-1].label is None
    assert all(e.definitions == {} for e in told)
