"""How the default model is trained, stage by stage: `make train`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from models.beats import fit
from models.train import excerpts, train


@dataclass(frozen=True)
class Stage:
    """One stage; from the second on, the model of the stage before begins it and labels what has no boundaries."""

    epochs: int
    peak: float
    seed: int


STAGES = (
    Stage(35, 2e-3, 1),
    Stage(40, 1.5e-3, 2),
    Stage(110, 2e-3, 3),
    Stage(70, 1.5e-3, 4),
    Stage(60, 1.5e-3, 5),
    Stage(110, 1.2e-3, 6),
)


def main(
    out: Annotated[Path, typer.Option(help="Folder of the run; one that was interrupted goes on.")],
) -> None:
    """Train on qtdb and ludb, then five times on what the model before makes of the other databases too."""
    before: Path | None = None
    for number, stage in enumerate(STAGES, 1):
        typer.echo(f"stage {number} of {len(STAGES)}")
        before = train(out / f"stage{number}", excerpts(before), stage.epochs, stage.peak, stage.seed, before)
    assert before
    typer.echo("calibration")
    fit(before)
    typer.echo(f"trained: make release MODEL={before}")


if __name__ == "__main__":
    typer.run(main)
