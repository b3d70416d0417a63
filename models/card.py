"""What a card says of a network before it is released."""

import keras

from models.architecture import CLASSES, Size
from models.export import PROFILES, RATE
from streamer.engine.card import Card

TRAINED_ON = [
    "QT Database, training patients: manual boundaries (q1c)",
    "LUDB, training patients: manual boundaries of twelve leads",
    "MIT-BIH Arrhythmia Database and the rest of qtdb, training patients: beats and their types by hand, P and T by a "
    "teacher (an earlier model of ours), no boundaries of QRS",
    "PhysioNet/CinC Challenge 2017, training patients: P, QRS and T where a teacher is sure",
    "MIT-BIH Noise Stress Test noises, first two thirds of what was to be had",
    "Calibration of confidence and ventricular probability: mitdb, all patients here, clean and with noise",
]
LICENCES = [
    "All databases: PhysioNet, Open Data Commons Attribution License v1.0 (Goldberger et al. 2000)",
    "qtdb: Laguna et al. 1997; ludb: Kalyakulina et al. 2020; mitdb: Moody & Mark 2001; nstdb: Moody et al. 1984; "
    "challenge-2017: Clifford et al. 2017",
]
LIMITS = [
    "Adults, at rest and ambulatory. Never seen: children, ventricular fibrillation (nothing told there counts). "
    "Rarely seen: paced hearts (four records), ventricular tachycardia",
    "Boundaries are those of the experts of qtdb and ludb, who differ by more than the detector (docs/accuracy.md)",
    "Fusion beats, and the wide beats of bundle branch block, are mistaken for ventricular ones and conversely",
    "A P is looked for before a QRS: one that no QRS follows (AV block) is not told",
    "Not a medical device",
]


def describe(size: Size, parts: dict[str, keras.Model]) -> Card:
    """Return the card of a network that has not been measured yet.

    Parameters
    ----------
    size : Size
    parts : dict of keras.Model
    """
    width = size.channels[2]
    return Card(
        format=1,
        name="default",
        version="0.1.0",
        rate=RATE,
        classes=list(CLASSES),
        stride=size.stride,
        receptive=size.receptive,
        right_samples=size.right_samples,
        features=width,
        forward=size.forward,
        backward=size.backward,
        parameters=sum(part.count_params() for part in parts.values()),
        profiles=PROFILES,
        state={
            "samples": [size.receptive - size.stride],
            "features": ["context", width],
            "h": [size.forward],
            "c": [size.forward],
        },
        trained_on=TRAINED_ON,
        licences=LICENCES,
        limits=LIMITS,
        figures={},
    )
