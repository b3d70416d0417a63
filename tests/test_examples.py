"""The examples, as a user runs them: they import nothing of ours."""

import shutil
import struct
import subprocess
import sys

import numpy as np
import pytest

from streamer.wire import decode_chunk
from tests.conftest import ROOT, heart
from tests.service.test_service import Bench

EXAMPLES = ROOT / "examples"


def test_feed_and_subscriber_in_bare_pyzmq(engine, tmp_path):
    x, _ = heart(6)
    np.savetxt(tmp_path / "ecg.csv", x[:, 0])
    bench = Bench(engine, [b"status/", b"latency/"])
    listening = subprocess.Popen(
        [sys.executable, "-c", RUN_BARE, EXAMPLES / "subscriber.py", bench.service.events, "3"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    bench.until(lambda _: bench.service.hears(b"beat/csv/"))
    subprocess.run(
        [sys.executable, "-c", RUN_BARE, EXAMPLES / "feed.py", tmp_path / "ecg.csv", bench.service.ingest],
        check=True, timeout=60,
    )  # fmt: skip
    bench.code("ended", "csv")
    lines, _ = listening.communicate(timeout=60)
    bench.close()
    assert [line.split(":")[0] for line in lines.splitlines()] == ["csv beat 1", "csv beat 2", "csv beat 3"]


def test_a_device_that_writes_its_header_with_snprintf(engine, tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here: the example device is not built")
    x, true = heart(8, 500)
    counts = np.rint(x[:, 0] * 200).astype("<i2")
    subprocess.run([compiler, "-DFRAMES", "-Wall", "-Werror", EXAMPLES / "feed.c", "-o", tmp_path / "feed"], check=True)
    sent = subprocess.run([tmp_path / "feed"], input=counts.tobytes(), stdout=subprocess.PIPE, check=True).stdout
    frames, position = [], 0
    while position < len(sent):
        (length,) = struct.unpack_from("<I", sent, position)
        frames.append(sent[position + 4 : position + 4 + length])
        position += 4 + length
    chunks = [frames[k : k + 3] for k in range(0, len(frames), 3)]
    got = np.concatenate([decode_chunk(chunk).millivolts() for chunk in chunks])
    np.testing.assert_allclose(got[:, 0], counts * 0.005)
    bench = Bench(engine)
    for chunk in chunks:
        bench.feed.send_multipart(chunk)
    bench.code("ended", "device")
    bench.close()
    assert {e["beat"] for e in bench.events if e["type"] == "beat"} == set(range(1, len(true) + 1))


RUN_BARE = """
import runpy, sys
class Bare:
    def find_spec(self, name, *_):
        assert name != "streamer" and not name.startswith("streamer."), "the example imports streamer"
sys.meta_path.insert(0, Bare())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
