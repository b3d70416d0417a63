"""Train, score and draw every design: `make gallery`. What is done already is not done again."""

import json
from pathlib import Path
from typing import Annotated, Any

import keras
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.gallery import (
    bilstm_segmenter,
    conv2d_lstm,
    conv_lstm,
    conv_pool_lstm,
    conv_regression,
    flattened,
    record_classifier,
    regression,
    tries,
    two_networks,
)
from models.gallery.design import Design
from models.gallery.pictures import draw, draw_released
from models.gallery.tables import released, tables
from models.gallery.train import train
from streamer.about import machine
from streamer.cli import sentences
from streamer.engine import load_engine

DESIGNS = [
    regression.DESIGN,
    conv_regression.DESIGN,
    two_networks.DESIGN,
    flattened.DESIGN,
    bilstm_segmenter.DESIGN,
    conv_lstm.DESIGN,
    conv_lstm.SINGLE_DESIGN,
    conv_pool_lstm.DESIGN,
    conv2d_lstm.DESIGN,
    *record_classifier.DESIGNS,
]
DOCS = Path(__file__).parents[2] / "docs"


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Designs to train; default: all, and the tables.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the runs; those that are there are kept.")] = Path(
        "runs/gallery"
    ),
) -> None:
    """Train and score the designs of the gallery."""
    with sentences():
        known = {design.name: design for design in [*DESIGNS, *tries.DESIGNS]}
        if names and (unknown := [name for name in names if name not in known]):
            raise ValueError(f"there is no design {unknown[0]}; expected one of {', '.join(known)}")
        some = [known[name] for name in names] if names else known.values()
        results = {design.name: _trained(design, out / design.name) for design in some}
        if names:
            return
        pictures = DOCS / "pictures" / "gallery"
        pictures.mkdir(parents=True, exist_ok=True)
        for design in DESIGNS:
            model = keras.saving.load_model(out / design.name / "model.keras")
            draw(design, model, pictures / f"{design.name}.png")
        engine = load_engine()
        draw_released(engine, pictures / "released.png")
        page = {"machine": machine().splitlines(), "tables": tables(DESIGNS, tries.DESIGNS, results, released(engine))}
        (DOCS / "tables" / "gallery.json").write_text(json.dumps(page, indent=1) + "\n")


def _trained(design: Design, folder: Path) -> dict[str, Any]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns) as progress:
        task = progress.add_task(design.name, total=design.steps)
        return train(design, folder, lambda batches: progress.update(task, completed=batches))


if __name__ == "__main__":
    typer.run(main)
