"""Beats, waves and rhythms as a WFDB annotation file."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from streamer.detect.events import LIKELY, Beat, Event, Wave, Waves
from streamer.detect.rhythm.episodes import Episode


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
    rhythms: Sequence[Episode] = (),
) -> Path:
    """Write `(`, `N`, `)` for each beat, `V` for `N` where it is probably ventricular, and its P and T likewise.

    A change of rhythm is `+` with a note such as `(AFIB`, at the sample from which on the rhythm holds; stretches of
    unknown rhythm have no note.

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
    rhythms : sequence of Episode

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
    rows: list[tuple[float, str, str]] = []
    for wave, kind in marked:
        points = zip(("(", kind, ")"), (wave.onset, wave.peak, wave.offset), strict=True)
        rows += [(sample, symbol, "") for symbol, sample in points if boundaries or symbol == kind]
    # waves may reach into each other, and WFDB wants them in order: each keeps its place in the row
    at = np.maximum.accumulate([sample for sample, _, _ in rows]).tolist()
    rows = [(sample, *row[1:]) for sample, row in zip(at, rows, strict=True)]
    rows += [(episode.start, "+", f"({episode.label}") for episode in rhythms if episode.label]
    rows.sort(key=lambda row: row[0])
    samples = np.maximum(0, np.rint([sample for sample, _, _ in rows])).astype(np.int64)
    folder.mkdir(parents=True, exist_ok=True)
    symbols, notes = [symbol for _, symbol, _ in rows], [note for _, _, note in rows]
    wfdb.wrann(name, extension, samples, symbols, aux_note=notes, fs=fs, write_dir=str(folder))
    return folder / f"{name}.{extension}"
