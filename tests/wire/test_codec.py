import json
from contextlib import suppress

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.wire import Header, WireError, decode_chunk, decode_event, encode_chunk, topic
from streamer.wire.messages import DTYPES, millivolts

GOOD = {
    "v": 1, "stream": "bed-1", "epoch": "a", "seq": 0, "index": 0, "time_ns": 0,
    "fs": 250, "leads": ["I", "II"], "unit": "mV", "dtype": "<f4", "n": 3,
}  # fmt: skip
SAMPLES = np.arange(6, dtype="<f4").reshape(3, 2).tobytes()


def frames(where=b"ecg/bed-1/", payload=SAMPLES, without=(), **changes):
    header = {k: v for k, v in (GOOD | changes).items() if k not in without}
    return [where, json.dumps(header).encode(), payload]


def test_a_header_as_documented_is_read():
    chunk = decode_chunk(frames())
    np.testing.assert_array_equal(chunk.millivolts(), [[0, 1], [2, 3], [4, 5]])
    assert not chunk.header.end
    assert chunk.header.clock is None


def test_an_unknown_field_of_a_later_version_is_ignored():
    assert decode_chunk(frames(colour="blue")).header.n == 3


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(sorted(DTYPES)),
    st.integers(1, 16),
    st.integers(0, 50),
    st.sampled_from(["mV", "uV"]),
    st.floats(-1000, 1000).filter(lambda x: abs(x) > 1e-3),
    st.integers(-1000, 1000),
)
def test_what_is_encoded_is_decoded(dtype, leads, n, unit, scale, zero):
    names = [f"L{k}" for k in range(leads)]
    header = Header(
        v=1, stream="a.b_c-1", epoch="1", seq=2, index=3, time_ns=4, fs=130.2, leads=names, unit=unit, dtype=dtype, n=n,
        scale=scale, zero=[float(zero)] * leads,
    )  # fmt: skip
    counts = np.random.default_rng(n).integers(-3000, 3000, (n, leads)).astype(dtype)
    chunk = decode_chunk(encode_chunk(header, counts))
    assert chunk.header == header
    assert chunk.samples.dtype == DTYPES[dtype]
    expected = (counts.astype(np.float64) - zero) * scale * (1e-3 if unit == "uV" else 1)
    np.testing.assert_allclose(chunk.millivolts(), expected, rtol=1e-12)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(DTYPES)),
            st.integers(1, 2),
            st.integers(0, 5),
            st.sampled_from(["mV", "uV"]),
            st.sampled_from([1.0, 0.005, [0.005], [0.005, 0.01]]),
            st.sampled_from([0.0, 1024.0]),
        ).filter(lambda c: not isinstance(c[4], list) or len(c[4]) == c[1]),
        max_size=8,
    )
)
def test_chunks_together_are_what_each_is_alone(kinds):
    chunks = []
    for dtype, leads, n, unit, scale, zero in kinds:
        names = [f"L{k}" for k in range(leads)]
        header = Header(
            v=1, stream="s", epoch="1", seq=2, index=3, time_ns=4, fs=250.0, leads=names, unit=unit, dtype=dtype, n=n,
            scale=scale, zero=zero,
        )  # fmt: skip
        counts = np.random.default_rng(n).integers(-3000, 3000, (n, leads)).astype(dtype)
        chunks.append(decode_chunk(encode_chunk(header, counts)))
    together = millivolts(chunks)
    assert [part.tobytes() for part in together] == [chunk.millivolts().tobytes() for chunk in chunks]
    assert [part.shape for part in together] == [chunk.samples.shape for chunk in chunks]


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (frames(v=2), "version is unknown; expected v: 1"),
        (frames(without=["v"]), "`v`"),
        ([b"ecg/bed-1/", b"{oops", SAMPLES], "not JSON"),
        ([b"ecg/bed-1/", b"\xff\xfe", SAMPLES], "not JSON"),
        ([b"ecg/bed-1/", b"[1, 2]", SAMPLES], "not as expected"),
        ([b"ecg/bed-1/", b"x" * 5000, SAMPLES], "at most 4096"),
        (frames(where=b"ecg/bed-2/"), "the topic names bed-2, the header bed-1"),
        (frames(where=b"ecg/bed-1"), "expected ecg/<stream>/"),
        (frames(where=b"ecg/b\xc3\xa9d/"), "expected ecg/<stream>/"),
        (frames(where=b"ecg/" + b"x" * 65 + b"/"), "1 to 64 letters"),
        (frames(where=b""), "expected ecg/<stream>/"),
        (frames(stream="bed 1"), "stream"),
        (frames(payload=SAMPLES[:-1]), "23 bytes; expected 24: 3 samples x 2 leads x 4 bytes"),
        (frames()[:2], "2 frames; expected 3"),
        (frames(without=["unit"]), "no unit; expected mV or uV"),
        (frames(unit="V"), "unit"),
        (frames(fs=99), "expected 100 to 2000 Hz"),
        (frames(fs=2001), "expected 100 to 2000 Hz"),
        (frames(fs="fast"), "fs"),
        (frames(leads=[]), "expected 1 to 16 names"),
        (frames(leads=[f"{k}" for k in range(17)]), "expected 1 to 16 names"),
        (frames(leads=["I", "I"]), "not unique"),
        (frames(scale=[1.0, 2.0, 3.0]), "scale has 3 values for 2 leads"),
        (frames(dtype="<f8"), "dtype"),
        (frames(n=-1), "`$.n`"),
        (frames(index=-1), "`$.index`"),
        (frames(time_ns="now"), "time_ns"),
    ],
)
def test_a_bad_message_gets_a_sentence(message, sentence):
    with pytest.raises(WireError) as error:
        decode_chunk(message)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4))
def test_any_bytes_are_refused_and_nothing_else(message):
    with pytest.raises(WireError):
        decode_chunk(message)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*GOOD, "scale", "zero", "end", "clock"]), st.none() | st.integers() | st.text())
)
def test_any_json_is_read_or_refused(changes):
    with suppress(WireError):
        decode_chunk(frames(**changes))


def test_topics_do_not_contain_one_another():
    assert topic("beat", "bed-1") == b"beat/bed-1/"
    assert not topic("beat", "bed-10").startswith(topic("beat", "bed-1"))
    assert topic("latency") == b"latency/"


def test_what_is_no_event_is_refused():
    for payload in (b"", b"{}", b'{"type":"beat"}', b'{"type":"news"}'):
        with pytest.raises(WireError, match="not an event"):
            decode_event(payload)


def test_the_schema_of_headers_can_be_made():
    schema = msgspec.json.schema(Header)
    assert set(schema["$defs"]["Header"]["required"]) == set(GOOD)
