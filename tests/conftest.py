"""What many tests need: engines, simulated hearts, and the databases where they are."""

from pathlib import Path

import numpy as np
import pytest

from models.data import data_folder
from streamer.engine import Engine, load_engine
from streamer.feeds.simulator import Disturbances, Simulator

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def engine() -> Engine:
    return load_engine("numba")


@pytest.fixture(scope="session")
def data() -> Path:
    try:
        return data_folder()
    except FileNotFoundError as error:
        pytest.skip(str(error))


def heart(
    seconds: float, fs: float = 250, leads: list[str] | None = None, script: str = "sinus", seed: int = 1, **more
):
    """A simulated ECG, float64 (n, leads) in mV, and its true beats."""
    simulator = Simulator(fs, leads, [(script, seconds)], seconds, Disturbances(**more), seed)
    samples = np.concatenate(list(simulator.blocks(1000))).astype(np.float64)
    return samples, [b for b in simulator.beats if b.qrs[2] < len(samples)]
