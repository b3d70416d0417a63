"""Train the rhythm network with carried state: `python -m models.rhythm.train`, or `make train-rhythm`."""

import json
import os
import pickle
from pathlib import Path
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.pictures import Panel, plot_curves
from models.rhythm.architecture import WIDTH, build
from models.rhythm.batches import STREAMS, Batch, Batches
from models.rhythm.data import SPLIT, Beats, read_all
from models.rhythm.synthetic import synthetic
from models.rhythm.validate import beat_counts, predict

EPOCHS, STEPS = 110, 150
PEAK, DECAY = 3e-3, 5e-3
AVERAGE = 0.998
PANELS = (
    Panel(
        "AFIB, validation patients",
        "% of the beats",
        ("afdb_rr_AFIB_Se", "afdb_rr_AFIB_PPV", "mitdb_AFIB_Se", "mitdb_AFIB_PPV"),
    ),
    Panel(
        "B and T, validation patients",
        "% of the beats",
        ("mitdb_B_Se", "mitdb_B_PPV", "mitdb_T_Se", "mitdb_T_PPV"),
    ),
)
RECORD = 0.4  # weight of the record's class, which is asked for in training alone


class Trainer:
    """The network, its optimizer and the state of every training stream.

    Parameters
    ----------
    seed : int
    epochs : int
    """

    def __init__(self, seed: int, epochs: int) -> None:
        keras.utils.set_random_seed(seed)
        self.network = build()
        self.optimizer = keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(PEAK, epochs * STEPS),
            weight_decay=DECAY,
            global_clipnorm=1.0,
            use_ema=True,
            ema_momentum=AVERAGE,
        )
        self.weights = self.network.trainable_variables
        self.optimizer.build(self.weights)
        self.h = tf.Variable(tf.zeros((STREAMS, WIDTH)))
        self.c = tf.Variable(tf.zeros((STREAMS, WIDTH)))

    @tf.function
    def _step(
        self,
        rows: tf.Tensor,
        meant: tf.Tensor,
        weight: tf.Tensor,
        record: tf.Tensor,
        counts: tf.Tensor,
        keep: tf.Tensor,
    ) -> tf.Tensor:
        with tf.GradientTape() as tape:
            rhythm, of_record, h, c = self.network([rows, self.h * keep, self.c * keep], training=True)
            # a rhythm that is not told apart by the annotation may be any of those that it allows
            likelihood = tf.reduce_logsumexp(tf.nn.log_softmax(rhythm) + tf.math.log(meant + 1e-9), axis=-1)
            loss = -tf.reduce_sum(likelihood * weight) / tf.reduce_sum(weight)
            entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(record, of_record)
            both = loss + RECORD * tf.reduce_sum(entropy * counts) / (tf.reduce_sum(counts) + 1.0)
        self.optimizer.apply_gradients(zip(tape.gradient(both, self.weights), self.weights, strict=True))
        self.h.assign(h)
        self.c.assign(c)
        return loss

    def step(self, batch: Batch) -> float:
        """Learn from one batch and return its loss."""
        pieces = (batch.rows, batch.meant, batch.weight, batch.record, batch.record_weight, batch.keep)
        return float(self._step(*(tf.constant(piece) for piece in pieces)))

    def averaged(self, balance: np.ndarray) -> keras.Model:
        """Return a network with the running average of the weights, and without what the weighted loss added.

        Parameters
        ----------
        balance : ndarray of float64, shape (classes,)
            By which the loss of each rhythm was weighted.
        """
        result = build()
        now = [weight.numpy() for weight in self.weights]
        self.optimizer.finalize_variable_values(self.weights)
        result.set_weights(self.network.get_weights())
        for weight, value in zip(self.weights, now, strict=True):
            weight.assign(value)
        rhythm = result.get_layer("rhythm")
        kernel, bias = rhythm.get_weights()
        rhythm.set_weights([kernel, bias - np.log(balance)])
        return result


def beats(cache: Path) -> list[Beats]:
    """Return what the detector makes of all recordings, from the cache if it is there."""
    if not cache.is_file():
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_bytes(pickle.dumps(read_all()))
    every: list[Beats] = pickle.loads(cache.read_bytes())
    return every


def validates(record: Beats) -> bool:
    """Say whether a record is of a validation patient."""
    database, name = record.name.split("/")[:2]
    return SPLIT[database](name)


def train(out: Path, every: list[Beats], epochs: int, seed: int) -> Path:
    """Train, with progress; a run that was interrupted goes on where its last epoch ended.

    Parameters
    ----------
    out : Path
        Folder of the run: `checkpoint`, `history.json`, `curves.png`, and `rhythm.keras`.
    every : list of Beats
        Of all patients; those of the validation patients are measured only.
    epochs : int
        Of 150 batches.
    seed : int

    Returns
    -------
    Path
        File of the network.
    """
    out.mkdir(parents=True, exist_ok=True)
    learned = [b for b in every if not validates(b)]
    measured = [b for b in every if validates(b)]
    batches = Batches(learned + synthetic(learned, seed))
    trainer = Trainer(seed, epochs)
    checkpoint = tf.train.Checkpoint(optimizer=trainer.optimizer, weights=trainer.weights, h=trainer.h, c=trainer.c)
    manager = tf.train.CheckpointManager(checkpoint, str(out / "checkpoint"), max_to_keep=1)
    history: list[dict[str, float]] = []
    if manager.latest_checkpoint:
        checkpoint.restore(manager.latest_checkpoint).assert_existing_objects_matched()
        history = json.loads((out / "history.json").read_text())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("training", total=epochs * STEPS, completed=len(history) * STEPS)
        for epoch in range(len(history), epochs):
            losses = []
            for batch in batches.draw(STEPS, [seed, epoch]):
                losses.append(trainer.step(batch))
                progress.advance(task)
            row = {"epoch": epoch, "loss": float(np.mean(losses))}
            if epoch % 10 == 9 or epoch == epochs - 1:
                network = trainer.averaged(batches.balance)
                network.save(out / "rhythm.keras")
                row |= beat_counts(measured, predict(network, measured))
                progress.console.print(", ".join(f"{name} {value:.3g}" for name, value in row.items()))
            history.append(row)
            (out / "history.json").write_text(json.dumps(history, indent=1))
            manager.save()
            plot_curves(history, PANELS, out / "curves.png")
    return out / "rhythm.keras"


def main(
    out: Annotated[Path, typer.Option(help="Folder of the run; one that was interrupted goes on.")],
    epochs: Annotated[int, typer.Option(help="Of 150 batches.")] = EPOCHS,
    seed: Annotated[int, typer.Option(help="Of the weights, the batches and the synthetic rhythms.")] = 5,
) -> None:
    """Train the rhythm network on what the released detector makes of the databases."""
    file = train(out, beats(out / "beats.pickle"), epochs, seed)
    typer.echo(f"trained: make release-rhythm RHYTHM={file}")


if __name__ == "__main__":
    typer.run(main)
