"""Draw docs/pictures/latency.png from live streams of real ECG; needs the databases."""

import typer

from streamer.engine import load_model
from streamer.latency import algorithmic
from streamer.load.pictures import draw
from streamer.load.served import Served
from streamer.load.trial import run
from tools.performance import recordings
from tools.report import DOCS

STREAMS = (1, 100, 300, 500)
CHUNKS_MS = (20.0, 100.0)
SECONDS = 12.0


def main() -> None:
    """Measure some numbers of streams and lengths of chunks, and draw them."""
    signals, trials = recordings(), []
    with Served() as served:
        for streams in STREAMS:
            for chunk_ms in CHUNKS_MS:
                typer.echo(f"{streams} streams, chunks of {chunk_ms:g} ms")
                trials.append(run(signals, served.ingest, served.events, streams, chunk_ms, SECONDS, served=served))
    path = DOCS / "pictures" / "latency.png"
    draw(trials, algorithmic(signals[0].fs, load_model().card.segment("default")), path)
    typer.echo(f"wrote {path.relative_to(DOCS.parent)}")


if __name__ == "__main__":
    typer.run(main)
