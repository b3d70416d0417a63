"""Release the designs of the gallery that stream single leads, measured in the detector: part of `make gallery`."""

import json
from math import isfinite
from pathlib import Path
from typing import Annotated

import keras
import typer

from models.export import write_card
from models.gallery.export import DESIGNS, export
from streamer.cli import sentences
from streamer.engine import load_engine
from tools.evaluate import measure
from tools.release import write_page
from tools.scoring import markdown

ROOT = Path(__file__).parents[1]
RELEASED = ROOT / "models" / "gallery" / "released"
TABLE = ROOT / "docs" / "tables" / "gallery_detector.json"
TITLE = "In the detector, streaming, validation patients"
POINTS = [(database, point) for database in ("qtdb", "ludb") for point in ("onset", "offset")]
HEAD = ["model", "mitdb Se, %", "mitdb PPV, %", *(f"{database} {point}, ms" for database, point in POINTS)]


def row(name: str, figures: dict[str, dict[str, float]]) -> list[str]:
    """Return a row of the table."""
    beats = [f"{figures['mitdb'][key]:.2f}" for key in ("Se", "PPV")]
    errors = [
        f"{figures[database][f'{point}_mean']:+.1f} ± {figures[database][f'{point}_sd']:.1f}"
        for database, point in POINTS
    ]
    return [name, *beats, *errors]


def finite(figures: dict[str, dict[str, float | None]]) -> dict[str, dict[str, float]]:
    """Leave out figures of what a design does not tell: ventricular beats, or P and T."""
    known = {
        table: {name: value for name, value in row.items() if value is not None and isfinite(value)}
        for table, row in figures.items()
        if not table.endswith("ventricular")
    }
    return {table: row for table, row in known.items() if row}


def main(
    runs: Annotated[Path, typer.Option(help="Folder of the runs of the gallery.")] = Path("runs/gallery"),
) -> None:
    """Release and measure."""
    with sentences():
        rows = []
        for name, design in DESIGNS.items():
            folder = RELEASED / name
            export(name, design, keras.saving.load_model(runs / design.name / "model.keras"), folder)
            figures = finite(measure(load_engine(folder=folder))[1])
            card = json.loads((folder / "card.json").read_text()) | {"figures": figures}
            write_card(folder, card)
            write_page(folder)
            rows.append(row(name, figures))
            typer.echo(f"released: {folder}")
        rows.append(row("**default**", load_engine().card.figures))
        TABLE.write_text(json.dumps({"tables": {TITLE: markdown(HEAD, rows)}}, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
