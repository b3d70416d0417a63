"""What several commands take, and how they begin and fail."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

PATIENCE_S = 4.0
INGEST, EVENTS = "tcp://127.0.0.1:5555", "tcp://127.0.0.1:5556"


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


def stop_on_signal(stop: Callable[[], object]) -> None:
    """Call `stop` when the process is asked to end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop())
