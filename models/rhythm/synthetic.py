"""Rhythms put together from beats of real recordings: those of which the databases have few patients.

The beats of a recording in normal rhythm or in atrial fibrillation, in their order and with their RR intervals, are
interrupted by premature beats of both kinds, bigeminy, trigeminy, and runs; the ventricular beats are those of a
patient of mitdb.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from models.rhythm.data import Beats, bits
from streamer.detect.rhythm.features import FEATURES, RHYTHM, USUAL_RR_S, History

TRACKS, FIBRILLATING = 900, 0.3  # and the share of them whose usual rhythm is atrial fibrillation
LENGTH = 240  # beats
SHOWN = len(RHYTHM)
RR_KNOWN, SILENCE, VENTRICULAR, P = (FEATURES.index(name) for name in ("rr_known", "silence", "ventricular", "p"))
FEWEST = 20
# of stretches that are usual, with premature beats, VT, SVTA, B and T
SHARES = {"N": [0.2, 0.26, 0.12, 0.12, 0.16, 0.14], "AFIB": [0.3, 0.5, 0.2, 0.0, 0.0, 0.0]}
# a beat: RR interval before it in s, whether it is ventricular, whether its P is hidden, and the rhythm that it is in
Planned = tuple[float, bool, bool, str]


def synthetic(every: list[Beats], seed: int) -> list[Beats]:
    """Return tracks of synthetic rhythms.

    Parameters
    ----------
    every : list of Beats
        Of training patients.
    seed : int
    """
    random = np.random.default_rng(seed)
    clean = [b for b in every if b.record >= 0 or (b.name.startswith("mitdb") and b.name.endswith("clean"))]
    bases = {label: [rows for b in clean if len(rows := _usual(b, label)) >= FEWEST] for label in ("N", "AFIB")}
    foreign = [rows for b in every if b.name.startswith("mitdb") and len(rows := _ventricular(b)) >= FEWEST]
    tracks = []
    for k in range(TRACKS):
        label = "AFIB" if random.random() < FIBRILLATING else "N"
        tracks.append(_track(k, label, bases[label], foreign, random))
    return tracks


def _beats(beats: Beats) -> NDArray[np.float32]:
    return beats.rows[(beats.rows[:, SILENCE] == 0) & (beats.rows[:, RR_KNOWN] > 0)]


def _usual(beats: Beats, label: str) -> NDArray[np.float32]:
    """Return the beats of a record of one rhythm that are not ventricular."""
    if len(beats.at) < FEWEST or not (beats.meant == bits(frozenset({label}))).all():
        return np.zeros((0, len(FEATURES)), np.float32)
    rows = _beats(beats)
    return rows[rows[:, VENTRICULAR] < 0.3]


def _ventricular(beats: Beats) -> NDArray[np.float32]:
    rows = _beats(beats)
    return rows[rows[:, VENTRICULAR] > 0.7]


def _track(
    number: int,
    label: str,
    bases: list[NDArray[np.float32]],
    foreign: list[NDArray[np.float32]],
    random: np.random.Generator,
) -> Beats:
    base, other = bases[random.integers(len(bases))], foreign[random.integers(len(foreign))]
    first = int(random.integers(len(base)))
    usual_rr = np.exp(base[:, 0] / 2) * USUAL_RR_S
    if label == "N":
        usual_rr = np.clip(usual_rr, 0.8 * np.median(usual_rr), 1.2 * np.median(usual_rr))
    history = History()
    rows, meant = [], []
    at = 0.0
    times = []
    for k, (rr, ventricular, hidden, rhythm) in enumerate(_plan(np.roll(usual_rr, -first), label, random)):
        row = history.beat(float(rr))
        source = other[random.integers(len(other))] if ventricular else base[(first + k) % len(base)]
        row[SHOWN:] = source[SHOWN:]
        if hidden:
            row[P : P + 4] = 0.0
        at += rr
        rows.append(row)
        meant.append(bits(frozenset({rhythm})))
        times.append(at)
    return Beats(f"synthetic/{number}", 1.0, np.array(times), np.array(times), np.array(rows), np.array(meant))


def _plan(usual: NDArray[np.float64], label: str, random: np.random.Generator) -> Iterator[Planned]:
    """Yield the beats of a track: stretches of each rhythm in turn."""
    made = 0
    coupling, pause = random.uniform(0.5, 0.8), random.uniform(1.0, 1.45)
    while made < LENGTH:
        kind = random.choice(["usual", "premature", "VT", "SVTA", "B", "T"], p=SHARES[label])
        length = int(random.integers(6, 45))
        rate = random.uniform(115, 230)
        hidden = bool(random.random() < 0.6)
        share = random.uniform(0.03, 0.4)
        supra = bool(random.random() < 0.5)
        if kind in ("VT", "SVTA"):
            length = int(random.integers(3 if kind == "VT" else 5, 25))
        premature = False
        for k in range(length):
            rr = float(usual[(made + k) % len(usual)])
            early, spread = coupling * random.normal(1, 0.03), random.normal(1, 0.02)
            if kind == "VT" or kind == "SVTA":
                first = coupling * rr if k == 0 else 60 / rate
                yield min(first, rr) * spread, kind == "VT", hidden, kind
            elif kind in ("B", "T"):
                turn = k % (2 if kind == "B" else 3)
                yield rr * (early if turn == 0 else pause if turn == 1 else 1.0), turn == 0, False, kind
            else:
                after = premature
                premature = kind == "premature" and not after and bool(random.random() < share)
                factor = early if premature else pause if after else 1.0
                yield rr * factor, premature and not supra, premature and supra and hidden, label
        made += length
