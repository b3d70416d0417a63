"""Beats and waves as a WFDB annotation file."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from streamer.detect.events import LIKELY, Beat, Event, Wave, Waves


def final_beats(events: Iterable[Event]) -> list[Beat]:
    """Return the last revision of each beat, in order."""
    beats: dict[int, Beat] = {}
    for event in events:
        if isinstance(event, Beat):
            beats[event.beat] = event
    return list(beats.values())


def final_waves(events: Iterable[Event]) -> dict[int, Waves]:
    """Return the last revision of the waves of each beat, by its number."""
    return {event.beat: event for event in events if isinstance(event, Waves)}


def write_annotations(
    beats: list[Beat],
    name: str,
    extension: str,
    folder: Path,
    fs: float,
    waves: Mapping[int, Waves] | None = None,
    boundaries: bool = True,
) -> Path:
    """Write `(`, `N`, `)` for each beat, `V` for `N` where it is probably ventricular, and its P and T likewise.

    Parameters
    ----------
    beats : list of Beat
        In order, each once.
    name : str
        Of the record.
    extension : str
        Of the file: letters only, as WFDB asks.
    folder : Path
        Made if it is not there.
    fs : float
        Hz.
    waves : mapping of int to Waves, optional
        By number of the beat.
    boundaries : bool
        Whether to write more than the beats.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If there are no beats, or the extension is not letters.
    """
    import wfdb

    if not beats:
        raise ValueError("no beats were found, and WFDB has no empty annotation file; nothing was written")
    if not extension.isalpha():
        raise ValueError(f"the extension is {extension!r}; expected letters only")
    marked: list[tuple[Beat | Wave, str]] = []
    for beat in beats:
        around = (waves or {}).get(beat.beat)
        if around and around.p:
            marked.append((around.p, "p"))
        marked.append((beat, "V" if (beat.ventricular or 0.0) >= LIKELY else "N"))
        if around and around.t:
            marked.append((around.t, "t"))
    marked.sort(key=lambda pair: pair[0].peak)
    if boundaries:
        points = np.array([[wave.onset, wave.peak, wave.offset] for wave, _ in marked])
        symbols = [symbol for _, kind in marked for symbol in ("(", kind, ")")]
    else:
        points = np.array([[wave.peak] for wave, _ in marked])
        symbols = [kind for _, kind in marked]
    samples = np.maximum.accumulate(np.maximum(0, np.rint(points)).astype(np.int64).ravel())
    folder.mkdir(parents=True, exist_ok=True)
    wfdb.wrann(name, extension, samples, symbols, fs=fs, write_dir=str(folder))
    return folder / f"{name}.{extension}"
