"""Train the network with carried state."""

import json
import os
import shutil
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.architecture import Size, build, windowed
from models.augment import Augmenter
from models.card import describe
from models.data import MASKED, QRS, UNTYPED, VQRS, Excerpt, complexes, ludb, noises, qtdb
from models.export import export
from models.pictures import Panel, plot_curves
from models.streams import Streams
from models.teacher import follow, teach
from models.validate import beat_errors, boundary_errors, merit
from streamer.engine import load_engine

WINDOW = 1000
STREAMS = 48
STEPS = 100
RESET = 0.15
# (hop, right context) in steps of 8 ms, as the profiles have them and between
SEGMENTS = ((2, 3), (5, 8), (5, 8), (10, 8), (10, 35), (20, 15))
AVERAGE = 0.998
SMOOTHING = 0.01
PANELS = (
    Panel("qtdb, validation patients", "ms", ("onset_sd", "offset_sd")),
    Panel("mitdb, validation patients", "% of the beats", ("missed", "invented")),
)
BEST = 0.75  # share of the best weights in the final ones; the rest is that of the last
# the classes that a label allows: a QRS of unknown type may be either
MEANT = np.eye(UNTYPED + 1, VQRS + 1, dtype=np.float32)
MEANT[UNTYPED, [QRS, VQRS]] = 1.0


class Trainer:
    """The network, its optimizer and the state of every training stream.

    Parameters
    ----------
    size : Size
    rate : LearningRateSchedule
    seed : int
    """

    def __init__(self, size: Size, rate: keras.optimizers.schedules.LearningRateSchedule, seed: int) -> None:
        keras.utils.set_random_seed(seed)
        self.size = size
        self.parts = build(size)
        self.weights = [v for part in self.parts.values() for v in part.trainable_variables]
        self.optimizer = keras.optimizers.Adam(rate, global_clipnorm=1.0)
        self.optimizer.build(self.weights)
        self.average = [tf.Variable(w.value) for w in self.weights]
        self.h = tf.Variable(tf.zeros((STREAMS, size.forward)))
        self.c = tf.Variable(tf.zeros((STREAMS, size.forward)))
        self._steps = {segment: tf.function(self._step) for segment in set(SEGMENTS)}

    def _step(self, samples: tf.Tensor, labels: tf.Tensor, hop: int, context: int) -> tf.Tensor:
        with tf.GradientTape() as tape:
            probabilities, h, c = windowed(self.parts, samples, self.h, self.c, hop, context)
            known = tf.cast(labels != MASKED, tf.float32)
            truth = tf.gather(MEANT, tf.where(labels == MASKED, tf.zeros_like(labels), labels))
            likelihood = tf.reduce_sum(truth * probabilities, axis=-1)
            smooth = tf.reduce_mean(tf.math.log(probabilities + 1e-7), axis=-1)
            each = -(1 - SMOOTHING) * tf.math.log(likelihood + 1e-7) - SMOOTHING * smooth
            loss = tf.reduce_sum(each * known) / (tf.reduce_sum(known) + 1.0)
        gradients = tape.gradient(loss, self.weights)
        self.optimizer.apply_gradients(zip(gradients, self.weights, strict=True))
        seen = tf.cast(self.optimizer.iterations, tf.float32)
        decay = tf.minimum(AVERAGE, (1.0 + seen) / (10.0 + seen))
        for mean, weight in zip(self.average, self.weights, strict=True):
            mean.assign(decay * mean + (1 - decay) * weight)
        keep = tf.cast(tf.random.uniform((STREAMS, 1)) > RESET, tf.float32)
        self.h.assign(tf.stop_gradient(h) * keep)
        self.c.assign(tf.stop_gradient(c) * keep)
        return loss

    def step(self, samples: np.ndarray, labels: np.ndarray, segment: tuple[int, int]) -> float:
        """Learn from one batch and return its loss."""
        hop, context = segment
        right = context * self.size.stride + self.size.right_samples
        samples = samples[:, : self.size.left_samples + WINDOW + right]
        return float(self._steps[segment](tf.constant(samples), tf.constant(labels, tf.int32), hop, context))

    def swap(self) -> None:
        """Exchange the weights with their running average."""
        for mean, weight in zip(self.average, self.weights, strict=True):
            value = tf.identity(weight.value)
            weight.assign(mean)
            mean.assign(value)


def excerpts(teacher: Path | None) -> tuple[list[Excerpt], list[float]]:
    """Return what to train on and how often to draw each: as long a time of each database as its worth.

    Parameters
    ----------
    teacher : Path or None
        Folder of the model that labels mitdb, cinc2017 and the rest of qtdb; without, only what experts annotated is
        learned from.
    """
    groups = [(qtdb(False), 1.5), (ludb(False), 1.5)]
    if teacher:
        groups += [(teach(teacher, "qtdb"), 1.0), (teach(teacher, "mitdb"), 2.5), (follow(teacher), 0.8)]
    drawn, weights = [], []
    for group, share in groups:
        drawn += group
        worth = np.array([1.0 + 3.0 * _wide(e) for e in group])
        weights += list(share * worth / sum(w * len(e.signal) / e.fs for w, e in zip(worth, group, strict=True)))
    return drawn, weights


def _wide(excerpt: Excerpt) -> float:
    """Return the share of QRS complexes of 130 ms or more: such excerpts are drawn more often."""
    every = complexes(excerpt.waves)
    if not len(every):
        return 0.0
    return float(np.mean(every[:, 1] - every[:, 0] > 0.13 * excerpt.fs))


def train(
    out: Path,
    lessons: tuple[list[Excerpt], list[float]],
    epochs: int,
    peak: float,
    seed: int,
    start: Path | None = None,
    size: Size | None = None,
) -> Path:
    """Train one stage, with progress; one that was interrupted goes on where its last epoch ended.

    Parameters
    ----------
    out : Path
        Folder of the stage: `checkpoint`, `history.json`, `curves.png`, `last` and `best` (by validation), and `model`,
        which lies between these two.
    lessons : (list of Excerpt, list of float)
        What `excerpts` returned.
    epochs : int
        Of 100 batches, 5.3 hours of ECG each.
    peak : float
        Largest learning rate.
    seed : int
    start : Path, optional
        Folder of a model to begin with.
    size : Size, optional
        Of the network; default: the released one's.

    Returns
    -------
    Path
        Folder of the model.
    """
    size = size or Size()
    out.mkdir(parents=True, exist_ok=True)
    schedule = keras.optimizers.schedules.CosineDecay(
        peak / 20, epochs * STEPS, alpha=0.03, warmup_target=peak, warmup_steps=2 * STEPS
    )
    trainer = Trainer(size, schedule, seed)
    if start:
        for name, values in read_weights(start, trainer.parts).items():
            trainer.parts[name].set_weights(values)
        for mean, weight in zip(trainer.average, trainer.weights, strict=True):
            mean.assign(weight)
    checkpoint = tf.train.Checkpoint(
        optimizer=trainer.optimizer, weights=trainer.weights, average=trainer.average, h=trainer.h, c=trainer.c
    )
    manager = tf.train.CheckpointManager(checkpoint, str(out / "checkpoint"), max_to_keep=1)
    history: list[dict[str, float]] = []
    if manager.latest_checkpoint:
        checkpoint.restore(manager.latest_checkpoint).assert_existing_objects_matched()
        history = json.loads((out / "history.json").read_text())
    drawn, weights = lessons
    right = max(c for _, c in SEGMENTS) * size.stride + size.right_samples
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("training", total=epochs * STEPS, completed=len(history) * STEPS)
        for epoch in range(len(history), epochs):
            streams = Streams(
                drawn, weights, Augmenter(noises(False)), STREAMS, WINDOW, size.left_samples, right, seed * 1000 + epoch
            )
            random = np.random.default_rng([seed, epoch])
            losses = []
            for batch in streams.ahead(STEPS):
                segment = SEGMENTS[random.integers(len(SEGMENTS))]
                losses.append(trainer.step(batch.samples, batch.labels, segment))
                progress.advance(task)
            row = {"epoch": epoch, "loss": float(np.mean(losses))}
            if epoch % 5 == 4 or epoch == epochs - 1:
                trainer.swap()
                export(trainer.parts, size, out / "last", describe(size, trainer.parts))
                engine = load_engine("numba", "default", out / "last")
                row |= boundary_errors(engine) | beat_errors(engine)
                row["merit"] = merit(row)
                if row["merit"] <= min(r["merit"] for r in [*history, row] if "merit" in r):
                    shutil.copytree(out / "last", out / "best", dirs_exist_ok=True)
                trainer.swap()
            history.append(row)
            (out / "history.json").write_text(json.dumps(history, indent=1))
            manager.save()
            plot_curves(history, PANELS, out / "curves.png")
            progress.console.print(", ".join(f"{name} {value:.3g}" for name, value in row.items()))
    blend(out / "best", out / "last", size, out / "model")
    return out / "model"


def read_weights(folder: Path, parts: dict[str, keras.Model]) -> dict[str, list[np.ndarray]]:
    """Return the weights of a model folder, by part."""
    network = keras.saving.load_model(folder / "model.keras", compile=False)
    return {name: network.get_layer(name).get_weights() for name in parts}


def blend(one: Path, other: Path, size: Size, out: Path) -> None:
    """Write the model whose weights lie between two on one path of training (after Izmailov et al. 2018).

    Parameters
    ----------
    one, other, out : Path
        Model folders.
    size : Size
    """
    parts = build(size)
    first, second = read_weights(one, parts), read_weights(other, parts)
    for name, part in parts.items():
        part.set_weights([BEST * a + (1 - BEST) * b for a, b in zip(first[name], second[name], strict=True)])
    export(parts, size, out, describe(size, parts))
