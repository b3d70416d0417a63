"""A heart that is not there: McSharry's dynamical ECG with scripted rhythms, noise and known wave boundaries.

After McSharry, Clifford, Tarassenko and Smith 2003, "A dynamical model for generating synthetic electrocardiogram
signals" (IEEE Trans Biomed Eng 50:289). In that model a point runs around the unit circle, once a beat, and each wave
pulls the voltage z at its angle:

    dz/dt = - sum_i a_i w (theta - theta_i) exp(-(theta - theta_i)^2 / 2 b_i^2) - (z - z0(t))

Started on the circle the point never leaves it, so the angle is that of the beat's RR interval and z is a linear
first-order
equation, solved exactly at steps of 1 ms or less. Wave angles and widths are given here in ms from the R peak, so
that a QRS does not stretch with the RR interval, while the T wave moves with its square root (Bazett).

Boundaries: a Gaussian of width s is taken to begin and to end 2.5 s from its centre, where 4 % of its height is left.
P and T are one Gaussian each; the QRS reaches from the first beginning to the last end of Q, R and S.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from streamer.feeds.source import FeedError, Source

EDGE = 2.5
RELAXATION = 1.0  # per second, of z towards its baseline

# ms from the R peak, ms of width, mV
NORMAL = {"P": (-160, 22, 0.15), "Q": (-26, 8, -0.12), "R": (0, 10, 1.1), "S": (26, 9, -0.22), "T": (270, 45, 0.3)}
VENTRICULAR = {"R": (0, 19, 1.5), "S": (58, 20, -0.5), "T": (290, 50, -0.35)}
LEADS: dict[str, dict[str, float]] = {
    "II": {"P": 1.0, "Q": 1.0, "R": 1.0, "S": 1.0, "T": 1.0},
    "I": {"P": 0.6, "Q": 0.5, "R": 0.7, "S": 0.6, "T": 0.7},
    "V1": {"P": 0.5, "Q": 0.0, "R": 0.25, "S": 4.5, "T": -0.4},
    "V5": {"P": 0.7, "Q": 1.2, "R": 1.4, "S": 0.8, "T": 1.1},
}
PACED = {"Q": (-75, 2, 0.6), "R": (0, 24, 1.2), "S": (62, 26, -0.35), "T": (300, 55, -0.3)}  # Q is the pulse
RUN = {"R": (0, 26, 1.5), "T": (190, 50, -0.6)}  # of ventricular tachycardia
SHAPES = {"N": NORMAL, "V": VENTRICULAR, "/": PACED}
RHYTHMS = (
    "sinus", "af", "flutter", "svt", "pvc", "bigeminy", "trigeminy", "vt", "vf", "paced", "pause", "asystole", "brady",
    "tachy", "noise",
)  # fmt: skip
FLUTTER_S, FIBRILLATION_S = 0.2, 0.095  # from wave to wave: 300 a minute, and half a period of ventricular fibrillation
NOISE_MV = 0.8


@dataclass(frozen=True)
class TrueBeat:
    """What is known of a simulated beat; all in samples of the feed.

    Attributes
    ----------
    kind : str
        `N`, `V` ventricular, or `/` paced.
    rhythm : str
        The name in the script.
    qrs : (float, float, float)
        Onset, R peak, offset.
    p, t : (float, float, float) or None
        Onset, peak, offset; None where the beat has no such wave.
    """

    kind: str
    rhythm: str
    qrs: tuple[float, float, float]
    p: tuple[float, float, float] | None
    t: tuple[float, float, float] | None


@dataclass(frozen=True)
class Disturbances:
    """What is added to the heart's signal.

    Attributes
    ----------
    noise, mains, baseline : float
        mV: standard deviation of white noise, amplitude of the mains, amplitude of the baseline's sway.
    mains_hz : float
    lead_off : list of (lead, start in s, length in s)
        The lead is NaN there.
    """

    noise: float = 0.01
    mains: float = 0.0
    baseline: float = 0.05
    mains_hz: float = 50.0
    lead_off: list[tuple[str, float, float]] = field(default_factory=list)


def parse_script(text: str) -> list[tuple[str, float]]:
    """Read `sinus:20,af:15` as rhythms with their seconds.

    Raises
    ------
    FeedError
        If a rhythm is unknown or a time is no positive number.
    """
    script = []
    for part in text.split(","):
        name, _, seconds = part.strip().partition(":")
        if name not in RHYTHMS:
            raise FeedError(f"rhythm is {name!r}; expected one of {', '.join(RHYTHMS)}")
        try:
            length = float(seconds)
        except ValueError:
            length = 0.0
        if not 0 < length < float("inf"):
            raise FeedError(f"'{part.strip()}' has no length; expected {name}:SECONDS")
        script.append((name, length))
    return script


def parse_lead_off(text: str) -> tuple[str, float, float]:
    """Read `II:10:5`: lead II is off for 5 s from second 10 on.

    Raises
    ------
    FeedError
        If it is not of that form.
    """
    try:
        lead, start, length = text.split(":")
        return lead, float(start), float(length)
    except ValueError:
        raise FeedError(f"'{text}' is no lead off; expected LEAD:START:SECONDS, such as II:10:5") from None


class Simulator(Source):
    """Simulated ECG.

    Parameters
    ----------
    fs : float
        Hz, 100 to 2000.
    leads : list of str
        Of I, II, V1 and V5.
    script : list of (rhythm, seconds)
        Played in turn, and again from the start.
    seconds : float, optional
        Length; default: endless.
    disturbances : Disturbances
    seed : int

    Raises
    ------
    FeedError
        If a lead or a rhythm is unknown.

    Attributes
    ----------
    beats : list of TrueBeat
        Of the signal made so far, and of a beat or two ahead.
    """

    def __init__(
        self,
        fs: float = 250,
        leads: list[str] | None = None,
        script: list[tuple[str, float]] | None = None,
        seconds: float | None = None,
        disturbances: Disturbances = Disturbances(),
        seed: int = 1,
    ) -> None:
        self.name, self.fs, self.leads = "simulator", float(fs), leads or ["II"]
        if not 100 <= fs <= 2000:
            raise FeedError(f"fs is {fs:g} Hz; expected 100 to 2000 Hz")
        for lead in [*self.leads, *(lead for lead, _, _ in disturbances.lead_off)]:
            if lead not in LEADS:
                raise FeedError(f"the simulator has no lead {lead}; it has {', '.join(LEADS)}")
        self.left_out = {}
        self.length = None if seconds is None else round(seconds * fs)
        self.script = script or [("sinus", 60.0)]
        self.beats: list[TrueBeat] = []
        self._disturbances = disturbances
        self._seed = seed

    def blocks(self, samples: int) -> Iterator[NDArray[np.float32]]:
        """Yield blocks of `samples` samples, the same for the same seed however they are cut."""
        self.beats = []
        made = 0
        rest = np.zeros((0, len(self.leads)), np.float32)
        seconds = self._seconds()
        while self.length is None or made < self.length:
            want = samples if self.length is None else min(samples, self.length - made)
            while len(rest) < want:
                rest = np.concatenate([rest, next(seconds)])
            yield rest[:want]
            rest, made = rest[want:], made + want

    def _seconds(self) -> Iterator[NDArray[np.float32]]:
        """Make the signal in pieces of about a second, so that its chunks do not change it."""
        from scipy.signal import lfilter  # takes longer to import than a service to start

        random = np.random.default_rng(self._seed)
        fine = ceil(1000 / self.fs)  # steps a sample
        piece = round(self.fs)
        rate = self.fs * fine
        decay = np.exp(-RELAXATION / rate)
        memory = np.zeros((1, len(self.leads)))
        phase = random.uniform(0, 2 * np.pi, 3)
        waves: list[tuple[float, float, str, float]] = []  # centre s, width s, wave, mV
        beats = self._beats(random)
        ahead = 0.0
        for k in range(1 << 62):
            start = k * piece / self.fs
            while ahead < start + piece / self.fs + 1.0:
                ahead, new = next(beats)
                waves += new
            waves = [w for w in waves if w[0] + 6 * w[1] > start]
            t = start + np.arange(piece * fine) / rate
            pull = np.zeros((len(t), len(self.leads)))
            for centre, width, wave, height in waves:
                away = (t - centre) / width
                near = np.abs(away) < 6
                slope = -height * away[near] / width * np.exp(-0.5 * away[near] ** 2)
                for j, lead in enumerate(self.leads):
                    pull[near, j] += LEADS[lead][wave] * slope
            z, memory = lfilter([1 / rate], [1, -decay], pull, axis=0, zi=memory)
            yield self._disturb(z[::fine], t[::fine], phase, random).astype(np.float32)

    def _disturb(
        self, z: NDArray[np.float64], t: NDArray[np.float64], phase: NDArray[np.float64], random: np.random.Generator
    ) -> NDArray[np.float64]:
        d = self._disturbances
        sway = d.baseline * (
            0.7 * np.sin(2 * np.pi * 0.25 * t + phase[0]) + 0.3 * np.sin(2 * np.pi * 0.07 * t + phase[1])
        )
        hum = d.mains * np.sin(2 * np.pi * d.mains_hz * t + phase[2])
        noise = np.where(self._noisy(t), NOISE_MV, d.noise)[:, None]
        z = z + (sway + hum)[:, None] + random.normal(0, 1, z.shape) * noise
        for lead, start, length in d.lead_off:
            if lead in self.leads:
                z[(t >= start) & (t < start + length), self.leads.index(lead)] = np.nan
        return z

    def _noisy(self, t: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say at which times the script asks for noise."""
        ends = np.cumsum([seconds for _, seconds in self.script])
        turn = np.searchsorted(ends, t % ends[-1], side="right")
        noisy = np.array([rhythm == "noise" for rhythm, _ in self.script])
        return np.asarray(noisy[np.minimum(turn, len(ends) - 1)])

    def _beats(self, random: np.random.Generator) -> Iterator[tuple[float, list[tuple[float, float, str, float]]]]:
        """Yield the time of each R peak with the beat's waves, for ever."""
        at, ends, turn = 0.0, 0.0, -1
        rhythm = ""
        intervals: Iterator[tuple[float, str]] = iter(())
        while True:
            while at >= ends:
                turn += 1
                rhythm, seconds = self.script[turn % len(self.script)]
                ends += seconds
                intervals = _intervals(rhythm, at, random)
            if rhythm in {"vf", "asystole"}:
                yield from self._without_beats(at, ends, rhythm, random)
                at = ends
                continue
            rr, kind = next(intervals)
            at += rr
            yield at, self._waves(at, rr, rhythm, kind)

    def _without_beats(
        self, start: float, end: float, rhythm: str, random: np.random.Generator
    ) -> Iterator[tuple[float, list[tuple[float, float, str, float]]]]:
        """Yield half a second at a time of ventricular fibrillation, or of nothing."""
        at, sign = start, 1.0
        while at < end:
            waves = []
            until = min(at + 0.5, end)
            while rhythm == "vf" and at < until:
                waves.append((at, 0.035 * random.normal(1, 0.05), "R", 0.5 * sign * random.normal(1, 0.15)))
                at, sign = at + FIBRILLATION_S * random.normal(1, 0.05), -sign
            at = max(at, until)
            yield at, waves

    def _waves(self, at: float, rr: float, rhythm: str, kind: str) -> list[tuple[float, float, str, float]]:
        """Place the waves of a beat and note its boundaries."""
        stretch = sqrt(min(max(rr, 0.3), 1.2))
        places = {}
        for wave, (centre, width, height) in (RUN if rhythm == "vt" else SHAPES[kind]).items():
            if wave == "P" and rhythm in {"af", "flutter", "svt"}:
                continue
            scale = stretch if wave in "PT" else 1.0
            places[wave] = (at + centre * scale / 1000, width * (scale if wave == "T" else 1.0) / 1000, height)
        ends = {w: ((c - EDGE * s) * self.fs, c * self.fs, (c + EDGE * s) * self.fs) for w, (c, s, _) in places.items()}
        ventricles = [ends[w] for w in "QRS" if w in ends]
        qrs = (min(e[0] for e in ventricles), ends["R"][1], max(e[2] for e in ventricles))
        self.beats.append(TrueBeat(kind, rhythm, qrs, ends.get("P"), ends.get("T")))
        waves = [(centre, width, wave, height) for wave, (centre, width, height) in places.items()]
        if rhythm == "af":
            waves += [(at + k * 0.16, 0.03, "P", 0.05 * (-1) ** k) for k in range(round(rr / 0.16))]
        elif rhythm == "flutter":
            waves += [(at - rr + (k + 0.5) * FLUTTER_S, 0.05, "P", -0.2) for k in range(round(rr / FLUTTER_S))]
        return waves


def _intervals(rhythm: str, start: float, random: np.random.Generator) -> Iterator[tuple[float, str]]:
    """Yield the RR interval before each beat of a rhythm, and the kind of the beat."""
    mean = {"brady": 1.5, "tachy": 0.43}.get(rhythm, 0.86)
    at, compensate = start, False
    for count in range(1 << 62):
        sway = 0.04 * np.sin(2 * np.pi * 0.25 * at) + 0.03 * np.sin(2 * np.pi * 0.1 * at)
        rr = mean * (1 + sway + random.normal(0, 0.01))
        kind = "N"
        if rhythm == "af":
            rr = float(np.clip(random.lognormal(np.log(0.66), 0.25), 0.35, 1.4))
        elif rhythm == "vt":
            rr, kind = 0.34 * (1 + random.normal(0, 0.02)), "V"
        elif rhythm == "svt":
            rr = 0.34 * (1 + random.normal(0, 0.005))
        elif rhythm == "flutter":
            rr = 2 * FLUTTER_S * (1 + random.normal(0, 0.003))
        elif rhythm == "paced":
            rr, kind = 0.86, "/"
        elif rhythm == "pause" and count % 8 == 4:
            rr = 3.5
        elif compensate:
            rr *= 1.4
        elif (
            (rhythm == "pvc" and random.random() < 0.2)
            or (rhythm == "bigeminy" and count % 2)
            or (rhythm == "trigeminy" and count % 3 == 2)
        ):
            rr, kind = rr * 0.6, "V"
        compensate = kind == "V" and rhythm != "vt"
        at += rr
        yield rr, kind
