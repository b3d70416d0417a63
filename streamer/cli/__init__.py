"""The command `qrstream`."""

import os
import sys
from typing import Annotated

import typer

from streamer import __version__
from streamer.cli.detect import detect, info
from streamer.cli.feed import feed
from streamer.cli.load import bench, latency
from streamer.cli.options import sentences
from streamer.cli.serve import demo, run, watch

app = typer.Typer(
    name="qrstream", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False,
    help="Live ECG in, QRS complexes out, with their latency. Not a medical device.",
)  # fmt: skip
app.add_typer(feed, name="feed")
app.add_typer(bench, name="bench")
for command in (run, demo, watch, detect, latency, info):
    app.command()(command)


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


def entry() -> None:
    """Run the command; leave quietly where the reader of its output has gone."""
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


__all__ = ["app", "entry", "sentences"]
