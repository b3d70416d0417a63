"""Put a trained rhythm network into the released model, with its figures: `make release-rhythm RHYTHM=...`."""

import json
from pathlib import Path
from typing import Annotated

import keras
import typer

from models.export import write_card
from models.rhythm.calibrate import temperature
from models.rhythm.export import put
from models.rhythm.record import fit
from models.rhythm.train import beats, validates
from models.rhythm.validate import predict
from streamer.cli import sentences
from streamer.engine import load_engine
from tools.evaluate_rhythm import measure
from tools.release import RELEASED, write_page

TABLES = Path(__file__).parents[1] / "docs" / "tables" / "rhythm.json"


def main(
    rhythm: Annotated[Path, typer.Argument(help="`rhythm.keras` of a training run, beside its `beats.pickle`.")],
) -> None:
    """Calibrate a network, put it into the released model, fit the classes of recordings to it, and measure."""
    with sentences():
        network = keras.saving.load_model(rhythm, compile=False)
        records = [b for b in beats(rhythm.parent / "beats.pickle") if validates(b)]
        divisor = temperature(records, predict(network, records))
        typer.echo(f"temperature {divisor:.3f}")
        put(network, divisor, RELEASED)
        fit(RELEASED)
        write_card(RELEASED, json.loads((RELEASED / "card.json").read_text()))
        tables, figures = measure(load_engine())
        for title, text in tables.items():
            typer.echo(f"\n{title}\n\n{text}")
        TABLES.write_text(json.dumps({"tables": tables, "figures": figures}, indent=1))
        card = json.loads((RELEASED / "card.json").read_text())
        card["rhythm"]["figures"] = figures
        write_card(RELEASED, card)
        write_page(RELEASED)
        typer.echo(f"released: {RELEASED}")


if __name__ == "__main__":
    typer.run(main)
