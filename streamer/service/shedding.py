"""Which streams to let go when there are more than the machine can serve, and when to take them back."""

from collections.abc import Iterable
from statistics import median

OVERLOAD_MS = 500.0  # that chunks wait in the service, by the median over a second
CALM_MS = 50.0
SHARE = 0.1  # of the streams let go at a time,
RETURN = 0.05  # and of those let go taken back
CALM_S, LONGEST_S = 5, 80  # calm seconds until then; twice as long each time that it was too early


class Shedder:
    """Decides each second from how long chunks have waited.

    It lets go of whole streams, so that the others are served in time; those that came last go first.
    """

    def __init__(self) -> None:
        self._waits: list[float] = []
        self._calm = 0
        self._patience = CALM_S
        self._returned = False  # whether the last change was a return

    def waited(self, ms: float) -> None:
        """Take note of how long a live chunk has waited."""
        self._waits.append(ms)

    def decide(self, served: Iterable[str], shed: Iterable[str]) -> tuple[list[str], list[str]]:
        """Return the streams to let go and those to take back.

        Parameters
        ----------
        served : iterable of str
            Live streams, those that came last at the end.
        shed : iterable of str
            Those let go, the first of them first.
        """
        wait = median(self._waits) if self._waits else 0.0
        self._waits = []
        if wait >= OVERLOAD_MS:
            self._calm = 0
            if self._returned:
                self._patience = min(2 * self._patience, LONGEST_S)
            self._returned = False
            names = list(served)
            return names[len(names) - max(1, round(SHARE * len(names))) :] if len(names) > 1 else [], []
        names = list(shed)
        self._calm = self._calm + 1 if wait < CALM_MS else 0
        if names and self._calm >= self._patience:
            self._calm = 0
            self._returned = True
            return [], names[-max(1, round(RETURN * len(names))) :]
        if not names:
            self._patience = CALM_S
        return [], []
