"""WFDB and CSV recordings as sources."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamer.feeds.source import FeedError, Source

UNITS = {"mv": "mV", "uv": "uV", "µv": "uV", "μv": "uV"}
TIME_NAMES = {"t", "time", "time_s", "seconds", "timestamp", "time (s)", "elapsed", "elapsed time"}


class Recording(Source):
    """A recording that is wholly in memory.

    Parameters
    ----------
    name : str
    fs : float
    leads : list of str
    samples : ndarray of float32, shape (n, leads)
    unit : {"mV", "uV"}
    left_out : dict
        Signals that were not taken, with their unit.
    """

    def __init__(
        self, name: str, fs: float, leads: list[str], samples: NDArray[np.float32], unit: str, left_out: dict[str, str]
    ) -> None:
        self.name, self.fs, self.leads, self.unit, self.left_out = name, fs, leads, unit, left_out
        self.samples = samples
        self.length = len(samples)

    def blocks(self, samples: int) -> Iterator[NDArray[np.float32]]:
        """Yield the recording in blocks."""
        for start in range(0, len(self.samples), samples):
            yield self.samples[start : start + samples]


def open_wfdb(path: Path, leads: list[str] | None = None) -> Recording:
    """Read a WFDB record.

    Parameters
    ----------
    path : Path
        With or without an ending.
    leads : list of str, optional
        Which signals; default: every signal in mV or uV.

    Returns
    -------
    Recording

    Raises
    ------
    FeedError
        If there is no such record, or it has no such lead or no ECG.
    """
    import wfdb

    stem = path.with_suffix("") if path.suffix in {".hea", ".dat", ".atr"} else path
    if not Path(f"{stem}.hea").is_file():
        raise FeedError(f"there is no WFDB header {stem}.hea")
    try:
        record = wfdb.rdrecord(str(stem))
    except Exception as error:  # wfdb raises whatever its parsing met
        raise FeedError(f"{stem} cannot be read as a WFDB record: {error}") from None
    units = {name: UNITS.get(unit.lower()) for name, unit in zip(record.sig_name, record.units, strict=True)}
    chosen = _choose(str(stem), record.sig_name, leads, [n for n in record.sig_name if units[n]])
    for name in chosen:
        if units[name] is None:
            unit = record.units[record.sig_name.index(name)]
            raise FeedError(f"signal {name} of {stem} is in {unit}; expected mV or uV")
    index = [record.sig_name.index(name) for name in chosen]
    to_mv = np.array([1.0 if units[name] == "mV" else 1e-3 for name in chosen])
    samples = (record.p_signal[:, index] * to_mv).astype(np.float32)
    left_out = (
        {n: u for n, u in zip(record.sig_name, record.units, strict=True) if n not in chosen} if not leads else {}
    )
    return Recording(stem.name, float(record.fs), chosen, samples, "mV", left_out)


def open_csv(path: Path, leads: list[str] | None = None, fs: float | None = None, unit: str | None = None) -> Recording:
    """Read a CSV file: a column a lead, with or without a header row, with or without a column of time in seconds.

    A column is time if its header says so (`time`, `t`, `seconds`, ...), or, without a header, if there are several
    columns and the first rises by equal steps.

    Parameters
    ----------
    path : Path
    leads : list of str, optional
        Which columns; default: all but time.
    fs : float, optional
        Hz; may be left out where there is a time column.
    unit : {"mV", "uV"}, optional
        Must be given: it is never guessed.

    Returns
    -------
    Recording

    Raises
    ------
    FeedError
        If the file cannot be read, or rate or unit are not known.
    """
    if unit is None:
        raise FeedError(f"the unit of {path} is not known; expected --unit mV or --unit uV")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise FeedError(f"{path} cannot be read: {error}") from None
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:4096], ",;\t ")
    except csv.Error:
        dialect = csv.excel
    rows = [row for row in csv.reader(text.splitlines(), dialect) if any(cell.strip() for cell in row)]
    if not rows:
        raise FeedError(f"{path} is empty; expected a row for each sample")
    width = len(rows[0])
    headed = any(_number(cell) is None for cell in rows[0])
    header = [cell.strip() for cell in rows.pop(0)] if headed else []
    first = 2 if headed else 1
    values = np.empty((len(rows), width))
    for k, row in enumerate(rows):
        numbers = [_number(cell) for cell in row]
        if len(row) != width or None in numbers:
            raise FeedError(f"line {k + first} of {path} is '{', '.join(row)[:60]}'; expected {width} numbers")
        values[k] = numbers
    names = header or [f"lead{k + 1}" for k in range(width)]
    time = next((k for k, name in enumerate(names) if name.lower() in TIME_NAMES), None)
    if time is None and not headed and width > 1 and _rises_evenly(values[:, 0]):
        time = 0
        names = ["time"] + [f"lead{k}" for k in range(1, width)]
    if fs is None:
        if time is None or len(values) < 2:
            raise FeedError(f"the rate of {path} is not known; expected --fs, or a column named time")
        fs = round((len(values) - 1) / float(values[-1, time] - values[0, time]), 3)
    columns = [name for k, name in enumerate(names) if k != time]
    chosen = _choose(str(path), columns, leads, columns)
    samples = values[:, [names.index(name) for name in chosen]].astype(np.float32)
    return Recording(path.stem, float(fs), chosen, samples, unit, {})


def open_recording(path: Path, leads: list[str] | None, fs: float | None, unit: str | None) -> Recording:
    """Open a CSV file or a WFDB record, by what is there.

    Raises
    ------
    FeedError
        If it cannot be read.
    """
    if path.suffix.lower() in {".csv", ".tsv", ".txt"}:
        return open_csv(path, leads, fs, unit)
    if fs is not None or unit is not None:
        raise FeedError("--fs and --unit are for CSV files; a WFDB header says both")
    return open_wfdb(path, leads)


def _choose(where: str, names: list[str], leads: list[str] | None, default: list[str]) -> list[str]:
    for lead in leads or []:
        if lead not in names:
            raise FeedError(f"{where} has no lead {lead}; it has {', '.join(names)}")
    chosen = list(dict.fromkeys(leads)) if leads else default
    if not chosen:
        raise FeedError(f"{where} has no signal in mV or uV; expected an ECG")
    if len(chosen) > 16:
        raise FeedError(f"{where} has {len(chosen)} leads; expected at most 16: choose with --lead")
    return chosen


def _number(cell: str) -> float | None:
    cell = cell.strip()
    if not cell:
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        return None


def _rises_evenly(column: NDArray[np.float64]) -> bool:
    steps = np.diff(column)
    return len(steps) > 1 and bool(np.all(steps > 0)) and float(np.ptp(steps)) < 0.05 * float(np.mean(steps))
