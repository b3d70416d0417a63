"""What accuracy each halving of the cost costs: `python -m models.costs --out RUN`, then `make figures`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from tabulate import tabulate

from models.architecture import Size
from models.export import PROFILES
from models.train import excerpts, train
from models.validate import beat_errors, boundary_errors
from streamer.engine import load_engine
from streamer.engine.card import default_folder

SIZES = {
    "1": Size(),
    "1/2": Size(channels=(12, 12, 22), forward=28, backward=22),
    "1/4": Size(channels=(8, 8, 16), forward=20, backward=15),
    "1/8": Size(channels=(6, 6, 10), forward=14, backward=10),
}
EPOCHS, PEAK, SEED = 40, 2e-3, 11
TITLE = (
    "Cost: each size trained alike, from nothing, for a fraction of the released model's training; validation patients"
)


def table(rows: list[dict[str, Any]]) -> str:
    """Tabulate what was measured."""
    head = [
        "cost",
        "parameters",
        "MFLOP/s of ECG",
        "mitdb: missed %",
        "invented %",
        "qtdb: onset SD, ms",
        "offset SD, ms",
    ]
    cells = [
        [
            row["size"],
            row["parameters"],
            *(f"{row[name]:.2f}" for name in ("megaflops", "missed", "invented", "onset_sd", "offset_sd")),
        ]
        for row in rows
    ]
    return tabulate(cells, head, tablefmt="github", disable_numparse=True)


def main(out: Annotated[Path, typer.Option(help="Folder of the runs; those that were interrupted go on.")]) -> None:
    """Train each size from nothing, for equally long and on the same lessons, and write `costs.json`."""
    lessons = excerpts(default_folder())
    rows = []
    for name, size in SIZES.items():
        model = train(out / name.replace("/", "_"), lessons, EPOCHS, PEAK, SEED, size=size)
        engine = load_engine("numba", "default", model)
        row = {"size": name, "parameters": engine.card.parameters, "megaflops": size.megaflops(PROFILES["default"])}
        rows.append(row | boundary_errors(engine) | beat_errors(engine))
        (out / "costs.json").write_text(json.dumps({"rows": rows, "tables": {TITLE: table(rows)}}, indent=1))


if __name__ == "__main__":
    typer.run(main)
