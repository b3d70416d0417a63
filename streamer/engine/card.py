"""The card of a released model: what a machine must know to run it, and what a person must know to trust it."""

import hashlib
import math
from importlib.resources import files
from pathlib import Path

import msgspec

CARD, SUMS = "card.json", "SHA256SUMS"


class ModelError(ValueError):
    """A model folder that cannot be used; the message says why."""


class Segment(msgspec.Struct, frozen=True):
    """How the signal is cut for the network, in samples at the model's rate.

    Attributes
    ----------
    hop : int
        New samples of each call, and outputs of each call.
    right_context : int
        Samples after the last of the hop that the network sees, the right half of its convolutions included.
    """

    hop: int
    right_context: int


class Logistic(msgspec.Struct, frozen=True):
    """What turns a score into a probability: 1 / (1 + exp(-(bias + slope * log-odds of the score))).

    After Platt 1999, "Probabilistic outputs for support vector machines".

    Attributes
    ----------
    slope, bias : float
    """

    slope: float
    bias: float

    def __call__(self, score: float) -> float:
        """Return the probability."""
        return 1.0 / (1.0 + math.exp(-(self.bias + self.slope * log_odds(score))))


def log_odds(score: float) -> float:
    """Return the log-odds of a score, kept within 0.001 and 0.999."""
    score = min(max(score, 0.001), 0.999)
    return math.log(score / (1.0 - score))


class RhythmCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the rhythm network in the same folder.

    Attributes
    ----------
    classes, features : list of str
        Of the outputs and of the inputs, in order.
    width : int
        Of the LSTM.
    parameters : int
    trained_on, limits : list of str
    figures : dict
    """

    classes: list[str]
    features: list[str]
    width: int
    parameters: int
    trained_on: list[str]
    limits: list[str]
    figures: dict[str, dict[str, float]]


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`card.json` of a model folder.

    Attributes
    ----------
    format : int
        1.
    name, version : str
    rate : int
        Hz that the network reads.
    classes : list of str
        Of the outputs, in order.
    stride : int
        Samples per step of the LSTMs.
    receptive, right_samples : int
        Samples that one step's convolutions see, and how many of them lie after the step's own.
    features, forward, backward : int
        Width of the convolutions' output and of the two LSTMs.
    parameters : int
    profiles : dict of Segment
    state : dict
        Name to shape of each state tensor of a row; `context` stands for the steps of the right context.
    trained_on, licences, limits : list of str
    figures : dict
        What `make evaluate` printed when the model was released.
    confidence, ventricular : Logistic, optional
        From the network's mean score of a beat to the probability that it is one, and likewise that it is ventricular;
        without them the scores are told as they are.
    rhythm : RhythmCard, optional
        Without it there is no rhythm network: only what is defined by rate and time is told.
    window : int, optional
        Samples that the network reads anew each hop; without it, it is a latency-controlled BiLSTM.
    """

    format: int
    name: str
    version: str
    rate: int
    classes: list[str]
    stride: int
    receptive: int
    right_samples: int
    features: int
    forward: int
    backward: int
    parameters: int
    profiles: dict[str, Segment]
    state: dict[str, list[int | str]]
    trained_on: list[str]
    licences: list[str]
    limits: list[str]
    figures: dict[str, dict[str, float]]
    confidence: Logistic | None = None
    ventricular: Logistic | None = None
    rhythm: RhythmCard | None = None
    window: int | None = None

    def segment(self, profile: str) -> Segment:
        """Return the segment of a profile.

        Raises
        ------
        ValueError
            If the model has no such profile; the message names those it has.
        """
        if profile not in self.profiles:
            raise ValueError(f"profile is {str(profile)!r}; expected one of {', '.join(sorted(self.profiles))}")
        return self.profiles[profile]


class Model(msgspec.Struct, frozen=True):
    """A model folder whose files are what they were when it was released.

    Attributes
    ----------
    folder : Path
    card : Card
    digest : str
        SHA-256 over the folder's checksums: state made with another model is refused by it.
    """

    folder: Path
    card: Card
    digest: str


def default_folder() -> Path:
    """Return the folder of the model that comes with the package (in a clone: `models/released/default`)."""
    inside = Path(str(files("streamer"))) / "model"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "models" / "released" / "default"


def load_model(folder: Path | None = None) -> Model:
    """Read a model folder and verify its checksums.

    Parameters
    ----------
    folder : Path, optional
        Default: the model that comes with the package.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        If the folder is not a model, is damaged, or is of another format.
    """
    folder = default_folder() if folder is None else Path(folder)
    if not (folder / SUMS).is_file():
        raise ModelError(f"{folder} is not a model folder: it has no {SUMS}")
    sums = (folder / SUMS).read_bytes()
    listed: dict[str, str] = {}
    for line in sums.decode().splitlines():
        checksum, _, name = line.partition("  ")
        listed[name] = checksum
    if CARD not in listed:
        raise ModelError(f"{folder / SUMS} does not list {CARD}")
    for name, expected in listed.items():
        path = folder / name
        if not path.is_file():
            raise ModelError(f"{path} is missing; {SUMS} lists it")
        if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            raise ModelError(f"{path} does not have the checksum in {SUMS}: the file is damaged or was changed")
    try:
        card = msgspec.json.decode((folder / CARD).read_bytes(), type=Card)
    except msgspec.MsgspecError as error:
        raise ModelError(f"{folder / CARD} is not a card that this version understands: {error}") from None
    if card.format != 1:
        raise ModelError(f"{folder / CARD} has format {card.format}; this version reads format 1")
    return Model(folder, card, hashlib.sha256(sums).hexdigest())
