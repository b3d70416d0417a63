"""The command, as a user types it."""

import io
import json
import re
import signal
import subprocess
import sys
from csv import DictReader
from itertools import pairwise

import numpy as np
import pytest
import wfdb
import zmq

from streamer.feeds import Simulator
from tests.conftest import heart


def qrstream(*arguments, status=0, cwd=None):
    done = subprocess.run(
        [sys.executable, "-m", "streamer", *map(str, arguments)], capture_output=True, text=True, timeout=120, cwd=cwd
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == status, done.stderr
    return done


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    x, true = heart(20)
    path = tmp_path_factory.mktemp("csv") / "heart.csv"
    np.savetxt(path, x, header="II", comments="")
    return path, true


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wfdb")
    x, true = heart(20, 360)
    signals = np.column_stack([x, 80 + x])
    wfdb.wrsamp("r1", 360, ["mV", "mmHg"], ["II", "ABP"], signals, fmt=["16", "16"], write_dir=str(folder))
    return folder / "r1", true


def test_demo_shows_beats_in_time():
    done = qrstream("demo", "--seconds", 20, "--jsonl")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    beats = [e for e in events if e["type"] == "beat"]
    assert len({b["beat"] for b in beats}) >= 15
    for beat in beats:
        assert beat["onset"] < beat["peak"] < beat["offset"]
        assert (beat["published_ns"] - beat["offset_ns"]) / 1e6 < 400
    assert {"status", "onset", "latency"} <= {e["type"] for e in events}


def test_detect_writes_events(csv):
    path, true = csv
    done = qrstream("detect", path, "--fs", 250, "--unit", "mV", "--jsonl", "-")
    beats = [e for e in map(json.loads, done.stdout.splitlines()) if e["type"] == "beat"]
    assert len(beats) == len(true)
    assert re.search(rf"beats\s+{len(true)}\b", done.stderr)


def test_detect_writes_annotations_that_wfdb_reads(record, tmp_path):
    path, true = record
    done = qrstream("detect", path, "--annotations", "qrs", "--out", tmp_path / "new")
    assert "left out: ABP, in mmHg" in done.stderr
    annotation = wfdb.rdann(str(tmp_path / "new" / "r1"), "qrs")
    waves = np.array(annotation.symbol) != "+"  # and not a rhythm
    symbols, samples = np.array(annotation.symbol)[waves], annotation.sample[waves]
    kinds = symbols[1::3]
    assert set(symbols[::3]) == {"("}
    assert set(symbols[2::3]) == {")"}
    # P, QRS and T of every beat, but for the first and the last, whose waves may lie outside
    assert "".join(kinds).strip("pt").startswith("N")
    assert "".join(kinds).count("ptN") + "".join(kinds).count("pNt") >= len(true) - 2
    assert (np.diff(annotation.sample) >= 0).all()
    peaks = samples[1::3][kinds == "N"]
    assert len(peaks) == len(true)
    assert np.abs(peaks - [b.qrs[1] for b in true]).max() <= 3


def test_detect_summarises_and_reports_the_rhythm(tmp_path):
    script = [("sinus", 25.0), ("af", 45.0), ("pause", 20.0)]
    x = np.concatenate(list(Simulator(250, ["II"], script, 90, seed=3).blocks(1000)))
    np.savetxt(tmp_path / "turns.csv", x)
    done = qrstream("detect", tmp_path / "turns.csv", "--fs", 250, "--unit", "mV", "--report", tmp_path / "out",
                    "--annotations", "qrs", "--out", tmp_path / "out")  # fmt: skip
    assert re.search(r"AFIB\s+0:00:[23]", done.stderr)
    with (tmp_path / "out" / "turns-rhythm.csv").open() as file:
        rows = list(DictReader(file))
    assert rows[0]["rhythm"] == "N"
    fibrillation = next(row for row in rows if row["rhythm"] == "AFIB")
    assert 20 < float(fibrillation["from_s"]) < 35
    assert float(fibrillation["told_s"]) - float(fibrillation["from_s"]) < 25
    assert all(a["to_s"] == b["from_s"] for a, b in pairwise(rows))
    assert (tmp_path / "out" / "turns-rhythm.png").read_bytes()[:4] == b"\x89PNG"
    notes = wfdb.rdann(str(tmp_path / "out" / "turns"), "qrs").aux_note
    assert [note.strip("\0") for note in notes if "AFIB" in note] == ["(AFIB"]


def test_a_short_recording_gets_a_class(tmp_path):
    x, _ = heart(30)
    np.savetxt(tmp_path / "short.csv", x)
    done = qrstream("detect", tmp_path / "short.csv", "--fs", 250, "--unit", "mV")
    assert re.search(r"as a whole\s+(normal|other) rhythm \(0\.\d\d\)", done.stderr)


def test_engines_and_profiles_can_be_chosen(csv, tmp_path):
    path, true = csv
    found = {}
    for engine in ("numba", "onnx", "tensorflow"):
        out = tmp_path / engine
        qrstream("detect", path, "--fs", 250, "--unit", "mV", "--engine", engine, "--profile", "fast", "--jsonl", out)
        found[engine] = [e for e in map(json.loads, out.read_text().splitlines()) if e["type"] == "beat"]
    assert len(found["onnx"]) == len(true)
    np.testing.assert_allclose(
        [e["onset"] for e in found["onnx"]], [e["onset"] for e in found["tensorflow"]], atol=1e-3
    )


def free_port():
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        return socket.bind_to_random_port("tcp://127.0.0.1")


@pytest.mark.parametrize("kind", ["csv", "wfdb", "simulator"])
def test_run_feed_and_watch_are_three_processes(kind, csv, record):
    ingest, events = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
    python = [sys.executable, "-m", "streamer"]
    run = subprocess.Popen([*python, "run", "--ingest", ingest, "--events", events], stderr=subprocess.PIPE, text=True)
    assert "ready" in run.stderr.readline()
    watch = subprocess.Popen([*python, "watch", "--jsonl", "--events", events], stdout=subprocess.PIPE, text=True)
    # the percentiles come each second: once one is printed, the watch listens
    assert json.loads(watch.stdout.readline())["type"] == "latency"
    what, true = {
        "csv": ([csv[0], "--fs", 250, "--unit", "mV"], csv[1]),
        "wfdb": ([record[0]], record[1]),
        "simulator": (["--seconds", 10, "--seed", 3], heart(10, seed=3)[1]),
    }[kind]
    done = qrstream("feed", kind, *what, "--to", ingest, "--speed", 0, "--stream", "bed-7")
    assert "sent" in done.stderr
    seen = []
    for line in watch.stdout:
        seen.append(json.loads(line))
        if seen[-1].get("code") == "ended":
            break
    for process in (watch, run):
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        process.stdout and process.stdout.close()
        process.stderr and process.stderr.close()
    beats = {e["beat"] for e in seen if e["type"] == "beat"}
    assert len(beats) == len(true)
    assert {e["stream"] for e in seen if e["type"] == "beat"} == {"bed-7"}


def test_info_says_what_a_bug_report_needs():
    text = qrstream("info").stdout
    assert re.search(r"rhythm: \d+ parameters, classes: N, AFIB", text)
    for word in ("qrstream 0", "python 3", "numpy", "onnxruntime", "engine: numba", "parameters", "right context"):
        assert word in text
    sums = {
        line.split()[0]: float(line.split()[-1]) for line in text.splitlines() if re.match(r"  \w+ +[\d. ]+$", line)
    }
    assert sums["fast"] < sums["default"] < sums["careful"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["detect", "nothing"], "no WFDB header"),
        (["detect", "nothing.csv", "--fs", "250"], "unit"),
        (["detect", "nothing.csv", "--fs", "250", "--unit", "mV"], "cannot be read"),
        (["feed", "csv", "nothing.csv", "--unit", "mV"], "cannot be read"),
        (["feed", "simulator", "--script", "rest:3"], "expected one of sinus"),
        (["feed", "simulator", "--to", "nowhere"], "cannot use nowhere"),
        (["feed", "simulator", "--stream", "a b"], "1 to 64 letters"),
        (["run", "--ingest", "tcp://0.0.0.0:5555"], "--insecure"),
        (["run", "--model", "."], "not a model folder"),
        (["run", "--ingest", "nonsense"], "cannot bind nonsense"),
        (["watch", "--jsonl", "--events", "nonsense"], "cannot connect to nonsense"),
        (["info", "--model", "nowhere"], "not a model folder"),
        (["run", "--profile", "slow"], "slow"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_a_mistake_gets_one_clear_line(arguments, sentence, tmp_path):
    done = qrstream(*arguments, status=2, cwd=tmp_path)
    assert sentence in done.stderr
    assert done.stderr.splitlines()[-1].startswith(("qrstream:", "Error:"))


def test_a_record_too_short_for_a_beat_writes_no_annotations(tmp_path):
    path = tmp_path / "short.csv"
    np.savetxt(path, np.zeros(30))
    arguments = ["detect", path, "--fs", 250, "--unit", "mV"]
    assert "beats" in qrstream(*arguments).stderr
    assert "nothing was written" in qrstream(*arguments, "--annotations", "qrs", status=2, cwd=tmp_path).stderr


def test_the_view_draws_a_heart():
    from rich.console import Console

    from streamer.view import View
    from streamer.wire.messages import BeatMessage, Latency, RhythmMessage, SignalMessage

    x, true = heart(8)
    view = View("bed")
    for start in range(0, 2000, 10):
        rows = {"II": x[start : start + 10, 0].tolist()}
        view.take(
            SignalMessage(v=1, stream="bed", epoch="e", seq=0, fs=250, index=start, step=1, published_ns=0, leads=rows)
        )
    latency = Latency(algorithmic=1, chunk=1, transport=1, queue=1, compute=1, publish=1, total=142)
    for k, beat in enumerate(true):
        onset, peak, offset = beat.qrs
        view.take(
            BeatMessage(
                known=0, beat=k + 1, revision=0, onset=onset, peak=peak, offset=offset, rr_ms=800, confidence=0.9,
                ventricular=0.1,
                leads={"II": 1.0}, flags=[], delay_ms=1, v=1, stream="bed", epoch="e", seq=0, onset_ns=0, peak_ns=0,
                offset_ns=96_000_000, published_ns=0, latency=latency,
            )
        )  # fmt: skip
    view.take(
        RhythmMessage(
            known=1900, label="AFIB", since=1240.0, cause="change", probabilities={"AFIB": 0.91, "N": 0.09}, beats=9,
            seconds=8.0, heart_rate=75.0, lowest_rate=70.0, highest_rate=80.0, definitions={"ventricular_run": 1500.0},
            delay_ms=2640.0, v=1, stream="bed", epoch="e", seq=0, since_ns=0, published_ns=0,
        )
    )  # fmt: skip
    console = Console(width=120, height=40, record=True, file=io.StringIO(), force_terminal=True)
    console.print(view)
    text = console.export_text()
    assert "75 /min" in text
    assert "atrial fibrillation 0.91 for 3 s" in text
    assert "ventricular run" in text
    assert "▼" in text
    assert "142" in text
    assert any(0x2800 < ord(c) < 0x2900 for c in text)
