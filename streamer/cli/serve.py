"""`qrstream run`, `demo` and `watch`: the service, and what shows its events."""

import threading
import time
from contextlib import ExitStack
from typing import Annotated

import typer

from streamer.cli.options import (
    EVENTS,
    INGEST,
    EngineOption,
    JsonlOption,
    ModelOption,
    Profile,
    ProfileOption,
    sentences,
    starting,
    stop_on_signal,
)


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
        stop_on_signal(service.stop)
        collect_rarely()
        with starting() as started:

            def ready() -> None:
                started()
                typer.echo(f"ready: chunks at {service.ingest}, events at {service.events}", err=True)

            service.run(ready)


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
