"""Measure a model, streaming: on the validation patients (`make evaluate`), or on any folder of WFDB records."""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from models.data import data_folder, names
from streamer.cli import sentences
from streamer.engine import Engine, load_engine
from streamer.sinks.annotations import write_annotations
from tools.beats import beat_rows, score_folder, ventricular_counts, ventricular_rows
from tools.delineation import (
    BOUNDARY_HEAD,
    boundary_row,
    delineate_ludb,
    found_share,
    qtdb_errors,
    qtdb_truth,
    wave_rows,
)
from tools.detection import detect
from tools.leads import lead_rows
from tools.scoring import Array, Cells, Spread, annotated_records, by_record, gross, markdown, nearest_errors, pooled


def measure(engine: Engine) -> tuple[dict[str, str], dict[str, dict[str, float]]]:
    """Measure everything on the validation patients.

    Returns
    -------
    tables : dict of str
        Title to table, in Markdown.
    figures : dict
        What goes on the card.
    """
    tables = {}

    def table(title: str, head: list[str], rows: Cells) -> None:
        tables[title] = markdown(head, rows)

    scored = score_folder(engine, [data_folder() / "mitdb" / name for name in names("mitdb", True)])
    table("Beats: mitdb, first lead, within 150 ms", *beat_rows(scored))
    table("Ventricular ectopic beats: mitdb, patients that are not paced, by EC57", *ventricular_rows(scored))

    def qrs(path: Path, leads: list[str]) -> Array:
        return detect(engine, path, leads).qrs

    def waves(path: Path, lead: str) -> dict[str, Array]:
        return detect(engine, path, [lead]).by_kind

    first, better = qtdb_errors(qrs, qtdb_truth()), qtdb_errors(qrs, qtdb_truth(), None)
    two = delineate_ludb(waves)
    rows = [
        _by_record("qtdb, first lead", first),
        _by_record("qtdb, better lead", better),
        boundary_row("ludb, lead II, pooled", pooled(two.errors), found_share(two.errors)),
    ]
    table("QRS boundaries, ms (qtdb: against q1c, means of what the records give)", BOUNDARY_HEAD, rows)
    table("Waves: ludb, lead II", *wave_rows({"lead II": two}))
    table(
        "QRS boundaries by record: qtdb, first lead, ms",
        BOUNDARY_HEAD,
        [boundary_row(name, pooled(e), found_share(e)) for name, e in first.items()],
    )
    table("Others against the first expert of qtdb (q1c), ms", BOUNDARY_HEAD, other_rows())
    table("Many leads: ludb, QRS against the median of the annotations of all leads", *lead_rows(engine))

    annotated = [path for path in (data_folder() / "qtdb" / name for name in names("qtdb", True)) if _has_beats(path)]
    table(
        "Beats: qtdb, the records with annotated beats, first lead, within 150 ms",
        *beat_rows(score_folder(engine, annotated)),
    )

    veb = gross(ventricular_counts(scored).values())
    c = gross(s.whole.count for s in scored)
    figures = {
        "mitdb": {"Se": round(c.se, 3), "PPV": round(c.ppv, 3), "F1": round(c.f1, 3)},
        "mitdb_ventricular": {"Se": round(veb.se, 2), "PPV": round(veb.ppv, 2)},
        "qtdb": _card(by_record(list(first.values()))) | {"Se": float(found_share(np.concatenate([*first.values()])))},
        "ludb": _card(pooled(two.errors)) | {"Se": float(found_share(two.errors))},
        "ludb_waves": {
            f"{wave}_{part}_F1": round(two.waves[wave][0][k].f1, 2)
            for wave in ("P", "QRS", "T")
            for k, part in enumerate(("onset", "offset"))
        },
    }
    return tables, figures


def _has_beats(path: Path) -> bool:
    return path.with_suffix(".atr").is_file()


def other_rows() -> list[list[str]]:
    """Return how the second expert of qtdb and its automatic annotations differ from the first expert."""
    rows = []
    for annotation, name, validation in (
        ("q2c", "second expert (q2c)", None),
        ("pu0", "automatic, first lead (pu0), validation patients", True),
        ("pu1", "automatic, second lead (pu1), validation patients", True),
    ):
        one, two = qtdb_truth("q1c", validation), qtdb_truth(annotation, validation)
        errors = {record: nearest_errors(two[record], one[record], 250) for record in two if record in one}
        rows.append(_by_record(f"{name}: {len(errors)} records", errors))
    return rows


def _by_record(name: str, errors: dict[str, Array]) -> list[str]:
    return boundary_row(name, by_record(list(errors.values())), found_share(np.concatenate([*errors.values()])))


def _card(spread: Spread) -> dict[str, float]:
    return {
        f"{part}_{name}": round(float(getattr(spread, name)[k]), 2)
        for k, part in enumerate(("onset", "offset"))
        for name in ("mean", "sd")
    }


def evaluate_folder(engine: Engine, folder: Path, extension: str, qrs: Path | None) -> str:
    """Return the table of beats of every record of a folder that has a reference annotation.

    Raises
    ------
    ValueError
        If there is none.
    """
    scored = score_folder(engine, annotated_records(folder, extension), extension)
    if qrs:
        for s in scored:
            if s.found.beats:
                write_annotations(s.found.beats, s.name, "qrs", qrs, s.fs, boundaries=False)
    return markdown(*beat_rows(scored))


def main(
    folder: Annotated[
        Path | None, typer.Argument(help="WFDB records to score; default: the validation patients.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Model folder; default: the released one.")] = None,
    profile: Annotated[str, typer.Option(help="default, fast or careful.")] = "default",
    extension: Annotated[str, typer.Option(help="Of the reference annotation in FOLDER.")] = "atr",
    qrs: Annotated[Path | None, typer.Option(help="Also write .qrs files there, for bxb of the WFDB software.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write tables and figures to this JSON file.")] = None,
) -> None:
    """Print tables of beats, boundaries and waves."""
    with sentences():
        engine = load_engine(None, profile, model)
        if folder:
            typer.echo(evaluate_folder(engine, folder, extension, qrs))
            return
        tables, figures = measure(engine)
        for title, text in tables.items():
            typer.echo(f"\n{title}\n\n{text}")
        if out:
            out.write_text(json.dumps({"tables": tables, "figures": figures}, indent=1))


if __name__ == "__main__":
    typer.run(main)
