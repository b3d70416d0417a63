"""Batches of many beats' courses: records in a row, their states carried."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.rhythm.data import CLASSES, NOT_AF, Beats, bits
from streamer.detect.rhythm.features import FEATURES, RHYTHM

STREAMS, STEPS = 128, 48
SHARES = {
    "cinc2017": 0.28, "joined": 0.08, "mitdb": 0.18, "ludb": 0.04, "afdb_rr": 0.2, "nsr2db_rr": 0.09, "synthetic": 0.13,
}  # fmt: skip
RESET = 0.05  # chance that a stream begins another record before its own ends,
JOIN = 0.5  # and that the state goes over to the next record, as if the rhythm had changed
LONE = 0.25  # of the streams with signals have their RR intervals alone
FIRST = 8  # beats before a record's class is asked for
AFIB = CLASSES.index("AFIB")
JITTER, PATIENT = 0.05, 0.12  # noise of every beat's morphology, and what is added to all of a stream's


@dataclass(frozen=True)
class Batch:
    """What a training step reads.

    Attributes
    ----------
    rows : ndarray of float32, shape (STREAMS, STEPS, features)
    meant : ndarray of float32, shape (STREAMS, STEPS, classes)
        1 for each rhythm that is allowed.
    weight : ndarray of float32, shape (STREAMS, STEPS)
    record, record_weight : ndarray, shape (STREAMS, STEPS)
        Class of the record, and how much it counts.
    keep : ndarray of float32, shape (STREAMS, 1)
        1 where the state is carried over from the batch before.
    """

    rows: NDArray[np.float32]
    meant: NDArray[np.float32]
    weight: NDArray[np.float32]
    record: NDArray[np.int32]
    record_weight: NDArray[np.float32]
    keep: NDArray[np.float32]


class Slot:
    """One training stream."""

    def __init__(self) -> None:
        self.beats: Beats | None = None
        self.position = self.begun = 0
        self.whole = False  # whether the state began with the record
        self.masked = False
        self.shift = 0.0
        self.patient = np.zeros(len(FEATURES) - len(RHYTHM) - 1)


class Batches:
    """Draws batches.

    Parameters
    ----------
    every : list of Beats

    Attributes
    ----------
    balance : ndarray of float64, shape (classes,)
        Weight of each rhythm in the loss: rare ones count more.
    """

    def __init__(self, every: list[Beats]) -> None:
        self._random = np.random.default_rng()
        self._slots: list[Slot] = []
        self._groups = {database: self._by_class(database, every) for database in SHARES}
        counts = np.zeros(len(CLASSES))
        for database, share in SHARES.items():
            total = np.zeros(len(CLASSES))
            steps = 0
            for group in self._groups[database]:
                for beats in group:
                    sure = beats.meant.sum(axis=1) == 1
                    total += beats.meant[sure].sum(axis=0)
                    steps += len(beats.at)
            counts += share * total / max(1, steps)
        self.balance = np.clip((0.2 / (counts + 1e-3)) ** 0.5, 0.7, 4.0)

    def _by_class(self, database: str, every: list[Beats]) -> list[list[Beats]]:
        """Group the records that are drawn equally often: those of a patient, or of a class of cinc2017 and ludb."""
        groups: dict[object, list[Beats]] = {}
        for beats in every:
            if beats.name.startswith(database + "/") and len(beats.at) > 10:
                key: object = beats.name.split("/")[1]
                if database == "cinc2017":
                    key = beats.record
                elif database == "ludb":
                    key = bytes(beats.meant[0])
                groups.setdefault(key, []).append(beats)
        return list(groups.values())

    def _turn(self, slot: Slot) -> bool:
        """Let a stream go on with another record; return whether its state is carried over."""
        random = self._random
        database = random.choice(list(SHARES), p=list(SHARES.values()))
        groups = self._groups[database]
        group = groups[random.integers(len(groups))]
        slot.beats = group[random.integers(len(group))]
        n = len(slot.beats.at)
        slot.position = 0
        if n > 4 * STEPS:
            slot.position = int(random.integers(n - 2 * STEPS))
            turns = np.flatnonzero((slot.beats.meant[1:] != slot.beats.meant[:-1]).any(axis=1))
            if len(turns) and random.random() < 0.5:
                slot.position = max(0, int(turns[random.integers(len(turns))]) - int(random.integers(5, STEPS)))
        slot.begun = slot.position
        slot.masked = "_rr" not in database and random.random() < LONE
        slot.shift = float(random.normal(0, 0.12))
        slot.patient = random.normal(0, PATIENT, slot.patient.shape)
        joined = random.random() < JOIN
        slot.whole = not joined and slot.position == 0
        return joined

    def draw(self, count: int, seed: list[int]) -> Iterator[Batch]:
        """Yield batches that follow one another; the first begins all streams anew.

        Parameters
        ----------
        count : int
        seed : list of int
        """
        self._random = np.random.default_rng(seed)
        self._slots = [Slot() for _ in range(STREAMS)]
        for _ in range(count):
            yield self._next()

    def _next(self) -> Batch:
        random = self._random
        batch = Batch(
            np.zeros((STREAMS, STEPS, len(FEATURES)), np.float32),
            np.zeros((STREAMS, STEPS, len(CLASSES)), np.float32),
            np.zeros((STREAMS, STEPS), np.float32),
            np.zeros((STREAMS, STEPS), np.int32),
            np.zeros((STREAMS, STEPS), np.float32),
            np.ones((STREAMS, 1), np.float32),
        )
        for k, slot in enumerate(self._slots):
            if slot.beats is None or slot.position >= len(slot.beats.at) or random.random() < RESET:
                first = slot.beats is None
                batch.keep[k] = 0.0 if not self._turn(slot) or first else 1.0
            assert slot.beats
            beats = slot.beats
            span = slice(slot.position, slot.position + STEPS)
            rows = beats.rows[span].copy()
            n = len(rows)
            rows[:, 0] += 2 * slot.shift * rows[:, 1]
            if slot.masked:
                rows[:, len(RHYTHM) :] = 0.0
            shown = rows[:, len(RHYTHM)] > 0
            noise = random.normal(0, JITTER, (int(shown.sum()), len(slot.patient)))
            rows[shown, len(RHYTHM) + 1 :] += slot.patient + noise
            batch.rows[k, :n] = rows
            meant = beats.meant[span]
            if slot.masked and beats.name.startswith("synthetic"):
                # RR intervals alone do not tell ventricular beats from others
                meant = np.where(meant[:, [AFIB]], meant, bits(NOT_AF))
            batch.meant[k, :n] = meant
            sure = np.where(meant.sum(axis=1, keepdims=True) == 1, meant * self.balance, meant * 0.7).max(axis=1)
            since = np.arange(slot.position, slot.position + n) - slot.begun
            batch.weight[k, :n] = sure * meant.any(axis=1) * np.where(since < 4, 0.3, 1.0)
            if beats.record >= 0 and slot.whole and not slot.masked:
                batch.record[k, :n] = beats.record
                batch.record_weight[k, :n] = since >= FIRST
            slot.position += STEPS
        return batch
