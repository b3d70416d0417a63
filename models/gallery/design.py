"""What a design of the gallery is."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from models.gallery.tasks import Task


def adam() -> keras.optimizers.Optimizer:
    """Return Adam at 1e-3."""
    return keras.optimizers.Adam(1e-3)


def rmsprop() -> keras.optimizers.Optimizer:
    """Return RMSprop at 1e-3."""
    return keras.optimizers.RMSprop(1e-3)


@dataclass(frozen=True)
class Design:
    """A network and what it is trained on.

    Attributes
    ----------
    name : str
        As on the command line and of its files.
    title : str
        As in the table.
    build : callable
        Returns the network with fresh weights.
    task : Task
    steps : int
        Batches that it is trained with.
    optimizer : callable
    """

    name: str
    title: str
    build: Callable[[], keras.Model]
    task: Task
    steps: int
    optimizer: Callable[[], keras.optimizers.Optimizer] = adam
