"""One class for a whole short recording, from its events: normal, atrial fibrillation, other rhythm, or too noisy.

The classes are those of the PhysioNet/CinC Challenge 2017 (Clifford et al. 2017). A gradient boosting of trees over
statistics of the beats decides; it needs the end of the recording, so it is told by `qrstream detect` and not live.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamer.detect.events import Beat, Event, Waves

RECORD_FILE = "record.onnx"
RECORD_CLASSES = ("N", "A", "O", "~")
FEWEST = 4  # beats; with less a recording is noise
SERIES = (
    "rr", "rr_change", "rr_of_mean", "ventricular", "width", "confidence", "p", "p_score", "pr", "p_likelihood",
    "qrs_correlation", "atrial_correlation", "qrs_power", "atrial_power", "t", "qt", "quality",
)  # fmt: skip
STATISTICS = 5  # of each series: mean, SD, 5th, 50th and 95th percentile
ALIKE_S = 0.05
NAN = float("nan")


def describe(events: Sequence[Event], fs: float) -> NDArray[np.float32] | None:
    """Return the statistics that the class is decided by.

    Parameters
    ----------
    events : sequence of Event
        Of the whole recording.
    fs : float
        Of the feed, Hz.

    Returns
    -------
    ndarray of float32, or None
        None with too few beats.
    """
    beats = {event.beat: event for event in events if isinstance(event, Beat)}
    waves = {event.beat: event for event in events if isinstance(event, Waves)}
    kept = [(beats[k], waves[k]) for k in sorted(beats) if k in waves]
    rr = np.array([beat.rr_ms for beat, _ in kept if beat.rr_ms is not None]) / 1000
    if len(kept) < FEWEST or len(rr) < FEWEST - 1:
        return None
    series = np.array([_of_beat(beat, about, fs) for beat, about in kept], np.float64)
    change = np.full(len(kept), NAN)
    change[1:] = np.diff(np.log(series[:, 0]))
    mean = np.nanmedian(series[:, 0])
    series = np.column_stack([np.log(series[:, 0]), np.abs(change), series[:, 0] / mean, series[:, 1:]])
    assert series.shape[1] == len(SERIES)
    parts = [np.array([len(kept), (kept[-1][0].peak - kept[0][0].peak) / fs])]
    parts += [_statistics(column) for column in series.T]
    parts += [_intervals(rr), _exceptions(series)]
    return np.concatenate(parts).astype(np.float32)


def _of_beat(beat: Beat, about: Waves, fs: float) -> list[float]:
    evidence = about.evidence

    def known(value: float | None) -> float:
        return NAN if value is None else value

    return [
        known(beat.rr_ms) / 1000,
        known(beat.ventricular),
        1000 * (beat.offset - beat.onset) / fs,
        beat.confidence,
        float(about.p is not None),
        about.p.confidence if about.p else 0.0,
        known(about.pr_ms),
        evidence.p_likelihood,
        known(evidence.qrs_correlation),
        known(evidence.atrial_correlation),
        evidence.qrs_power,
        evidence.atrial_power,
        float(about.t is not None),
        known(about.qt_ms),
        evidence.quality,
    ]


def _statistics(column: NDArray[np.float64]) -> NDArray[np.float64]:
    there = column[np.isfinite(column)]
    if not len(there):
        return np.full(STATISTICS, NAN)
    return np.array([there.mean(), there.std(), *np.percentile(there, [5, 50, 95])])


def _intervals(rr: NDArray[np.float64]) -> NDArray[np.float64]:
    """How irregular the RR intervals (s) are, with and without those that are far from the usual."""
    usual = float(np.median(rr))
    changes = np.diff(rr)
    near = rr[(rr > 0.8 * usual) & (rr < 1.2 * usual)]
    apart = np.abs(rr[:, None] - rr)
    others = ~np.eye(len(rr), dtype=bool)
    pairs = np.maximum(apart[:-1, :-1], apart[1:, 1:])
    alike = np.mean((apart < ALIKE_S) & others)
    alike_after = np.mean((pairs < ALIKE_S) & others[1:, 1:])
    histogram = np.histogram(changes / rr.mean(), np.linspace(-0.5, 0.5, 13))[0] / len(changes)
    with np.errstate(invalid="ignore", divide="ignore"):
        turning = np.corrcoef(rr[:-1], rr[1:])[0, 1] if len(rr) > FEWEST else NAN
    return np.array(
        [
            rr.mean(),
            rr.std(),
            np.mean(np.abs(changes)) / rr.mean(),
            np.median(np.abs(changes)) / usual,
            np.percentile(np.abs(changes), 90) / rr.mean(),
            np.mean(np.abs(changes) > ALIKE_S),
            rr.min(),
            rr.max(),
            turning,
            np.mean(rr < 0.85 * usual),
            np.sum(rr < 0.85 * usual),
            np.mean(rr > 1.15 * usual),
            np.std(near) / usual,
            np.mean(np.abs(np.diff(near))) / usual if len(near) > 1 else NAN,
            alike,
            alike_after,
            np.log((alike_after + 1e-3) / (alike + 1e-3)),
            -np.sum(histogram * np.log(histogram + 1e-9)),
        ]
    )


def _exceptions(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many beats are ventricular, unlike the others, or show a P, and what the most unlike are."""
    column = {name: series[:, k] for k, name in enumerate(SERIES)}
    ventricular = np.sort(np.nan_to_num(column["ventricular"]))
    like = np.sort(column["qrs_correlation"][np.isfinite(column["qrs_correlation"])])
    like = np.concatenate([like, [1.0, 1.0]])
    quality = np.convolve(column["quality"], np.ones(3) / 3, "valid")
    return np.array(
        [
            np.sum(ventricular > 0.3),
            np.sum(ventricular > 0.5),
            *ventricular[-2:],
            np.sum(like < 0.5),
            np.sum(like < 0.8),
            *like[:2],
            np.mean(column["p_likelihood"] > 0.3),
            np.mean(column["p_likelihood"] > 0.6),
            quality.min(),
        ]
    )


class RecordClassifier:
    """Decides the class of a recording.

    Parameters
    ----------
    folder : Path
        Model folder with `record.onnx`.
    """

    def __init__(self, folder: Path) -> None:
        from streamer.engine.onnx import open_session

        self._session = open_session(folder / RECORD_FILE)

    def __call__(self, events: Sequence[Event], fs: float) -> dict[str, float]:
        """Return the probability of each class.

        Parameters
        ----------
        events : sequence of Event
            Of the whole recording.
        fs : float
            Of the feed, Hz.

        Returns
        -------
        dict
            Class to probability.
        """
        row = describe(events, fs)
        if row is None:
            return dict(zip(RECORD_CLASSES, (0.0, 0.0, 0.0, 1.0), strict=True))
        probabilities = self._session.run(["probabilities"], {"rows": row[None]})[0][0]
        return dict(zip(RECORD_CLASSES, map(float, probabilities), strict=True))
