"""Calibrate the scores of beats, that one is a beat and that it is ventricular: `python -m models.beats MODEL`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
import wfdb
from numpy.typing import NDArray
from rich.progress import track
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from wfdb.processing import Comparitor

from models.data import NOT_VENTRICULAR, VENTRICULAR, beats, data_folder, names, noises
from models.export import write_card
from models.stress import stressed
from streamer.detect import Detector
from streamer.engine import Engine, load_engine
from streamer.engine.card import log_odds
from streamer.sinks.annotations import final_beats

NOISE_DB = (12.0, 6.0, 0.0)
QUIET_S = 60
WINDOW_S = 0.15


@dataclass(frozen=True)
class Scores:
    """Detections in one record, and what is true of them.

    Attributes
    ----------
    record : str
    score, ventricular : ndarray of float64
        As the network gives them.
    real, of_type : ndarray of float64
        1 if it is an annotated beat, and a ventricular one, else 0; the latter NaN where the annotation does not say.
    """

    record: str
    score: NDArray[np.float64]
    ventricular: NDArray[np.float64]
    real: NDArray[np.float64]
    of_type: NDArray[np.float64]


def heard() -> Iterator[tuple[str, NDArray[np.float64], float]]:
    """Yield the first leads of mitdb, clean and with each noise at a level drawn from 12, 6 and 0 dB."""
    random = np.random.default_rng(0)
    for validation in (False, True):
        every = noises(validation)
        for name in names("mitdb", validation):
            record = wfdb.rdrecord(str(data_folder() / "mitdb" / name), channels=[0])
            clean = record.p_signal[:, 0]
            samples, types = beats("mitdb", name)
            normal = samples[np.isin(types, ["N", "L", "R", "/"])]
            yield name, clean, record.fs
            for noise in every.values():
                level = float(random.choice(NOISE_DB))
                yield name, stressed(clean, record.fs, normal, noise[:, 0], level, QUIET_S), record.fs


def score(engine: Engine, name: str, signal: NDArray[np.float64], fs: float) -> Scores:
    """Detect, and say of each detection what is true."""
    detector = Detector(fs, ["lead"], engine=engine)
    found = final_beats(detector.push(signal) + detector.flush())
    samples, types = beats("mitdb", name)
    matched = Comparitor(samples, np.array([round(beat.peak) for beat in found]), int(WINDOW_S * fs))
    matched.compare()
    real, of_type = np.zeros(len(found)), np.full(len(found), np.nan)
    for kind, index in zip(types, matched.matching_sample_nums, strict=True):
        if index >= 0:
            real[index] = 1.0
            of_type[index] = 1.0 if kind in VENTRICULAR else 0.0 if kind in NOT_VENTRICULAR else np.nan
    return Scores(
        name, np.array([b.confidence for b in found]), np.array([b.ventricular for b in found]), real, of_type
    )


@dataclass(frozen=True)
class Calibration:
    """A logistic model, and what it says of each patient when it was fitted to the others.

    Attributes
    ----------
    slope, bias : float
    told, truth : ndarray of float64
        Probabilities and what is true.
    """

    slope: float
    bias: float
    told: NDArray[np.float64]
    truth: NDArray[np.float64]


def calibrate(scores: NDArray[np.float64], truth: NDArray[np.float64], patients: NDArray[np.str_]) -> Calibration:
    """Fit a logistic model to scores (Platt 1999)."""
    odds = np.array([[log_odds(s)] for s in scores])
    model = LogisticRegression()
    told = cross_val_predict(model, odds, truth, groups=patients, cv=LeaveOneGroupOut(), method="predict_proba")[:, 1]
    model.fit(odds, truth)
    return Calibration(float(model.coef_[0, 0]), float(model.intercept_[0]), told, truth)


def fit(folder: Path) -> dict[str, Calibration]:
    """Calibrate a model and write what was found to its card.

    Parameters
    ----------
    folder : Path
        Model folder; changed.

    Returns
    -------
    dict of Calibration
        `confidence` and `ventricular`.
    """
    card = json.loads((folder / "card.json").read_text()) | {"confidence": None, "ventricular": None}
    write_card(folder, card)
    engine = load_engine("numba", "default", folder)
    every = [score(engine, *piece) for piece in track(list(heard()), "calibration", transient=True)]
    patients = np.concatenate([[s.record] * len(s.score) for s in every])
    real, of_type = np.concatenate([s.real for s in every]), np.concatenate([s.of_type for s in every])
    known = ~np.isnan(of_type)
    result = {
        "confidence": calibrate(np.concatenate([s.score for s in every]), real, patients),
        "ventricular": calibrate(
            np.concatenate([s.ventricular for s in every])[known], of_type[known], patients[known]
        ),
    }
    write_card(folder, card | {name: {"slope": c.slope, "bias": c.bias} for name, c in result.items()})
    return result


def main(model: Annotated[Path, typer.Argument(help="Model folder; its card is changed.")]) -> None:
    """Calibrate the scores of beats."""
    for name, c in fit(model).items():
        typer.echo(f"{name}: slope {c.slope:.3f}, bias {c.bias:.3f}")


if __name__ == "__main__":
    typer.run(main)
