"""How fast this detector and others are, in one run: `python -m tools.compare_speed`; needs the databases."""

import time
import warnings
from collections.abc import Callable
from statistics import median

import numpy as np
import typer
import wfdb

from models.data import data_folder, names
from streamer import Detector, DetectorPool
from streamer.about import machine
from streamer.engine import load_engine
from tools.peers import BEATS, DELINEATORS, PACKAGES, Signal, installed
from tools.scoring import markdown

SECONDS = 60  # of each recording
RECORDINGS = 5
ROUNDS = 3
STREAMS = 200
LIVE_WINDOW_S, LIVE_STEP_S = 10, 0.2
CHUNK_S = 0.1


def signals() -> tuple[list[Signal], int]:
    """Return the first lead of some validation recordings of qtdb, in mV, and their rate."""
    found = []
    for name in names("qtdb", True)[:RECORDINGS]:
        record = wfdb.rdrecord(str(data_folder() / "qtdb" / name), sampto=SECONDS * 250, channels=[0])
        found.append(np.nan_to_num(record.p_signal[:, 0]))
    return found, 250


def live(each: list[Signal], fs: int, seconds: float) -> float:
    """Return the seconds of live signal that a core serves in a second: many streams, chunk by chunk, no sockets."""
    pool = DetectorPool(load_engine())
    for k in range(STREAMS):
        pool.add(str(k), fs, ["lead"])
    size = round(CHUNK_S * fs)
    chunks = [[x[at : at + size, None] for at in range(0, round(seconds * fs), size)] for x in each]
    settled = len(chunks[0]) // 2
    for c in range(settled):
        pool.push({str(k): (chunks[k % len(each)][c], None) for k in range(STREAMS)})
    begin = time.perf_counter()
    for c in range(settled, len(chunks[0])):
        pool.push({str(k): (chunks[k % len(each)][c], None) for k in range(STREAMS)})
    return STREAMS * (len(chunks[0]) - settled) * CHUNK_S / (time.perf_counter() - begin)


def windowed(detector: Callable[[Signal, float], object], each: list[Signal], fs: int) -> float:
    """Return the same of an offline detector that is run over the last ten seconds, five times a second."""
    window, step = LIVE_WINDOW_S * fs, round(LIVE_STEP_S * fs)
    count, begin = 0, time.perf_counter()
    for x in each:
        for end in range(window, window + 10 * step, step):
            detector(x[end - window : end], fs)
            count += 1
    return count * LIVE_STEP_S / (time.perf_counter() - begin)


def offline(detector: Callable[[Signal, float], object], each: list[Signal], fs: int) -> float:
    """Return the seconds of signal that are read in a second."""
    begin = time.perf_counter()
    for x in each:
        detector(x, fs)
    return sum(map(len, each)) / fs / (time.perf_counter() - begin)


def own(signal: Signal, fs: float) -> object:
    """Run the streaming detector over a recording."""
    detector = Detector(fs, ["lead"], engine=_engine)
    return detector.push(signal) + detector.flush()


_engine = load_engine()


def compare(rounds: int = ROUNDS) -> dict[str, str]:
    """Measure everything, one after the other in each round, and return the tables.

    Parameters
    ----------
    rounds : int
    """
    warnings.simplefilter("ignore")
    each, fs = signals()
    peers = {name: peer for name, peer in {**BEATS, **DELINEATORS}.items() if installed(name)}
    rates: dict[tuple[str, str], list[float]] = {}
    for detector in (own, *peers.values()):
        offline(detector, each[:1], fs)  # compiled, loaded, warm
    for _ in range(rounds):
        rates.setdefault(("qrstream", "live"), []).append(live(each, fs, 20))
        rates.setdefault(("qrstream", "offline"), []).append(offline(own, each, fs))
        for name, peer in peers.items():
            rates.setdefault((name, "live"), []).append(windowed(peer, each, fs))
            rates.setdefault((name, "offline"), []).append(offline(peer, each, fs))
    what = dict.fromkeys(peers, "beats") | dict.fromkeys(DELINEATORS, "beats, P, QRS, T")
    rows = []
    for name in ("qrstream", *peers):
        fast, slow = median(rates[name, "live"]), median(rates[name, "offline"])
        rows.append(
            [
                name,
                what.get(name, "beats, P, QRS, T, rhythm"),
                f"{fast:.0f}",
                f"{median(rates['qrstream', 'live']) / fast:.1f}",
                f"{slow:.0f}",
                f"{median(rates['qrstream', 'offline']) / slow:.1f}",
            ]
        )
    title = (
        "Seconds of one lead at 250 Hz in a second of one core, without sockets: live (ours by chunks of 100 ms, "
        f"{STREAMS} streams; others over the last {LIVE_WINDOW_S} s, each {LIVE_STEP_S:g} s) and offline; medians of "
        f"{rounds} rounds, and how many times as fast ours is"
    )
    return {title: markdown(["", "finds", "live", "ours x", "offline", "ours x"], rows)}


def main() -> None:
    """Print the table."""
    missing = sorted({PACKAGES[name] for name in {**BEATS, **DELINEATORS} if not installed(name)})
    if missing:
        typer.echo(f"left out, not installed: {', '.join(missing)}", err=True)
    typer.echo(machine())
    for title, table in compare().items():
        typer.echo(f"\n{title}\n\n{table}")


if __name__ == "__main__":
    typer.run(main)
