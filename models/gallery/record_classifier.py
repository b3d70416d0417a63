"""The rhythm of a whole recording of any length.

From a question about the recordings of the 2017 challenge, 9000 to 18000 samples long, each with one of four labels:
pad and mask, crop, or map them to a fixed length? The answer was to begin with one layer. All three are here.

Input (frames, 30): frames of 100 ms of the signal, of mean 0 and SD 1. Output (4,): normal, atrial fibrillation, other,
too noisy. Loss: categorical cross-entropy, Adam at 1e-3.

The LSTM reads frames, not samples: over 9000 single steps neither gradients nor patience last. Its last state stands
for the recording, and it cannot say before the end.
"""

import keras
from keras import layers

from models.gallery.design import Design
from models.gallery.records import CLASSES, CROP, FRAME, MAP, PAD, Records

TITLES = {PAD: "padded and masked", CROP: "cropped to 30 s", MAP: "mapped to a fixed length"}


def build(frames: int) -> keras.Model:
    """Return the network."""
    return keras.Sequential(
        [
            keras.Input((frames, FRAME)),
            layers.Masking(),
            layers.LSTM(64),
            layers.Dense(len(CLASSES), activation="softmax"),
        ]
    )


def design(fit: str) -> Design:
    """Return the design with one of the three ways to treat lengths."""
    task = Records(fit)
    return Design(
        name=f"record-{fit}",
        title=f"record classifier, {TITLES[fit]}",
        build=lambda: build(task.samples // FRAME),
        task=task,
        steps=1500,
    )


DESIGNS = [design(fit) for fit in TITLES]
