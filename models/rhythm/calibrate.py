"""Calibrate the probabilities of the rhythm network on the validation patients."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from models.rhythm.data import Beats

LEAST, MOST = 0.3, 5.0


def temperature(records: list[Beats], logits: dict[str, NDArray[np.float32]]) -> float:
    """Return by what the logits are to be divided to be likeliest (Guo et al. 2017).

    Each database counts as much as the others; steps that may be of several rhythms count by the sum of these.

    Parameters
    ----------
    records : list of Beats
        Of patients that were not trained on.
    logits : dict of ndarray
        What `models.rhythm.validate.predict` returned.
    """
    groups: dict[str, list[Beats]] = {}
    for b in records:
        if len(b.at):
            groups.setdefault(b.name.split("/")[0], []).append(b)

    def loss(divisor: float) -> float:
        total = 0.0
        for group in groups.values():
            x = np.concatenate([logits[b.name] for b in group]).astype(np.float64) / divisor
            meant = np.concatenate([b.meant for b in group])
            known = meant.any(axis=1)
            allowed = np.where(meant[known], x[known], -np.inf)
            total -= float(np.mean(logsumexp(allowed, axis=1) - logsumexp(x[known], axis=1)))
        return total

    return float(minimize_scalar(loss, bounds=(LEAST, MOST), method="bounded").x)
