"""Take the picture of the terminal view that the README shows: `make figures`."""

import re
import threading
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from streamer.engine import load_engine
from streamer.feeds import Player, Simulator, parse_script
from streamer.service import Service
from streamer.view import View
from streamer.watch import Subscriber
from streamer.wire import decode_event

SCRIPT = "sinus:15,pvc:30"
COLUMNS, ROWS = 118, 38


def main(
    out: Annotated[Path, typer.Option(help="SVG file.")] = Path("docs/terminal.svg"),
    seconds: Annotated[float, typer.Option(help="How long to watch before the picture is taken.")] = 25,
) -> None:
    """Watch the real service on a simulated heart for a while, and export what the terminal shows."""
    service = Service(load_engine(), "tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
    done = threading.Event()
    view = View("demo")
    with service.in_background():
        subscriber = Subscriber(service.events, signal=True)
        player = Player(Simulator(250, ["II"], parse_script(SCRIPT), seed=5), service.ingest, "demo")
        player.subscribed()
        heart = threading.Thread(target=player.play, kwargs={"stop": done.is_set})
        heart.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            payload = subscriber.receive(0.1)
            if payload is not None:
                view.take(decode_event(payload))
        done.set()
        heart.join()
        player.close()
        subscriber.close()
    with Path("/dev/null").open("w") as nowhere:
        console = Console(width=COLUMNS, height=ROWS, record=True, file=nowhere, force_terminal=True)
        console.print(view)
        svg = console.export_svg(title="qrstream demo")
    # the picture must not fetch fonts from anywhere
    out.write_text(re.sub(r"@font-face {.*?}\s*|<!--.*?-->\s*", "", svg, flags=re.DOTALL))


if __name__ == "__main__":
    typer.run(main)
