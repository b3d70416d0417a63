"""A day in one detector: the same recording again and again, accuracy and state by the hour."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
import wfdb
from rich.progress import track
from tabulate import tabulate

from models.data import data_folder
from streamer.cli import sentences
from streamer.detect import Event
from streamer.detect.pool import DetectorPool
from streamer.engine import Engine, load_engine
from streamer.sinks.annotations import final_beats
from tools.scoring import Cells, Count, gross, match, percent, read_reference

HOUR_S = 3600


@dataclass(frozen=True)
class Hour:
    """One hour of a long run.

    Attributes
    ----------
    count : Count
        Beats within 150 ms.
    h_norm, c_norm : float
        Mean Euclidean norm of the forward LSTM's state, every 10 s.
    """

    count: Count
    h_norm: float
    c_norm: float


def looped(engine: Engine, path: Path, hours: int) -> list[Hour]:
    """Run a recording's first lead again and again through one detector, without a break.

    Parameters
    ----------
    engine : Engine
    path : Path
        WFDB record with a `.atr` annotation.
    hours : int

    Returns
    -------
    list of Hour
    """
    record = wfdb.rdrecord(str(path), channels=[0])
    signal, reference = record.p_signal[:, :1], read_reference(path)
    pool = DetectorPool(engine)
    pool.add("", record.fs, ["lead"])
    rounds = round(hours * HOUR_S * record.fs / len(signal))
    events: list[Event] = []
    norms = []
    for _ in track(range(rounds), f"{hours} h of {path.name}", transient=True):
        states = []
        for piece in np.array_split(signal, round(len(signal) / record.fs / 10)):
            events += pool.push({"": (piece, None)})[""]
            arrays = pool.stream("").state()["arrays"]
            states.append([np.linalg.norm(arrays["network_h"]), np.linalg.norm(arrays["network_c"])])
        norms.append(np.mean(states, axis=0))
    turns = np.divmod([beat.peak for beat in final_beats(events)], len(signal))
    counts = [match(reference, turns[1][turns[0] == k], record.fs).count for k in range(rounds)]
    each = max(1, rounds // hours)
    return [
        Hour(gross(counts[k : k + each]), *np.mean(norms[k : k + each], axis=0).tolist())
        for k in range(0, rounds, each)
    ]


def drift_rows(hours: list[Hour]) -> tuple[list[str], Cells]:
    """Tabulate the hours."""
    head = ["hour", "missed", "invented", "Se %", "PPV %", "F1 %", "norm of h", "norm of c"]
    return head, [
        [k + 1, h.count.fn, h.count.fp, *percent(h.count), f"{h.h_norm:.4f}", f"{h.c_norm:.4f}"]
        for k, h in enumerate(hours)
    ]


def main(
    record: Annotated[str, typer.Option(help="Of mitdb.")] = "119",
    hours: Annotated[int, typer.Option(min=2)] = 24,
    model: Annotated[Path | None, typer.Option(help="Model folder; default: the released one.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the table to this JSON file.")] = None,
) -> None:
    """Print a table by the hour."""
    with sentences():
        head, rows = drift_rows(looped(load_engine("numba", "default", model), data_folder() / "mitdb" / record, hours))
        shown = [*rows[:2], ["..."] + [""] * (len(head) - 1), *rows[-2:]]
        table = tabulate(shown, head, tablefmt="github", disable_numparse=True)
        typer.echo(table)
        if out:
            title = f"{hours} hours: mitdb {record}, first lead, looped through one detector"
            out.write_text(json.dumps({"tables": {title: table}}, indent=1))


if __name__ == "__main__":
    typer.run(main)
