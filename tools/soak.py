"""A day of signal through a service, as fast as it goes: `make soak`; needs the databases."""

import json
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
import wfdb
from numpy.typing import NDArray
from rich.progress import Progress

from models.data import data_folder, names
from streamer.about import machine
from streamer.feeds import Player, Recording
from streamer.load.served import Served
from streamer.watch import Subscriber
from streamer.wire import decode_event
from streamer.wire.messages import BeatMessage, HeartbeatMessage, StatusMessage
from tools.scoring import gross, markdown, match, read_reference

STREAMS = 4
CHUNK_MS = 100.0
HOUR_S = 3600.0
PATIENCE_S = 60.0


class Endless(Recording):
    """A recording that repeats for some hours."""

    def __init__(self, recording: Recording, seconds: float) -> None:
        super().__init__(
            recording.name, recording.fs, recording.leads, recording.samples, recording.unit, recording.left_out
        )
        self.length = round(seconds * recording.fs)

    def blocks(self, samples: int) -> Iterator[NDArray[np.float32]]:
        """Yield it in blocks."""
        for at in range(0, self.length or 0, samples):
            first = at % len(self.samples)
            yield self.samples[first : first + samples]


def soak(hours: float) -> dict[str, str]:
    """Send hours of recordings, each a stream, and return a table of memory, compute and accuracy by the hour.

    Parameters
    ----------
    hours : float
        Of signal of each stream.
    """
    records = names("mitdb", True)[:STREAMS]
    folder = data_folder() / "mitdb"
    sources: dict[str, Endless] = {}
    for name in records:
        record = wfdb.rdrecord(str(folder / name), channels=[0])
        size = round(CHUNK_MS / 1000 * record.fs)
        samples = np.nan_to_num(record.p_signal[:, :1]).astype(np.float32)
        whole = samples[: len(samples) // size * size]
        sources[name] = Endless(Recording(name, record.fs, ["lead"], whole, "mV", {}), hours * HOUR_S)
    step = max(1.0, hours / 6)
    edges = [0.0, 1.0, *np.arange(step, hours - 1, step).tolist(), hours - 1, hours] if hours > 2 else [0.0, hours]
    peaks: dict[str, dict[int, float]] = {name: {} for name in records}
    computes: list[tuple[float, float]] = []
    memory: list[tuple[float, float]] = []
    with Served() as served, Progress(transient=True) as progress:
        subscriber = Subscriber(served.events)
        players = {name: Player(source, served.ingest, name, 0, CHUNK_MS) for name, source in sources.items()}
        for player in players.values():
            player.subscribed()
        feeds = [threading.Thread(target=player.play, daemon=True) for player in players.values()]
        begin = time.monotonic()
        for feed in feeds:
            feed.start()
        task = progress.add_task(f"{hours:g} h of {len(records)} streams", total=hours)
        playing, hour = set(records), 0.0
        heard = time.monotonic()
        while playing:
            payload = subscriber.receive(1.0)
            event = None if payload is None else decode_event(payload)
            if event is None or isinstance(event, HeartbeatMessage):
                if time.monotonic() - heard > PATIENCE_S:
                    raise TimeoutError(f"nothing heard of {', '.join(sorted(playing))} for {PATIENCE_S:g} s")
                continue
            heard = time.monotonic()
            if isinstance(event, StatusMessage) and event.code == "ended":
                playing.discard(event.stream)
            elif isinstance(event, BeatMessage):
                peaks[event.stream][event.beat] = event.peak
                if event.stream == records[0]:
                    hour = event.peak / sources[records[0]].fs / HOUR_S
                    computes.append((hour, event.latency.compute))
                    if not memory or hour - memory[-1][0] > 0.02:
                        memory.append((hour, served.usage().memory / 1e6))
                        progress.update(task, completed=hour)
        taken = time.monotonic() - begin
        subscriber.close()
        for player in players.values():
            player.close()
    rows = []
    for start, end in pairwise(edges):
        counts = []
        for name, source in sources.items():
            length = len(source.samples)
            reference = read_reference(folder / name)
            rounds = np.arange(np.ceil(start * HOUR_S * source.fs / length), end * HOUR_S * source.fs // length)
            found = np.array(sorted(peaks[name].values()))
            turns = np.divmod(found, length)
            counts += [match(reference, turns[1][turns[0] == k], source.fs).count for k in rounds]
        some = [ms for hour, ms in computes if start <= hour < end]
        mb = [value for hour, value in memory if start <= hour <= end]
        total = gross(counts)
        rows.append(
            [f"{start:g} to {end:g}", f"{mb[0]:.0f} to {mb[-1]:.0f}", f"{np.percentile(some, 50):.1f}",
             f"{np.percentile(some, 99):.1f}", f"{total.se:.2f}", f"{total.ppv:.2f}"]
        )  # fmt: skip
    title = (
        f"{hours:g} h of signal of each of {len(records)} streams (mitdb {', '.join(records)}, repeated, chunks of "
        f"{CHUNK_MS:g} ms) through one service in {taken / 60:.1f} min: {hours * HOUR_S * len(records) / taken:.0f} "
        "times real time, sockets and all"
    )
    heads = ["hours", "memory, MB", "compute p50, ms", "p99", "Se", "+P"]
    return {title: markdown(heads, rows)}


def main(
    hours: Annotated[float, typer.Option(help="Of signal of each stream.", min=1)] = 24,
    out: Annotated[Path | None, typer.Option(help="JSON file for the table.")] = None,
) -> None:
    """Send a day of signal through a service and print what became of its memory, speed and accuracy."""
    tables = soak(hours)
    typer.echo(machine())
    for title, table in tables.items():
        typer.echo(f"\n{title}\n\n{table}")
    if out:
        out.write_text(json.dumps({"machine": machine().splitlines(), "tables": tables}, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
