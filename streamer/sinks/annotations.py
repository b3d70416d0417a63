"""Beats as a WFDB annotation file."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from streamer.detect.events import Beat, Event


def final_beats(events: Iterable[Event]) -> list[Beat]:
    """Return the last revision of each beat, in order."""
    beats: dict[int, Beat] = {}
    for event in events:
        if isinstance(event, Beat):
            beats[event.beat] = event
    return list(beats.values())


def write_annotations(beats: list[Beat], name: str, extension: str, folder: Path, fs: float) -> Path:
    """Write `(`, `N` and `)` for each beat.

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
    points = np.array([[b.onset, b.peak, b.offset] for b in beats])
    samples = np.maximum.accumulate(np.maximum(0, np.rint(points)).astype(np.int64).ravel())
    folder.mkdir(parents=True, exist_ok=True)
    wfdb.wrann(name, extension, samples, ["(", "N", ")"] * len(beats), fs=fs, write_dir=str(folder))
    return folder / f"{name}.{extension}"
