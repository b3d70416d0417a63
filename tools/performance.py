"""Everything that docs/performance.md and docs/latency.md show: `make performance`, on an idle machine; ten minutes."""

import json
import time
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer

from models.data import data_folder, names
from streamer import Detector, DetectorPool
from streamer.about import machine
from streamer.engine import load_engine, load_model
from streamer.latency import algorithmic
from streamer.load.bench import LIMIT_MS, Step, search, streams_per_core
from streamer.load.feed import Signal
from streamer.load.served import Served
from streamer.load.signals import load_signals
from streamer.load.trial import SERVICE, run
from streamer.wire import Header, decode_chunk, encode_chunk
from tools.scoring import markdown

RECORDINGS = 20
CHUNKS_MS = (20.0, 40.0, 100.0)
LATENCY_CHUNKS_MS = (20.0, 40.0, 100.0, 500.0)
LATENCY_STREAMS = 8
STARTS = 5
POOLED, ROUND = 1024, 128

Tables = dict[str, str]


def recordings() -> list[Signal]:
    """Return the first lead of validation recordings of qtdb."""
    return load_signals([data_folder() / "qtdb" / name for name in names("qtdb", True)[:RECORDINGS]])


def row_of(step: Step) -> list[str]:
    """Return the cells of a number of streams."""
    trial = step.trial
    memory = (trial.after.memory / 1e6 if trial.after else 0.0) - step.idle_mb
    return [
        str(trial.plan.streams),
        f"{100 * (trial.cores or 0.0):.0f} %",
        f"{step.idle_mb:.0f} + {memory:.0f} MB",
        f"{trial.ms(SERVICE, 50):.1f}",
        f"{trial.ms(SERVICE, 99):.1f}",
        f"{trial.ms('total', 99):.0f}",
        str(trial.codes.get("shed", 0)),
        "yes" if step.held else "no",
    ]


def streams(signals: list[Signal], seconds: float) -> tuple[Tables, dict[str, int], float]:
    """Search for the streams that a core holds, for chunks of each length.

    Returns
    -------
    tables, found : dict
        The streams by length of the chunks.
    us : float
        CPU of a chunk of the last length with the most streams that held, in us.
    """
    tables, found, us = {}, {}, 0.0
    heads = ["streams", "CPU", "memory", "sent to computed p50, ms", "p99", "total p99", "let go", "held"]
    for chunk_ms in CHUNKS_MS:
        steps = search(signals, [], chunk_ms, seconds, told=lambda text, ms=chunk_ms: typer.echo(f"{ms:g} ms: {text}"))  # type: ignore[misc]
        found[f"{chunk_ms:g}"] = most = streams_per_core(steps)
        title = (
            f"Chunks of {chunk_ms:g} ms: {most} live streams on one core with p99 from planned sending to computed "
            f"within {LIMIT_MS:g} ms"
        )
        trial = max((step.trial for step in steps if step.held), key=lambda trial: trial.plan.streams)
        us = 1e6 * (trial.cores or 0.0) / trial.plan.streams * chunk_ms / 1000
        ordered = sorted(steps, key=lambda step: step.trial.plan.streams)
        tables[title] = markdown(heads, [row_of(step) for step in ordered])
    return tables, found, us


def chunk_costs(signals: list[Signal], service_us: float) -> Tables:
    """Measure what a chunk of 100 ms costs in a pool of many streams, and how much of it the network takes."""
    engine = load_engine()
    spent = 0.0
    run_engine = engine.run

    def timed(*arguments: Any) -> Any:
        nonlocal spent
        begin = time.perf_counter()
        result = run_engine(*arguments)
        spent += time.perf_counter() - begin
        return result

    engine.run = timed  # type: ignore[method-assign]
    pool = DetectorPool(engine)
    size, count = round(0.1 * signals[0].fs), 100
    for k in range(POOLED):
        pool.add(str(k), signals[0].fs, ["lead"])
    total = 0.0
    for c in range(count):
        if c == count // 2:
            total = spent = 0.0
        for first in range(0, POOLED, ROUND):
            some = range(first, first + ROUND)
            chunks = {
                str(k): (signals[k % len(signals)].samples[c * size : (c + 1) * size, None].astype(np.float64), None)
                for k in some
            }
            begin = time.perf_counter()
            pool.push(chunks)
            total += time.perf_counter() - begin
    header = Header(
        v=1, stream="bed-1", epoch="20260101T000000.000000000Z", seq=1, index=25, time_ns=10**18, fs=signals[0].fs,
        leads=["lead"], unit="mV", dtype="<f4", n=size, clock="host", sent_ns=10**18,
    )  # fmt: skip
    frames = encode_chunk(header, np.zeros((size, 1), np.float32))
    begin = time.perf_counter()
    for _ in range(20_000):
        decode_chunk(frames).millivolts()
    decoding = (time.perf_counter() - begin) / 20_000
    each = 1e6 / (POOLED * count / 2)
    rows = [
        ["the whole service, with the most streams that it held", f"{service_us:.0f}"],
        [f"of it the pool ({POOLED} streams in rounds of {ROUND}, without sockets)", f"{total * each:.0f}"],
        ["of that the network", f"{spent * each:.0f}"],
        ["and of the service, to read header and samples", f"{1e6 * decoding:.1f}"],
    ]
    return {"What a chunk of 100 ms costs, us of a core": markdown(["", "us"], rows)}


def late(signals: list[Signal], seconds: float) -> Tables:
    """Measure how late beats come, by profile and length of the chunks."""
    rows = []
    for profile in ("fast", "default", "careful"):
        with Served(["--profile", profile]) as served:
            delay = algorithmic(signals[0].fs, load_model().card.segment(profile)).largest
            for chunk_ms in LATENCY_CHUNKS_MS:
                typer.echo(f"{profile}, chunks of {chunk_ms:g} ms")
                trial = run(signals, served.ingest, served.events, LATENCY_STREAMS, chunk_ms, seconds, served=served)
                total = trial.histograms["total"]
                cells = [f"{trial.ms('total', p):.0f}" for p in (50, 99, 100)]
                stages = [
                    f"{trial.ms(stage, 99):.2f}" for stage in ("transport", "queue", "compute", "publish", "arrival")
                ]
                rows.append([profile, f"{chunk_ms:g}", str(total.total_count), *cells, f"{delay:.0f}", *stages])
    title = (
        f"End of QRS to the subscriber, ms, {LATENCY_STREAMS} live streams of real ECG over loopback; then the most "
        "that the algorithm takes by design, and p99 of the other stages"
    )
    heads = [
        "profile",
        "chunk",
        "beats",
        "p50",
        "p99",
        "max",
        "by design",
        "transport",
        "queue",
        "compute",
        "publish",
        "arrival",
    ]
    return {title: markdown(heads, rows)}


def one(signals: list[Signal]) -> Tables:
    """Measure one stream without sockets, and the start of a service."""
    signal = signals[0]
    detector = Detector(signal.fs, ["lead"], engine=load_engine())
    step = round(0.04 * signal.fs)
    taken = []
    for at in range(0, len(signal.samples) - step, step):
        chunk = signal.samples[at : at + step]
        begin = time.perf_counter()
        detector.push(chunk)
        taken.append(time.perf_counter() - begin)
    taken = taken[len(taken) // 4 :]
    starts = []
    for _ in range(STARTS):
        with Served() as served:
            starts.append((served.ready_s, served.usage().memory / 1e6))
    p50, p99 = np.percentile(taken, [50, 99])
    rows = [
        [
            "a hop of one stream: conditioning, engine, decoding, events",
            f"p50 {1e6 * p50:.0f} us, p99 {1e6 * p99:.0f} us",
        ],
        ["start of `qrstream run` to ready", f"{median(s for s, _ in starts):.2f} s"],
        ["memory of a service without streams", f"{median(m for _, m in starts):.0f} MB"],
    ]
    return {"One stream, and the start": markdown(["", ""], rows)}


def main(
    seconds: Annotated[float, typer.Option(help="Of signal, of each step.")] = 10,
    out: Annotated[Path | None, typer.Option(help="JSON file for the tables.")] = None,
) -> None:
    """Measure the speed of everything, one after the other, and print or write the tables."""
    # the processes that feed import this module too, and need not wait for TensorFlow
    from tools import compare_speed, engines

    signals = recordings()
    result: dict[str, Any] = {"machine": machine().splitlines()}
    tables, found, us = streams(signals, seconds)
    tables |= chunk_costs(signals, us)
    tables |= one(signals)
    tables |= late(signals, 2 * seconds)
    tables |= compare_speed.compare()
    tables |= engines.measure()
    result |= {"streams_per_core": found, "tables": tables}
    for title, table in tables.items():
        typer.echo(f"\n{title}\n\n{table}")
    if out:
        out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
