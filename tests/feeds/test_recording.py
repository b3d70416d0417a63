import numpy as np
import pytest
import wfdb

from streamer.feeds import FeedError, open_csv, open_recording, open_wfdb

X = np.round(np.random.default_rng(1).normal(size=(50, 2)), 4)


def write(path, rows, header=None, separator=","):
    lines = ([header] if header else []) + [separator.join(f"{v:g}" for v in row) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_csv_without_a_header(tmp_path):
    got = open_csv(write(tmp_path / "a.csv", X), fs=250, unit="mV")
    np.testing.assert_allclose(got.samples, X, atol=1e-4)
    assert (got.name, got.fs, got.leads, got.unit, got.length) == ("a", 250, ["lead1", "lead2"], "mV", 50)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_with_a_header_and_a_column_of_time(tmp_path, separator):
    rows = np.column_stack([np.arange(50) / 360, X])
    got = open_csv(write(tmp_path / "a.csv", rows, separator.join(["time", "II", "V1"]), separator), unit="uV")
    assert (got.fs, got.leads, got.unit) == (360, ["II", "V1"], "uV")
    np.testing.assert_allclose(got.samples, X, atol=1e-4)


def test_csv_with_time_and_no_header(tmp_path):
    got = open_csv(write(tmp_path / "a.csv", np.column_stack([np.arange(50) / 500, X])), unit="mV")
    assert (got.fs, got.leads) == (500, ["lead1", "lead2"])


def test_csv_of_one_column_that_rises_is_no_time(tmp_path):
    got = open_csv(write(tmp_path / "a.csv", np.arange(50.0)[:, None]), fs=100, unit="mV")
    assert got.leads == ["lead1"]


def test_an_empty_cell_is_a_lost_sample(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("I,II\n1,2\n,3\n4,5\n")
    assert np.isnan(open_csv(path, fs=250, unit="mV").samples[1, 0])


def test_csv_leads_are_chosen_by_name(tmp_path):
    path = write(tmp_path / "a.csv", X, "I,II")
    assert open_csv(path, ["II"], 250, "mV").leads == ["II"]
    with pytest.raises(FeedError, match="has no lead V9; it has I, II"):
        open_csv(path, ["V9"], 250, "mV")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("1,2\n3\n", "line 2 .* expected 2 numbers"),
        ("I\n1\nx\n", "line 3 .* is 'x'; expected 1 numbers"),
    ],
)
def test_a_bad_csv_gets_a_sentence(tmp_path, text, sentence):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(FeedError, match=sentence):
        open_csv(path, fs=250, unit="mV")


def test_rate_and_unit_are_not_guessed(tmp_path):
    path = write(tmp_path / "a.csv", X)
    with pytest.raises(FeedError, match="expected --unit mV or --unit uV"):
        open_csv(path, fs=250)
    with pytest.raises(FeedError, match="expected --fs"):
        open_csv(path, unit="mV")
    with pytest.raises(FeedError, match="cannot be read"):
        open_csv(tmp_path / "none.csv", fs=250, unit="mV")


@pytest.fixture
def record(tmp_path):
    signals = np.column_stack([X, 80 + X[:, :1], 1000 * X[:, :1]])
    wfdb.wrsamp(
        "r1", 250, ["mV", "mV", "mmHg", "uV"], ["II", "V1", "ABP", "I"], signals,
        fmt=["16"] * 4, adc_gain=[1000, 1000, 100, 1], baseline=[0, 0, 0, 0], write_dir=str(tmp_path),
    )  # fmt: skip
    return tmp_path / "r1"


@pytest.mark.parametrize("ending", ["", ".hea", ".dat"])
def test_wfdb_takes_what_is_in_mv_or_uv_and_says_what_is_left_out(record, ending):
    got = open_recording(record.with_suffix(ending), None, None, None)
    assert got.leads == ["II", "V1", "I"]
    assert got.left_out == {"ABP": "mmHg"}
    np.testing.assert_allclose(got.samples[:, 0], X[:, 0], atol=1e-3)
    np.testing.assert_allclose(got.samples[:, 2], X[:, 0], atol=1e-3)


def test_wfdb_leads(record):
    assert open_wfdb(record, ["V1"]).leads == ["V1"]
    assert open_wfdb(record, ["V1"]).left_out == {}
    with pytest.raises(FeedError, match=r"ABP .* is in mmHg; expected mV or uV"):
        open_wfdb(record, ["ABP"])
    with pytest.raises(FeedError, match="has no lead aVR"):
        open_wfdb(record, ["aVR"])


def test_no_record_gets_a_sentence(tmp_path, record):
    with pytest.raises(FeedError, match="no WFDB header"):
        open_wfdb(tmp_path / "none")
    (tmp_path / "r1.dat").unlink()
    with pytest.raises(FeedError, match="cannot be read as a WFDB record"):
        open_wfdb(record)
    with pytest.raises(FeedError, match="are for CSV files"):
        open_recording(record, None, 250, None)
