"""Measure the rhythms of a model, streaming, on the validation patients: `make evaluate-rhythm`."""

import json
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from multiprocessing import Pool
from pathlib import Path
from typing import Annotated
from unittest.mock import patch

import numpy as np
import typer
import wfdb
from rich.progress import track

from models.data import data_folder, names
from models.rhythm.data import RR_VALIDATION, reference
from streamer.cli import sentences
from streamer.detect import Detector
from streamer.detect.rhythm import course
from streamer.detect.rhythm.features import FEATURES
from streamer.detect.rhythm.record import RECORD_CLASSES, RecordClassifier
from streamer.engine import Engine, load_engine
from tools.joined import follow_joined
from tools.rhythm import (
    Followed,
    Found,
    Times,
    as_definition,
    challenge_f1,
    confusion,
    follow_beats,
    follow_signal,
    with_told,
)
from tools.rhythm_peers import openecg_windows, rr_rule
from tools.scoring import Cells, annotated_records, markdown

LABELS = ("N", "AFIB", "AFL", "SVTA", "VT", "VF", "B", "T", "P", "NOISE", "OTHER")
OTHERS = ("B", "T", "VT", "P", "AFL")
STEADINESS = (0.3, 0.15, 0.1, 0.05)
COST_STREAMS, COST_BEATS_A_SECOND, COST_ROUNDS = 128, 1.2, 200


def numbers(times: Times) -> list[str]:
    """Return Se, PPV and Sp as cells."""
    return [f"{value:.2f}" if np.isfinite(value) else "" for value in (times.se, times.ppv, times.sp)]


def summed(records: Sequence[Followed], label: str, live: bool, pardoned: str | None = None) -> Times:
    """Add the times of all records up."""
    times = Times()
    for record in records:
        times.add(record, label, live, pardoned)
    return times


def counted(records: Sequence[Followed], label: str, shortest_s: float = 10.0) -> Found:
    """Add the episodes of all records up."""
    found = Found()
    for record in records:
        found.add(record, label, shortest_s)
    return found


def duration_rows(groups: dict[str, list[Followed]]) -> tuple[list[str], Cells]:
    """Return AF by duration: by record, and gross."""
    rows = []
    for title, records in groups.items():
        some = [(r.name, [r]) for r in records if summed([r], "AFIB", False).annotated]
        for name, group in [*some, (f"**{title}, gross**", records)]:
            since, live = summed(group, "AFIB", False, "AFL"), summed(group, "AFIB", True, "AFL")
            strict = summed(group, "AFIB", False)
            whole = f"{since.whole / 3600:.1f} h"
            rows.append(
                [
                    name,
                    whole,
                    f"{since.annotated / 3600:.2f} h",
                    *numbers(since),
                    *numbers(live)[:2],
                    numbers(strict)[1],
                ]
            )
    head = ["record", "length", "AF", "Se %", "PPV %", "Sp %", "live: Se %", "PPV %", "AFL as not AF: PPV %"]
    return head, rows


def quantile(values: Sequence[float], q: float) -> str:
    """Return a quantile as a cell."""
    return f"{np.quantile(values, q):.1f}" if len(values) else ""


def episode_rows(groups: dict[str, list[Followed]]) -> tuple[list[str], Cells]:
    """Return AF by episode."""
    rows = []
    for title, records in groups.items():
        found = counted(records, "AFIB")
        asked = f"{found.found} of {found.annotated}" if found.annotated else ""
        rows.append(
            [title, f"{found.hours:.1f}", asked, len(found.delays), quantile(found.delays, 0.5),
             quantile(found.delays, 0.9), found.false, f"{24 * found.false / found.hours:.2f}"]
        )  # fmt: skip
    head = ["records", "hours", "episodes of 10 s found", "onsets", "delay, s: median", "90th percentile",
            "false episodes", "in 24 h"]  # fmt: skip
    return head, rows


def other_rows(records: Sequence[Followed], flutter: Sequence[Followed]) -> tuple[list[str], Cells]:
    """Return the other rhythms, by episode and by duration; runs and fibrillation by definition too."""
    rows = []

    def row(title: str, label: str, some: Sequence[Followed]) -> None:
        found, times = counted(some, label, 0.0), summed(some, label, False)
        rows.append(
            [title, f"{found.found} of {found.annotated}", quantile(found.delays, 0.5),
             f"{found.false / found.hours:.1f}", *numbers(times)[:2]]
        )  # fmt: skip

    for label in OTHERS:
        row(label, label, records)
    row("VT, by the definition `ventricular_run`", "VT", [as_definition(r, "ventricular_run", "VT") for r in records])
    row("VF, by the definition `fibrillation`", "VF", flutter)
    head = ["rhythm", "episodes found", "delay, s: median", "false an hour", "Se % of time", "PPV % of time"]
    return head, rows


def confusion_rows(records: Sequence[Followed]) -> tuple[list[str], Cells]:
    """Return minutes of each annotated rhythm by what was told."""
    table = confusion(records, LABELS) / 60
    rows = [[name, *(f"{value:.1f}" for value in row)] for name, row in zip(LABELS, table, strict=True) if row.sum()]
    return ["annotated", *LABELS, "unknown"], rows


_engine: Engine | None = None


def _begin(folder: Path | None) -> None:
    global _engine
    _engine = load_engine("numba", "default", folder)


def _classify(name: str) -> dict[str, float]:
    assert _engine
    record = wfdb.rdrecord(str(data_folder() / "cinc2017" / name))
    detector = Detector(record.fs, ["lead"], engine=_engine)
    return RecordClassifier(_engine.model.folder)(detector.push(record.p_signal) + detector.flush(), record.fs)


def classify_challenge(folder: Path | None) -> tuple[list[str], list[str]]:
    """Return annotated and told classes of the validation records of cinc2017."""
    chosen = names("cinc2017", True)
    with Pool(2, _begin, (folder,)) as pool:
        told = list(track(pool.imap(_classify, chosen, 16), "cinc2017", len(chosen), transient=True))
    real = reference()
    return [real[name] for name in chosen], [max(p, key=p.__getitem__) for p in told]


def challenge_rows(real: Sequence[str], told: Sequence[str]) -> tuple[list[str], Cells]:
    """Return F1 and the confusion of the classes of cinc2017."""
    f1 = challenge_f1(real, told)
    rows: list[list[str]] = []
    for name in RECORD_CLASSES:
        counts = [sum(a == name and b == other for a, b in zip(real, told, strict=True)) for other in RECORD_CLASSES]
        rows.append([name, *map(str, counts), f"{f1[name]:.3f}"])
    rows.append(["mean of N, A, O", "", "", "", "", f"{f1['F1']:.3f}"])
    return ["annotated", *(f"told {name}" for name in RECORD_CLASSES), "F1"], rows


def peer_rows(groups: dict[str, list[Followed]]) -> tuple[list[str], Cells]:
    """Return AF by duration, live, of this detector and of others on the same records."""
    rows = []
    rules: dict[str, Callable[[Followed, str], Followed | None]] = {
        "RR rule (COSEn of 12, Lake and Moorman 2011)": _by_rr_rule,
    }
    if find_spec("openecg"):
        rules["OpenECG `is_afib`, last 10 s, every 5 s"] = _by_openecg
    for title, records in groups.items():
        every = {"qrstream": list(records)}
        for name, rule in rules.items():
            told = [rule(record, title) for record in records]
            if all(told):
                every[name] = [record for record in told if record]
        for name, some in every.items():
            times, found = summed(some, "AFIB", True, "AFL"), counted(some, "AFIB")
            rows.append([title, name, *numbers(times), quantile(found.delays, 0.5), found.false])
    return ["records", "by", "Se %", "PPV %", "Sp %", "delay, s: median", "false episodes"], rows


def _by_rr_rule(record: Followed, title: str) -> Followed | None:
    return with_told(record, rr_rule(record.peaks, record.fs))


def _by_openecg(record: Followed, title: str) -> Followed | None:
    if "mitdb" not in title:
        return None
    signal = wfdb.rdrecord(str(data_folder() / "mitdb" / record.name), channels=[0]).p_signal[:, 0]
    return with_told(record, openecg_windows(signal, record.fs))


def cost_rows(engine: Engine) -> tuple[list[str], Cells]:
    """Return parameters of both networks, and their time for a second of one lead of many streams, in one run."""
    card, rhythm = engine.card, engine.card.rhythm
    assert rhythm
    hop = engine.segment.hop
    samples = np.random.default_rng(0).normal(0, 1, (COST_STREAMS, hop)).astype(np.float32)
    rows = np.zeros((COST_STREAMS, 1, len(FEATURES)), np.float32)
    state, silent = engine.initial(COST_STREAMS), engine.initial_rhythm()
    assert silent
    follow = type(silent)(*(np.repeat(x, COST_STREAMS, axis=0) for x in silent))
    times: dict[str, list[float]] = {"segmentation": [], "rhythm": []}
    for _ in range(COST_ROUNDS):
        begin = time.perf_counter()
        engine.run(samples, state)
        middle = time.perf_counter()
        engine.follow(rows, follow)
        times["segmentation"].append(middle - begin)
        times["rhythm"].append(time.perf_counter() - middle)
    a_second = {
        "segmentation": np.median(times["segmentation"]) / COST_STREAMS * 250 / hop,
        "rhythm": np.median(times["rhythm"]) / COST_STREAMS * COST_BEATS_A_SECOND,
    }
    share = a_second["rhythm"] / a_second["segmentation"]
    table = [["segmentation", card.parameters, ""], ["rhythm", rhythm.parameters, f"{100 * share:.1f} %"]]
    return ["network", "parameters", "its time, of the segmentation's"], table


def steadiness_rows(engine: Engine) -> tuple[list[str], Cells]:
    """Return how late and how often wrongly AF is told with other rates at which a lasting rhythm is believed."""
    rows = []
    for rate in STEADINESS:
        with patch.object(course, "SLOWLY", rate):
            every = records_of(engine)
            _, afdb, normal = every.values()
            onsets = counted([record for records in every.values() for record in records], "AFIB")
        times, false = summed(afdb, "AFIB", False, "AFL"), counted(normal, "AFIB")
        chosen = " (chosen)" if rate == course.SLOWLY else ""
        rows.append(
            [f"{rate:g}{chosen}", quantile(onsets.delays, 0.5), quantile(onsets.delays, 0.9), *numbers(times)[:2],
             f"{24 * false.false / false.hours:.2f}"]
        )  # fmt: skip
    head = ["rate, by beat", "delay, s: median", "90th percentile", "afdb_rr: Se %", "PPV %",
            "nsr2db_rr: false episodes in 24 h"]  # fmt: skip
    return head, rows


def records_of(engine: Engine) -> dict[str, list[Followed]]:
    """Run the detector over the validation patients."""
    data = data_folder()
    rr = {name: [path.stem for path in sorted((data / name).glob("*.hea")) if rule(path.stem)]
          for name, rule in RR_VALIDATION.items()}  # fmt: skip
    return {
        "mitdb, first lead": [follow_signal(engine, data / "mitdb" / name) for name in names("mitdb", True)],
        "afdb_rr, RR alone": [follow_beats(engine, data / "afdb_rr" / name, 250, "qrs") for name in rr["afdb_rr"]],
        "nsr2db_rr, RR alone": [
            follow_beats(engine, data / "nsr2db_rr" / name, 128, "ecg", None) for name in rr["nsr2db_rr"]
        ],
    }


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

    every = records_of(engine)
    joined = follow_joined(engine)
    mitdb, afdb, normal = every.values()
    with_af = {title: records for title, records in every.items() if records is not normal}
    table("Atrial fibrillation by duration", *duration_rows(with_af))
    without = [record for record in mitdb if not summed([record], "AFIB", False).annotated]
    table(
        "Atrial fibrillation by episode",
        *episode_rows(
            {
                **with_af,
                "nsr2db_rr, RR alone": normal,
                "mitdb, patients without AF": without,
                "cinc2017, N joined to A": joined,
            }
        ),
    )
    table("What steadiness costs: atrial fibrillation", *steadiness_rows(engine))
    table("Beside other ways: atrial fibrillation by duration, live", *peer_rows(every))
    table(
        "Other rhythms: mitdb, first lead (fibrillation of the ventricles: record 207)",
        *other_rows(mitdb, [follow_signal(engine, data_folder() / "mitdb" / "207")]),
    )
    table("Minutes of each rhythm by what was told: mitdb, first lead", *confusion_rows(mitdb))
    real, told = classify_challenge(engine.model.folder)
    table(f"Classes of whole recordings: cinc2017, {len(real)} recordings", *challenge_rows(real, told))
    table("Cost, 128 streams together", *cost_rows(engine))

    figures = {}
    for name, records in (("mitdb_AFIB", mitdb), ("afdb_rr_AFIB", afdb)):
        times, found = summed(records, "AFIB", False, "AFL"), counted(records, "AFIB")
        figures[name] = {
            "Se": round(times.se, 2),
            "PPV": round(times.ppv, 2),
            "delay_median_s": round(float(np.median(found.delays)), 1),
        }
    quiet = counted(normal, "AFIB")
    figures["nsr2db_rr_false_AFIB"] = {"episodes_in_24_h": round(24 * quiet.false / quiet.hours, 2)}
    figures["cinc2017_F1"] = {name: round(value, 3) for name, value in challenge_f1(real, told).items()}
    return tables, figures


def measure_folder(engine: Engine, folder: Path, extension: str) -> dict[str, str]:
    """Return tables of the rhythms of every record of a folder that has a reference annotation: title to Markdown.

    Raises
    ------
    ValueError
        If there is none.
    """
    paths = annotated_records(folder, extension)
    every = [follow_signal(engine, path, 0, extension) for path in track(paths, "records", transient=True)]
    groups = {f"{folder.name}, first lead": every}
    tables = {
        "Atrial fibrillation by duration": duration_rows(groups),
        "Atrial fibrillation by episode": episode_rows(groups),
        "Other rhythms": other_rows(every, every),
        "Minutes of each rhythm by what was told": confusion_rows(every),
    }
    return {title: markdown(*table) for title, table in tables.items()}


def main(
    folder: Annotated[
        Path | None, typer.Argument(help="WFDB records with rhythm annotations; default: the validation patients.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Model folder; default: the released one.")] = None,
    extension: Annotated[str, typer.Option(help="Of the reference annotation in FOLDER.")] = "atr",
    out: Annotated[Path | None, typer.Option(help="Also write tables and figures to this JSON file.")] = None,
) -> None:
    """Print tables of rhythms."""
    with sentences():
        engine = load_engine("numba", "default", model)
        tables, figures = (measure_folder(engine, folder, extension), {}) if folder else measure(engine)
        for title, text in tables.items():
            typer.echo(f"\n{title}\n\n{text}")
        if out:
            out.write_text(json.dumps({"tables": tables, "figures": figures}, indent=1))


if __name__ == "__main__":
    typer.run(main)
