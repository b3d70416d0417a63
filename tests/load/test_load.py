"""The measurements themselves: what is sent, what is counted, what is said."""

import json
import sys
from subprocess import run

import pytest

from streamer.load.bench import most_that_hold
from streamer.load.feed import Plan
from streamer.load.summary import parse_budget


def latency(*arguments):
    command = [sys.executable, "-m", "streamer", "latency", *arguments]
    return run(command, capture_output=True, text=True, timeout=120)


def test_a_live_run_is_measured_by_stage_and_held_against_a_budget(tmp_path):
    pytest.importorskip("matplotlib")
    done = latency(
        "--streams", "3", "--chunk-ms", "40", "--seconds", "8", "--json", "--report", str(tmp_path), "--budget",
        "p50=1ms", "--budget", "p99=20000ms",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "p50 of the total is" in done.stderr
    assert "p99" not in done.stderr
    (only,) = json.loads(done.stdout)["runs"]
    assert json.loads((tmp_path / "latency.json").read_text())["runs"] == [only]
    assert only["feed"]["dropped"] == only["lost_events"] == 0
    assert only["status"]["ended"] == only["streams"] == 3
    stages = only["stages_ms"]
    counts = {stage["count"] for stage in stages.values()}
    assert len(counts) == 1
    assert counts.pop() > 5
    # a beat cannot be told before its samples are there
    assert stages["total"]["p50"] >= stages["algorithmic"]["p50"]
    assert stages["delivery"]["p50"] <= stages["total"]["p50"]
    assert (tmp_path / "latency.png").stat().st_size > 10_000
    lines = (tmp_path / "3-streams-40-ms.hgrm").read_text().splitlines()
    assert lines[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    assert "3 │" in (tmp_path / "latency.txt").read_text()


def test_at_another_speed_it_is_counted_from_the_sending(tmp_path):
    done = latency("--chunk-ms", "100", "--seconds", "20", "--speed", "5", "--json")
    assert done.returncode == 0, done.stderr
    (only,) = json.loads(done.stdout)["runs"]
    assert "total" not in only["stages_ms"]
    assert only["stages_ms"]["delivery"]["count"] > 5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--streams", "many"], "expected numbers above 0, such as 1,50"),
        (["--streams", "1.5"], "expected whole numbers"),
        (["--chunk-ms", "0"], "expected numbers above 0, such as 20,40,100"),
        (["--chunk-ms", "20,nan"], "expected numbers above 0"),
        (["--budget", "200"], "expected such as p99=200ms"),
        (["--ingest", "tcp://127.0.0.1:1"], "needs both"),
        (["nowhere"], "no WFDB header"),
    ],
)
def test_a_bad_option_gets_a_sentence(arguments, sentence):
    done = latency(*arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("text", "expected"), [("p99=200ms", (99, 200)), ("p99.9=150.5ms", (99.9, 150.5))])
def test_budgets(text, expected):
    assert parse_budget(text) == expected


@pytest.mark.parametrize(
    ("capacity", "found"), [(0, 0), (100, 93), (250, 250), (1999, 1875), (2000, 2000), (3100, 3000)]
)
def test_the_search_comes_close_from_below(capacity, found):
    tried = []

    def holds(streams):
        tried.append(streams)
        return streams <= capacity

    assert most_that_hold(holds) == found
    assert found <= capacity
    assert len(tried) == len(set(tried)) <= 8


def test_a_plan_spreads_its_streams_and_begins_them_one_after_the_other():
    plan = Plan(400, 100.0, 10.0, 1.0, 0)
    assert [plan.begins(k) for k in (0, 200, 399)] == [0, 10, 19]
    due = [plan.due(k, 0.1) for k in range(400)]
    assert due == sorted(due)
    assert due[-1] - due[0] < 2.1e9
