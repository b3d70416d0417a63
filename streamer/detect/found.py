"""What the decoder has found, as plain values: the rows of its arrays, field by field."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Heard(NamedTuple):
    """A record of `EVIDENCE_DTYPE`."""

    score: float
    ventricular: float
    p_likely: float
    like: float
    atrial_like: float
    atrial_power: float
    height: float
    compared: int
    quality: float
    heard: float


class Find(NamedTuple):
    """A record of `FOUND_DTYPE`."""

    kind: int
    beat: int
    revision: int
    decided: int
    onset: float
    peak: float
    offset: float
    score: float
    ventricular: float
    flags: int
    silent: int
    report: int
    fibrillating: int
    evidence: Heard


class Measured(NamedTuple):
    """A record of `WAVE_DTYPE`."""

    onset: float
    peak: float
    offset: float
    score: float
    found: int


class Telling(NamedTuple):
    """A record of `TOLD_DTYPE`."""

    beat: int
    revision: int
    decided: int
    qrs_onset: float
    qrs_offset: float
    p: Measured
    t: Measured
    evidence: Heard


class Found(NamedTuple):
    """What was found of a job.

    Attributes
    ----------
    job : int
    finds : list of Find
    qualities : list of list of float
        Of each find and lead.
    lead_flags : list of list of int
    tellings : list of Telling
    """

    job: int
    finds: list[Find]
    qualities: list[list[float]]
    lead_flags: list[list[int]]
    tellings: list[Telling]


def finds(records: NDArray[np.void]) -> list[Find]:
    """Return records of `FOUND_DTYPE` as plain values."""
    rows: list[Any] = records.tolist()
    return [Find._make((*row[:-1], Heard._make(row[-1]))) for row in rows]


def tellings(records: NDArray[np.void]) -> list[Telling]:
    """Return records of `TOLD_DTYPE` as plain values."""
    rows: list[Any] = records.tolist()
    return [
        Telling._make((*row[:-3], Measured._make(row[-3]), Measured._make(row[-2]), Heard._make(row[-1])))
        for row in rows
    ]
