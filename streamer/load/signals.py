"""What the streams of a measurement play."""

from pathlib import Path

import numpy as np

from streamer.feeds import Simulator, open_recording, parse_script
from streamer.load.feed import Signal

TAKEN_S = 120.0  # of each recording
SCRIPT = "sinus:30,pvc:30,af:30,tachy:15,brady:15"
HEARTS = 8


def load_signals(records: list[Path], lead: str | None = None) -> list[Signal]:
    """Return a lead of each recording, or simulated hearts if there are none.

    Parameters
    ----------
    records : list of Path
        WFDB records or CSV files.
    lead : str, optional
        Default: the first.

    Raises
    ------
    FeedError
        If a recording cannot be read or has no such lead.
    """
    if not records:
        hearts = (Simulator(250, ["II"], parse_script(SCRIPT), TAKEN_S, seed=seed) for seed in range(HEARTS))
        return [
            Signal(f"simulator-{k}", 250.0, np.concatenate(list(heart.blocks(2500)))[:, 0])
            for k, heart in enumerate(hearts)
        ]
    signals = []
    for path in records:
        recording = open_recording(path, [lead] if lead else None, None, None)
        samples = recording.samples[: round(TAKEN_S * recording.fs), 0] * (1e-3 if recording.unit == "uV" else 1.0)
        signals.append(Signal(recording.name, recording.fs, np.nan_to_num(samples).astype(np.float32)))
    return signals
