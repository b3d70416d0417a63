"""`qrstream latency` and `bench`: how late, and how many."""

from math import inf
from pathlib import Path
from typing import Annotated

import typer

from streamer.cli.options import Profile, ProfileOption, sentences

bench = typer.Typer(no_args_is_help=True, help="Find out what this machine holds.", rich_markup_mode=None)


def _numbers(text: str, name: str, example: str) -> list[float]:
    """Read numbers above nought with commas between them."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(0 < number < inf for number in numbers):
        raise ValueError(f"{name} is {text!r}; expected numbers above 0, such as {example}")
    return numbers


def _whole_numbers(text: str, name: str, example: str) -> list[int]:
    numbers = _numbers(text, name, example)
    if any(number % 1 for number in numbers):
        raise ValueError(f"{name} is {text!r}; expected whole numbers, such as {example}")
    return [int(number) for number in numbers]


def latency(
    record: Annotated[
        list[Path] | None, typer.Argument(help="WFDB records or CSV files; default: simulated hearts.")
    ] = None,
    streams: Annotated[str, typer.Option(help="Live streams at once; with commas, one run for each.")] = "1",
    chunk_ms: Annotated[str, typer.Option(help="Length of a chunk in ms of signal; likewise.")] = "20,40,100,500",
    seconds: Annotated[float, typer.Option(help="Of signal, of each run.", min=5)] = 30,
    speed: Annotated[float, typer.Option(help="1 is live; at others the total is from sending on.", min=0.01)] = 1,
    lead: Annotated[str | None, typer.Option(help="Default: the first of each record.")] = None,
    ingest: Annotated[str | None, typer.Option(help="Of a running service; default: an own one is started.")] = None,
    events: Annotated[str | None, typer.Option(help="Of the running service.")] = None,
    profile: ProfileOption = Profile.default,
    report: Annotated[Path | None, typer.Option(help="Folder for pictures, JSON and .hgrm files.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    budget: Annotated[
        list[str] | None, typer.Option(help="Such as p99=200ms; the exit status is 1 if it is exceeded.")
    ] = None,
) -> None:
    """Replay recordings as live streams, and measure how late their beats come.

    The feed is open-loop: every chunk has its planned time, and time lost anywhere counts.
    """
    with sentences():
        from streamer.load.command import measure

        if (ingest is None) != (events is None):
            raise ValueError("a running service needs both --ingest and --events")
        lengths = _numbers(chunk_ms, "--chunk-ms", "20,40,100")
        runs = [(n, ms) for n in _whole_numbers(streams, "--streams", "1,50") for ms in lengths]
        running = (ingest, events) if ingest and events else None
        exceeded = measure(record or [], lead, runs, seconds, speed, running, profile, report, json, budget or [])
    for sentence in exceeded:
        typer.echo(f"qrstream: {sentence}", err=True)
    if exceeded:
        raise typer.Exit(1)


@bench.callback()
def bench_help() -> None:
    """Find out what this machine holds."""


@bench.command("streams")
def bench_streams(
    record: Annotated[
        list[Path] | None, typer.Argument(help="WFDB records or CSV files; default: simulated hearts.")
    ] = None,
    chunk_ms: Annotated[float, typer.Option(help="Length of a chunk in ms of signal.", min=1)] = 100,
    seconds: Annotated[float, typer.Option(help="Of signal, of each step.", min=5)] = 10,
    limit_ms: Annotated[float, typer.Option(help="That p99 of transport, queue and compute may reach.", min=1)] = 100,
    profile: ProfileOption = Profile.default,
    json: Annotated[bool, typer.Option("--json", help="Print JSON; streams_per_core among its keys.")] = False,
) -> None:
    """Find how many live streams a service on one core holds, by steps; some minutes."""
    with sentences():
        from streamer.load.command import bench_streams

        bench_streams(record or [], chunk_ms, seconds, limit_ms, profile, json)
