"""Make a model the released one, with its measured figures on its card: `make release MODEL=...`."""

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from models.export import write_card
from streamer.cli import sentences
from streamer.engine import load_engine
from tools.evaluate import measure

RELEASED = Path(__file__).parents[1] / "models" / "released" / "default"


def write_page(folder: Path) -> None:
    """Write CARD.md, for people, from card.json."""
    card = json.loads((folder / "card.json").read_text())
    lines = [f"# {card['name']} {card['version']}", ""]
    lines += [f"{card['parameters']} parameters, reads {card['rate']} Hz, classes {', '.join(card['classes'])}.", ""]
    lines += ["Split by patient: training and validation patients are those listed in `models/data.py`.", ""]
    for title, key in (("Trained on", "trained_on"), ("Licences of the data", "licences"), ("Limits", "limits")):
        lines += [f"## {title}", "", *(f"- {line}" for line in card[key]), ""]
    lines += [
        "## Figures",
        "",
        "Streaming, default profile, one lead, validation patients; `python -m tools.evaluate --model FOLDER` prints",
        "them; more in `docs/accuracy.md`.",
        "",
    ]
    for table, figures in card["figures"].items():
        lines.append(f"- {table}: " + ", ".join(f"{name} {value:g}" for name, value in figures.items()))
    rhythm = card.get("rhythm")
    if rhythm:
        lines += [
            "",
            "## Rhythm",
            "",
            f"{rhythm['parameters']} parameters, classes {', '.join(rhythm['classes'])}.",
            "",
        ]
        lines += [f"- Trained on: {line}" for line in rhythm["trained_on"]]
        lines += [f"- Limit: {line}" for line in rhythm["limits"]]
        for table, figures in rhythm["figures"].items():
            lines.append(f"- {table}: " + ", ".join(f"{name} {value:g}" for name, value in figures.items()))
        lines += ["", "`make evaluate-rhythm` prints these; more in `docs/rhythm.md`."]
    (folder / "CARD.md").write_text("\n".join(lines) + "\n")


def main(model: Annotated[Path, typer.Argument(help="Model folder.")]) -> None:
    """Measure a model and make it the released one."""
    with sentences():
        tables, figures = measure(load_engine("numba", "default", model))
        for title, text in tables.items():
            typer.echo(f"\n{title}\n\n{text}")
        if model.resolve() != RELEASED.resolve():
            shutil.rmtree(RELEASED, ignore_errors=True)
            shutil.copytree(model, RELEASED)
        card = json.loads((RELEASED / "card.json").read_text()) | {"figures": figures}
        write_card(RELEASED, card)
        write_page(RELEASED)
        typer.echo(f"released: {RELEASED}")


if __name__ == "__main__":
    typer.run(main)
