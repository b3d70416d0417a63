"""The tables of `docs/gallery.md`."""

from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from models.architecture import Size
from models.data import QRS
from models.gallery.design import Design
from models.gallery.records import CLASSES, Records
from models.gallery.scoring import score
from models.gallery.stretches import stretches
from models.gallery.tasks import OneBeat
from models.validate import crossings, merged, probabilities
from streamer.engine import Engine

Results = dict[str, dict[str, Any]]
RELEASED = "**the released streaming model**"
QRS_HEAD = ["design", "beats", "Se, %", "PPV, %", "onset, ms", "offset, ms"]


def released(engine: Engine) -> dict[str, Any]:
    """Return what a result says of the released model, scored alike."""
    source = stretches(True)
    figures = {
        name: score(
            lambda stretch: crossings(merged(probabilities(engine, stretch.signal.T)[0])[:, QRS]),
            [s for s in source if s.name.startswith(f"{name}/")],
        )
        for name in ("qtdb", "ludb")
    }
    segment = engine.segment
    return {
        "parameters": engine.card.parameters,
        "megaflops": Size().megaflops(segment),
        "delay": f"{4 * (segment.hop + segment.right_context)} ms",
        "figures": figures,
    }


def tables(
    shown: Sequence[Design], tries: Sequence[Design], results: Results, streaming: dict[str, Any]
) -> dict[str, str]:
    """Return each table as text, by title.

    Parameters
    ----------
    shown, tries : sequence of Design
        Those with a row and a picture, and the changes tried one at a time.
    results : dict
        What `train` returned, by name.
    streaming : dict
        What `released` returned.
    """
    positions = [design for design in shown if isinstance(design.task, OneBeat)]
    records = [design for design in shown if isinstance(design.task, Records)]
    finders = [design for design in shown if design not in positions and design not in records]
    recordings = {}
    for database in ("qtdb", "ludb"):
        rows = [
            _qrs(design.title, results[design.name]["figures"][database])
            for design in finders
            if database in results[design.name]["figures"]
        ]
        rows.append(_qrs(RELEASED, streaming["figures"][database]))
        recordings[f"QRS complexes in the recordings of {database}, validation patients"] = markdown(QRS_HEAD, rows)
    return {
        "What each costs": markdown(
            ["design", "parameters", "training, min", "MFLOP a second of ECG", "streams, with a delay of"],
            [_cost(design, results[design.name]) for design in shown] + [_cost_of_released(streaming)],
        ),
        "Positions in windows of one beat, validation patients": markdown(
            [
                "design",
                "database",
                "beats",
                "onset, ms",
                "offset, ms",
                "onset, if the mean is always told",
                "explained",
            ],
            [
                _position(design.title, database, figures)
                for design in positions
                for database, figures in results[design.name]["figures"].items()
            ],
        ),
        **recordings,
        "Rhythm of whole recordings (cinc2017), validation patients: F1, %": markdown(
            ["design", "recordings", *CLASSES, "mean of N, A, O", "accuracy, %"],
            [_record(design.title, results[design.name]["figures"]["cinc2017"]) for design in records],
        ),
        f"One change at a time, {tries[0].steps} batches each (qtdb)": markdown(
            ["change", "parameters", "training, min", *QRS_HEAD[2:]],
            [_try(design.title, results[design.name]) for design in tries],
        ),
    }


def markdown(head: Sequence[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    return tabulate(rows, head, tablefmt="github", disable_numparse=True)


def _try(title: str, result: dict[str, Any]) -> list[str]:
    minutes = f"{result['seconds'] / 60:.1f}"
    return [title, f"{result['parameters']:,}", minutes, *_qrs(title, result["figures"]["qtdb"])[2:]]


def _error(figures: dict[str, float], point: str) -> str:
    return f"{figures[f'{point}_mean']:+.1f} ± {figures[f'{point}_sd']:.1f}"


def _qrs(title: str, figures: dict[str, float]) -> list[str]:
    shares = [f"{figures['se']:.2f}", f"{figures['ppv']:.2f}"]
    return [title, f"{figures['beats']:.0f}", *shares, _error(figures, "onset"), _error(figures, "offset")]


def _position(title: str, database: str, figures: dict[str, float]) -> list[str]:
    errors = [_error(figures, "onset"), _error(figures, "offset"), f"± {figures['constant_sd']:.1f}"]
    return [title, database, f"{figures['beats']:.0f}", *errors, f"{figures['explained']:.0f} %"]


def _record(title: str, figures: dict[str, float]) -> list[str]:
    f1 = [f"{figures[f'f1_{name}']:.1f}" for name in CLASSES]
    return [title, f"{figures['records']:.0f}", *f1, f"{figures['f1']:.1f}", f"{figures['accuracy']:.1f}"]


def _cost(design: Design, result: dict[str, Any]) -> list[str]:
    minutes, cost = f"{result['seconds'] / 60:.1f}", f"{result['megaflops']:.1f}"
    return [design.title, f"{result['parameters']:,}", minutes, cost, design.task.delay]


def _cost_of_released(streaming: dict[str, Any]) -> list[str]:
    cost = f"{streaming['megaflops']:.1f}"
    return [
        RELEASED,
        f"{streaming['parameters']:,}",
        "see training.md",
        cost,
        streaming["delay"],
    ]
