"""Other detectors behind one face: a signal in mV and its rate to beats, or to P, QRS and T."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from tools.scoring import Array

Signal = NDArray[np.float64]

PACKAGES = {"XQRS (wfdb)": "wfdb", "NeuroKit2": "neurokit2", "NeuroKit2 dwt": "neurokit2", "SleepECG": "sleepecg",
            "OpenECG": "openecg"}  # fmt: skip
LIVE_WINDOW_S = 10.0
LIVE_STEP_S = 1.0
LIVE_SETTLED_S = 0.5


def xqrs(signal: Signal, fs: float) -> Array:
    """XQRS of wfdb, MIT licence."""
    from wfdb.processing import XQRS

    detector = XQRS(sig=signal, fs=fs)
    detector.detect(verbose=False)
    return np.asarray(detector.qrs_inds, np.float64)


def neurokit(signal: Signal, fs: float) -> Array:
    """NeuroKit2's cleaning and default detector, MIT licence (Makowski et al. 2021)."""
    import neurokit2 as nk

    clean = nk.ecg_clean(signal, sampling_rate=int(fs))
    return np.asarray(nk.ecg_peaks(clean, sampling_rate=int(fs))[1]["ECG_R_Peaks"], np.float64)


def sleepecg(signal: Signal, fs: float) -> Array:
    """SleepECG's detector, BSD licence (Brunner, Hofer 2023)."""
    from sleepecg import detect_heartbeats

    return np.asarray(detect_heartbeats(signal, fs), np.float64)


def openecg(signal: Signal, fs: float) -> Array:
    """OpenECG's segmentation: the middles of its QRS complexes."""
    return openecg_waves(signal, fs)["QRS"].mean(axis=1)


BEATS: dict[str, Callable[[Signal, float], Array]] = {
    "XQRS (wfdb)": xqrs,
    "NeuroKit2": neurokit,
    "SleepECG": sleepecg,
    "OpenECG": openecg,
}


def neurokit_dwt(signal: Signal, fs: float) -> dict[str, Array]:
    """NeuroKit2's delineation by wavelets, after Martinez et al. 2004."""
    import neurokit2 as nk

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clean = nk.ecg_clean(signal, sampling_rate=int(fs))
        peaks = nk.ecg_peaks(clean, sampling_rate=int(fs))[1]["ECG_R_Peaks"]
        points = nk.ecg_delineate(clean, peaks, sampling_rate=int(fs), method="dwt")[1]

    def pairs(wave: str) -> Array:
        both = np.array([points[f"ECG_{wave}_Onsets"], points[f"ECG_{wave}_Offsets"]], np.float64).T.reshape(-1, 2)
        return both[~np.isnan(both).any(axis=1)]

    return {"P": pairs("P"), "QRS": pairs("R"), "T": pairs("T")}


@cache
def _openecg_model() -> object:
    from openecg.deploy import Inference

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Inference()


def openecg_waves(signal: Signal, fs: float) -> dict[str, Array]:
    """OpenECG's segmentation of windows of 10 s, Apache licence; each contributes its inner 8 s.

    It was trained on ludb and qtdb, perhaps on the patients that validate here.
    """
    x = resample_poly(signal, 250, int(fs)) if fs != 250 else signal
    width, edge = 2500, 250
    padded = np.pad(x, (0, width), mode="edge")
    found: dict[int, list[tuple[float, float]]] = {1: [], 2: [], 3: []}
    for start in range(0, max(1, len(x) - 2 * edge), width - 2 * edge):
        (window,) = _openecg_model().predict(padded[start : start + width].astype(np.float32))  # type: ignore[attr-defined]
        begin = start + edge if start else 0
        end = start + width - edge if start + width < len(x) else len(x)
        for wave in window:
            first, last = start + wave.start, start + wave.end
            if begin <= (first + last) / 2 < end and last < len(x):
                found[wave.cls].append((first * fs / 250, last * fs / 250))
    return {name: np.array(found[k], np.float64).reshape(-1, 2) for k, name in ((1, "P"), (2, "QRS"), (3, "T"))}


DELINEATORS: dict[str, Callable[[Signal, float], dict[str, Array]]] = {
    "NeuroKit2 dwt": neurokit_dwt,
    "OpenECG": openecg_waves,
}


def installed(name: str) -> bool:
    """Say whether the package of a peer is there."""
    return find_spec(PACKAGES[name]) is not None


@dataclass(frozen=True)
class Live:
    """An offline detector made to follow a live signal: every second it is run over the last ten.

    What it finds is taken when it lies half a second or more before the newest sample:
    it comes 0.5 to 1.5 s late.
    """

    detector: Callable[[Signal, float], Array]

    def __call__(self, signal: Signal, fs: float) -> Array:
        """Return the beats in samples."""
        window, step, settled = (int(s * fs) for s in (LIVE_WINDOW_S, LIVE_STEP_S, LIVE_SETTLED_S))
        found: list[float] = []
        for end in range(step, len(signal) + step, step):
            start = max(0, end - window)
            try:
                peaks = start + self.detector(signal[start:end], fs)
            except (ValueError, IndexError, ZeroDivisionError):  # some cannot work on a short or flat window
                continue
            begin = found[-1] + 0.2 * fs if found else -1.0
            last = end - settled if end < len(signal) else end
            found += [p for p in peaks if max(begin, end - step - settled) <= p < last]
        return np.array(found)
