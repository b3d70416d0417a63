"""Measure how late beats are told, for each profile and chunk length: the table in docs/latency.md."""

import threading
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from streamer.about import machine
from streamer.engine import load_engine
from streamer.feeds import Player, Simulator, parse_script
from streamer.service import Service
from streamer.watch import Subscriber
from streamer.wire import decode_event
from streamer.wire.messages import BeatMessage, StatusMessage

CHUNKS_MS = (20, 40, 100, 500)


def measure(profile: str, seconds: float) -> dict[int, list[float]]:
    """Play a heart for each chunk length at once, in real time, and return the total latency of their beats in ms."""
    service = Service(load_engine("numba", profile), "tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
    totals: dict[int, list[float]] = {ms: [] for ms in CHUNKS_MS}
    with service.in_background():
        subscriber = Subscriber(service.events)
        players = {}
        for ms in CHUNKS_MS:
            heart = Simulator(250, ["II"], parse_script("sinus:10,pvc:10,af:10"), seconds, seed=ms)
            players[f"chunk-{ms}"] = Player(heart, service.ingest, f"chunk-{ms}", chunk_ms=ms)
        for player in players.values():
            player.subscribed()
        feeds = [threading.Thread(target=player.play) for player in players.values()]
        for feed in feeds:
            feed.start()
        playing = set(players)
        while playing:
            payload = subscriber.receive(1.0)
            event = None if payload is None else decode_event(payload)
            if isinstance(event, StatusMessage) and event.code == "ended":
                playing.discard(event.stream)
            if isinstance(event, BeatMessage) and "settling" not in event.flags and event.latency.total is not None:
                totals[int(event.stream.split("-")[1])].append(event.latency.total)
        for feed, player in zip(feeds, players.values(), strict=True):
            feed.join()
            player.close()
        subscriber.close()
    return totals


def main(seconds: Annotated[float, typer.Option(help="Signal of each stream, played in real time.")] = 60) -> None:
    """Print the percentiles of the total: from the end of a QRS to its publishing."""
    console = Console(width=100)
    console.print(machine())
    table = Table(title="End of QRS to publishing, ms, four live streams at once")
    for column in ("profile", "chunk, ms", "beats", "p50", "p99", "max"):
        table.add_column(column, justify="left" if column == "profile" else "right")
    for profile in ("fast", "default", "careful"):
        for ms, totals in measure(profile, seconds).items():
            p50, p99 = np.percentile(totals, [50, 99])
            table.add_row(profile, str(ms), str(len(totals)), f"{p50:.0f}", f"{p99:.0f}", f"{max(totals):.0f}")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
