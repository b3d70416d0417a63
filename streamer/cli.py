"""The command `qrstream`."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamer import __version__

if TYPE_CHECKING:
    from streamer.feeds import Faults, Source

PATIENCE_S = 4.0
INGEST, EVENTS = "tcp://127.0.0.1:5555", "tcp://127.0.0.1:5556"

app = typer.Typer(
    name="qrstream", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False,
    help="Live ECG in, QRS complexes out, with their latency. Not a medical device.",
)  # fmt: skip
feed = typer.Typer(no_args_is_help=True, help="Send chunks to a service.", rich_markup_mode=None)
app.add_typer(feed, name="feed")
bench = typer.Typer(no_args_is_help=True, help="Find out what this machine holds.", rich_markup_mode=None)
app.add_typer(bench, name="bench")


class Profile(StrEnum):
    """How much right context the network waits for."""

    default = "default"
    fast = "fast"
    careful = "careful"


class EngineName(StrEnum):
    """What runs the network."""

    numba = "numba"
    onnx = "onnx"
    tensorflow = "tensorflow"


class Unit(StrEnum):
    """Of the samples in a CSV file."""

    mV = "mV"
    uV = "uV"


ProfileOption = Annotated[Profile, typer.Option(help="How much right context the network waits for.")]
ModelOption = Annotated[Path | None, typer.Option(help="Model folder; default: the one that comes with qrstream.")]
EngineOption = Annotated[
    EngineName | None, typer.Option(help="What runs the network; default: the fastest that runs the model.")
]
LeadOption = Annotated[list[str] | None, typer.Option(help="Lead to take; may be repeated.")]
FsOption = Annotated[float | None, typer.Option(help="Rate of a CSV file in Hz.")]
UnitOption = Annotated[Unit | None, typer.Option(help="Unit of a CSV file.")]
JsonlOption = Annotated[bool, typer.Option("--jsonl", help="Print events, one JSON object a line.")]


@contextmanager
def sentences() -> Iterator[None]:
    """Turn the errors that a user can mend into one line and an exit status."""
    from streamer.engine import EngineError, ModelError
    from streamer.feeds import FeedError
    from streamer.service import ServiceError

    try:
        yield
    except (EngineError, ModelError, FeedError, ServiceError, ValueError, OSError) as error:
        typer.echo(f"qrstream: {error}", err=True)
        raise typer.Exit(2) from None
    except BrokenPipeError:
        raise typer.Exit(0) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@contextmanager
def starting() -> Iterator[Callable[[], None]]:
    """Say what takes so long, if a start does; what is yielded is called once it is over."""
    text = "compiling for this machine: the first start takes half a minute"
    timer = threading.Timer(PATIENCE_S, typer.echo, (text,), {"err": True})
    timer.daemon = True
    timer.start()
    try:
        yield timer.cancel
    finally:
        timer.cancel()


def version(value: bool) -> None:
    """Print the version and leave."""
    if value:
        typer.echo(f"qrstream {__version__}")
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Live ECG in, QRS complexes out, with their latency. Not a medical device."""


@app.command()
def run(
    ingest: Annotated[str, typer.Option(help="Where chunks come in.")] = INGEST,
    events: Annotated[str, typer.Option(help="Where events go out.")] = EVENTS,
    profile: ProfileOption = Profile.default,
    model: ModelOption = None,
    engine: EngineOption = None,
    connect: Annotated[
        bool, typer.Option("--connect", help="Connect to both endpoints instead of binding them.")
    ] = False,
    insecure: Annotated[bool, typer.Option("--insecure", help="Bind addresses that other machines can reach.")] = False,
    workers: Annotated[int, typer.Option(help="Processes that share the streams; 0 serves in this one.", min=0)] = 0,
    metrics: Annotated[str | None, typer.Option(help="Port, or HOST:PORT, of metrics for Prometheus.")] = None,
) -> None:
    """Serve: detect beats in every stream that comes in."""
    with sentences():
        from streamer.engine import load_engine, load_model
        from streamer.service import Service, Supervisor, batch_context, collect_rarely, require_loopback
        from streamer.service.sockets import metrics_address

        address = metrics_address(metrics) if metrics else None
        if not connect and not insecure:
            require_loopback(ingest)
            require_loopback(events)
            if address:
                require_loopback(f"tcp://{address[0]}:{address[1]}")
        service: Service | Supervisor
        if workers:
            if connect:
                raise ValueError("workers bind their endpoints; expected --workers or --connect, not both")
            load_model(model).card.segment(profile)  # what is wrong with them is said here, and once
            service = Supervisor(workers, ingest, events, engine, profile, model, address)
        else:
            service = Service(load_engine(engine, profile, model), ingest, events, connect, batch_context())
            if address:
                from streamer.service.metrics import serve_metrics

                typer.echo(f"metrics at http://{address[0]}:{serve_metrics(service, *address)}/metrics", err=True)
        _stop_on_signal(service.stop)
        collect_rarely()
        with starting() as started:

            def ready() -> None:
                started()
                typer.echo(f"ready: chunks at {service.ingest}, events at {service.events}", err=True)

            service.run(ready)


@app.command()
def demo(
    seconds: Annotated[float | None, typer.Option(help="Stop after this time; default: on Ctrl-C.", min=0)] = None,
    jsonl: JsonlOption = False,
    profile: ProfileOption = Profile.default,
) -> None:
    """Show a simulated heart live: simulator, service and view in one, over real sockets.

    With --jsonl the beats of the first two seconds, which are told late while the stream settles, are left out.
    """
    with sentences():
        from streamer.engine import load_engine
        from streamer.feeds import Player, Simulator, parse_script
        from streamer.service import Service
        from streamer.watch import Subscriber, print_lines, show

        script = parse_script("sinus:14,pvc:12,af:24,tachy:10,bigeminy:16,vt:6,sinus:8,brady:14,pause:12,vf:8")
        service = Service(load_engine("numba", profile), "tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
        done = threading.Event()

        def ends() -> bool:
            return end is not None and time.monotonic() >= end

        with ExitStack() as stack:
            with starting():
                stack.enter_context(service.in_background())
            subscriber = Subscriber(service.events, signal=not jsonl)
            player = Player(Simulator(250, ["II"], script), service.ingest, "demo")

            def play() -> None:
                player.subscribed()
                player.play(stop=done.is_set)

            heart = threading.Thread(target=play)
            heart.start()
            end = None if seconds is None else time.monotonic() + seconds
            try:
                if jsonl:
                    print_lines(subscriber, ends, settling=False)
                else:
                    show(subscriber, ends, "demo")
            finally:
                done.set()
                heart.join()
                player.close()
                subscriber.close()


@app.command()
def watch(
    stream: Annotated[
        str | None, typer.Option(help="Name of the stream; default: all, and the view shows the first.")
    ] = None,
    jsonl: JsonlOption = False,
    events: Annotated[str, typer.Option(help="Where the service's events go out.")] = EVENTS,
) -> None:
    """Subscribe to a service: the terminal view, or events a line each."""
    with sentences():
        from streamer.watch import Subscriber, print_lines, show

        subscriber = Subscriber(events, stream, signal=not jsonl)
        if jsonl:
            print_lines(subscriber, lambda: False)
        else:
            show(subscriber, lambda: False, stream)


@app.command()
def detect(
    record: Annotated[Path, typer.Argument(help="WFDB record or CSV file.")],
    lead: LeadOption = None,
    jsonl: Annotated[
        str | None, typer.Option(help="File for the events, one JSON object a line; - prints them.")
    ] = None,
    annotations: Annotated[str | None, typer.Option(help="Extension of a WFDB annotation file to write.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the annotation file.")] = Path(),
    report: Annotated[
        Path | None, typer.Option(help="Folder for a picture of heart rate and rhythm, and a table of episodes.")
    ] = None,
    fs: FsOption = None,
    unit: UnitOption = None,
    profile: ProfileOption = Profile.default,
    model: ModelOption = None,
    engine: EngineOption = None,
) -> None:
    """Run a recording through the streaming detector, as fast as it goes."""
    with sentences():
        from streamer.detect.rhythm.episodes import episodes
        from streamer.feeds import open_recording
        from streamer.offline import detect_recording, record_class, summary, write_lines
        from streamer.report import check, write_report
        from streamer.sinks.annotations import final_beats, final_waves, write_annotations

        if report:
            check(report)
        recording = open_recording(record, lead, fs, unit)
        for name, its_unit in recording.left_out.items():
            typer.echo(f"left out: {name}, in {its_unit} and not mV or uV", err=True)
        events = detect_recording(recording, profile, model, engine)
        found = episodes(events, recording.length or 0)
        if jsonl:
            write_lines(events, sys.stdout if jsonl == "-" else Path(jsonl))
        if annotations:
            waves = final_waves(events)
            path = write_annotations(
                final_beats(events), recording.name, annotations, out, recording.fs, waves, rhythms=found
            )
            typer.echo(f"wrote {path}", err=True)
        if report:
            for path in write_report(events, found, recording.name, recording.fs, recording.length or 0, report):
                typer.echo(f"wrote {path}", err=True)
        summary(recording, events, found, record_class(recording, events, model))


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) <= 0:
        raise ValueError(f"{text!r} is no list of numbers; expected such as 20,40,100")
    return numbers


@app.command()
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
        runs = [(round(n), ms) for n in _numbers(streams) for ms in _numbers(chunk_ms)]
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
    limit_ms: Annotated[float, typer.Option(help="That p99 of queue and compute may reach.", min=1)] = 100,
    profile: ProfileOption = Profile.default,
    json: Annotated[bool, typer.Option("--json", help="Print JSON; streams_per_core among its keys.")] = False,
) -> None:
    """Find how many live streams a service on one core holds, by steps; some minutes."""
    with sentences():
        from streamer.load.command import bench_streams

        bench_streams(record or [], chunk_ms, seconds, limit_ms, profile, json)


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
        _stop_on_signal(stopped.set)
        typer.echo(f"stream {player.stream} waits for a service at {to}", err=True)
        while not stopped.is_set() and not player.subscribed(0.2):
            pass
        length = None if loop else player.source.length
        with Progress(console=Console(stderr=True), disable=length is None) as progress:
            task = progress.add_task(player.stream, total=length)
            played = player.play(lambda n: progress.advance(task, n), stopped.is_set)
        player.close()
        typer.echo(f"sent {played.chunks} chunks, dropped {played.dropped}", err=True)


ToOption = Annotated[str, typer.Option(help="The service's ingest.")]
StreamOption = Annotated[str | None, typer.Option(help="Name of the stream; default: made from the source's.")]
SpeedOption = Annotated[float, typer.Option(help="1 is real time, 0 as fast as it goes.", min=0)]
ChunkOption = Annotated[float, typer.Option(help="Length of a chunk in ms of signal.", min=0.1)]
LoopOption = Annotated[bool, typer.Option("--loop", help="Begin again at the end.")]


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


@app.command()
def info(model: ModelOption = None, engine: EngineOption = None) -> None:
    """Print what a bug report needs: versions, model, latency by design, machine."""
    with sentences():
        from streamer.about import describe

        typer.echo(describe(model, engine))


def _stop_on_signal(stop: Callable[[], object]) -> None:
    import signal

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop())


def entry() -> None:
    """Run the command; leave quietly where the reader of its output has gone."""
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
