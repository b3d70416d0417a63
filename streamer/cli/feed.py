"""`qrstream feed`: a simulator, a recording or a file as a live feed."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamer.cli.options import INGEST, FsOption, LeadOption, UnitOption, sentences, stop_on_signal

if TYPE_CHECKING:
    from streamer.feeds import Faults, Source

feed = typer.Typer(no_args_is_help=True, help="Send chunks to a service.", rich_markup_mode=None)
ToOption = Annotated[str, typer.Option(help="The service's ingest.")]
StreamOption = Annotated[str | None, typer.Option(help="Name of the stream; default: made from the source's.")]
SpeedOption = Annotated[float, typer.Option(help="1 is real time, 0 as fast as it goes.", min=0)]
ChunkOption = Annotated[float, typer.Option(help="Length of a chunk in ms of signal.", min=0.1)]
LoopOption = Annotated[bool, typer.Option("--loop", help="Begin again at the end.")]


def _play(
    make: Callable[[], "Source"],
    to: str,
    stream: str | None,
    speed: float,
    chunk_ms: float,
    loop: bool,
    faults: "Faults | None" = None,
) -> None:
    """Play a source with a progress bar where it ends."""
    with sentences():
        from rich.console import Console
        from rich.progress import Progress

        from streamer.feeds import Faults, Player

        source = make()
        for name, unit in source.left_out.items():
            typer.echo(f"left out: {name}, in {unit} and not mV or uV", err=True)
        player = Player(source, to, stream, speed, chunk_ms, loop, faults or Faults())
        stopped = threading.Event()
        stop_on_signal(stopped.set)
        typer.echo(f"stream {player.stream} waits for a service at {to}", err=True)
        while not stopped.is_set() and not player.subscribed(0.2):
            pass
        length = None if loop else player.source.length
        with Progress(console=Console(stderr=True), disable=length is None) as progress:
            task = progress.add_task(player.stream, total=length)
            played = player.play(lambda n: progress.advance(task, n), stopped.is_set)
        player.close()
        typer.echo(f"sent {played.chunks} chunks, dropped {played.dropped}", err=True)


@feed.command("simulator")
def feed_simulator(
    to: ToOption = INGEST,
    stream: StreamOption = None,
    script: Annotated[
        str, typer.Option(help="Rhythms and seconds, such as sinus:20,af:15,pvc:20; it repeats.")
    ] = "sinus:60",
    fs: Annotated[float, typer.Option(help="Hz.")] = 250,
    lead: LeadOption = None,
    seconds: Annotated[float | None, typer.Option(help="Default: endless.", min=0)] = None,
    speed: SpeedOption = 1,
    chunk_ms: ChunkOption = 20,
    noise: Annotated[float, typer.Option(help="White noise in mV.", min=0)] = 0.01,
    mains: Annotated[float, typer.Option(help="50 Hz mains in mV.", min=0)] = 0,
    baseline: Annotated[float, typer.Option(help="Baseline sway in mV.", min=0)] = 0.05,
    lead_off: Annotated[list[str] | None, typer.Option(help="LEAD:START:SECONDS, may be repeated.")] = None,
    drop: Annotated[float, typer.Option(help="Share of chunks lost on the way.", min=0, max=1)] = 0,
    double: Annotated[float, typer.Option(help="Share of chunks sent twice.", min=0, max=1)] = 0,
    drift_ppm: Annotated[float, typer.Option(help="How fast the feed's clock runs.")] = 0,
    seed: int = 1,
) -> None:
    """Send a simulated heart (McSharry's dynamical ECG)."""

    def make() -> "Source":
        from streamer.feeds.simulator import Disturbances, Simulator, parse_lead_off, parse_script

        disturbances = Disturbances(noise, mains, baseline, lead_off=[parse_lead_off(text) for text in lead_off or []])
        return Simulator(fs, lead, parse_script(script), seconds, disturbances, seed)

    from streamer.feeds.player import Faults

    _play(make, to, stream, speed, chunk_ms, False, faults=Faults(drop, double, drift_ppm, seed))


@feed.command("wfdb")
def feed_wfdb(
    record: Annotated[Path, typer.Argument(help="WFDB record.")],
    to: ToOption = INGEST,
    stream: StreamOption = None,
    lead: LeadOption = None,
    speed: SpeedOption = 1,
    chunk_ms: ChunkOption = 20,
    loop: LoopOption = False,
) -> None:
    """Play a WFDB record."""

    def make() -> "Source":
        from streamer.feeds import open_wfdb

        return open_wfdb(record, lead)

    _play(make, to, stream, speed, chunk_ms, loop)


@feed.command("csv")
def feed_csv(
    file: Annotated[Path, typer.Argument(help="A column a lead.")],
    fs: FsOption = None,
    unit: UnitOption = None,
    to: ToOption = INGEST,
    stream: StreamOption = None,
    lead: LeadOption = None,
    speed: SpeedOption = 1,
    chunk_ms: ChunkOption = 20,
    loop: LoopOption = False,
) -> None:
    """Play a CSV file."""

    def make() -> "Source":
        from streamer.feeds import open_csv

        return open_csv(file, lead, fs, unit)

    _play(make, to, stream, speed, chunk_ms, loop)
