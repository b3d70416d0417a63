"""Training of one design, epoch by epoch, so that it can be interrupted and go on."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from models.gallery.design import Design
from models.gallery.scoring import megaflops
from models.gallery.tasks import Batch

BATCH, EPOCH = 64, 50  # windows of a batch, and batches of an epoch
SEED = 1


class Diary(keras.callbacks.Callback):
    """Writes loss and seconds of each epoch, and tells of each batch.

    Parameters
    ----------
    path : Path
    progress : callable
        Told how many batches are done.
    """

    def __init__(self, path: Path, progress: Callable[[int], None]) -> None:
        super().__init__()
        self._path, self._progress = path, progress
        self._done, self._began = 0, 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note the time."""
        self._done, self._began = epoch * EPOCH, time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Tell."""
        self._progress(self._done + batch + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write a line."""
        row = {"epoch": epoch, "seconds": time.monotonic() - self._began, "loss": float((logs or {})["loss"])}
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")


def train(design: Design, folder: Path, progress: Callable[[int], None] = lambda batches: None) -> dict[str, Any]:
    """Train a design and score it, or return what was measured before.

    Parameters
    ----------
    design : Design
    folder : Path
        Holds `model.keras` and `result.json` at the end, and on the way what is needed to go on.
    progress : callable
        Told how many batches are done.

    Returns
    -------
    dict
        `parameters`, `seconds` of training, `megaflops` a second of ECG, and `figures` by database.
    """
    result_path = folder / "result.json"
    if result_path.is_file():
        progress(design.steps)
        result: dict[str, Any] = json.loads(result_path.read_text())
        return result
    folder.mkdir(parents=True, exist_ok=True)
    history, trained = folder / "history.jsonl", folder / "model.keras"
    if trained.is_file():
        model = keras.saving.load_model(trained)
    else:
        keras.utils.set_random_seed(SEED)
        model = design.build()
        model.compile(design.optimizer(), design.task.loss)
        model.fit(
            _fed(design.task.batches(BATCH, np.random.default_rng(SEED))),
            steps_per_epoch=EPOCH,
            epochs=design.steps // EPOCH,
            callbacks=[keras.callbacks.BackupAndRestore(str(folder / "backup")), Diary(history, progress)],
            verbose=0,
            shuffle=False,
        )
        model.save(trained)
    result = {
        "parameters": model.count_params(),
        "seconds": sum(json.loads(line)["seconds"] for line in history.read_text().splitlines()),
        "megaflops": megaflops(model, design.task.seconds),
        "figures": design.task.score(model),
    }
    result_path.write_text(json.dumps(result, indent=1) + "\n")
    return result


def _fed(batches: Iterator[Batch]) -> Iterator[tuple[Any, ...]]:
    """Leave out weights that there are none of."""
    for inputs, targets, weights in batches:
        yield (inputs, targets) if weights is None else (inputs, targets, weights)
