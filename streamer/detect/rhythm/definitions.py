"""What of a rhythm is definition and not pattern: rates, pauses, and runs of ventricular beats."""

from collections.abc import Sequence

BRADY, TACHY = 50.0, 100.0  # beats a minute (Kusumoto et al. 2018; Page et al. 2015),
RATE_BEATS = 8  # mean of as many RR intervals,
RETURN = 0.05  # and by this part back again before it is over
PAUSE_S, ASYSTOLE_S = 3.0, 4.0  # without a beat (Kusumoto et al. 2018; Clifford et al. 2015)
RUN, RUN_RATE = 3, 100.0  # ventricular beats in a row, at more than this rate (Brugada et al. 2019)
HEARD = 0.5  # share of a silence that must have been heard to be one of the heart


def mean_rate(rr_ms: Sequence[float]) -> float:
    """Return beats a minute."""
    return 60_000 * len(rr_ms) / sum(rr_ms)


class Definitions:
    """Follows the beats of a stream and says which definitions are met, and from which sample on.

    Attributes
    ----------
    met : dict
        Name to sample: `brady`, `tachy`, `pause`, `asystole`, `ventricular_run`, `fibrillation`.
    """

    def __init__(self) -> None:
        self.met: dict[str, float] = {}
        self._beats: list[list[float]] = []  # sample and RR in ms of the last beats
        self._run: list[list[float]] = []  # the same of the ventricular beats of this run

    def beat(self, at: float, rr_ms: float | None, ventricular: bool) -> None:
        """Take a beat at a sample."""
        if "fibrillation" in self.met:
            return
        for name in ("pause", "asystole"):
            self.met.pop(name, None)
        if rr_ms is None:
            self.interrupt()
        self._beats = [*self._beats, [at, rr_ms or 0.0]][-RATE_BEATS - 1 :]
        if len(self._beats) > RATE_BEATS:
            self._rate(mean_rate([rr for _, rr in self._beats[1:]]), self._beats[0][0])
        self._run = [*self._run, [at, rr_ms or 0.0]] if ventricular else []
        # only as long as the run itself is fast: its first beat comes at any time after the one before
        within = [rr for _, rr in self._run[1:]]
        if len(self._run) >= RUN and mean_rate(within) > RUN_RATE:
            self.met.setdefault("ventricular_run", self._run[0][0])
        else:
            self.met.pop("ventricular_run", None)

    def _rate(self, rate: float, since: float) -> None:
        for name, bound, over in (("brady", BRADY, BRADY - rate), ("tachy", TACHY, rate - TACHY)):
            if over > 0:
                self.met.setdefault(name, since)
            elif over < -RETURN * bound:
                self.met.pop(name, None)

    def fibrillation(self, at: float, fibrillating: bool) -> None:
        """Take note whether the ventricles fibrillate, from a sample on; what is then taken for beats is none."""
        if fibrillating and "fibrillation" not in self.met:
            self.interrupt()
            self.met["fibrillation"] = at
        elif not fibrillating:
            self.met.pop("fibrillation", None)

    def silence(self, last: float, seconds: float, heard: float) -> None:
        """Take time without beats.

        Parameters
        ----------
        last : float
            Sample of the last beat.
        seconds : float
            Since then.
        heard : float
            Share of the samples that were not lost.
        """
        if heard < HEARD:
            for name in ("pause", "asystole"):
                self.met.pop(name, None)
            return
        for name, least in (("pause", PAUSE_S), ("asystole", ASYSTOLE_S)):
            if seconds >= least and "fibrillation" not in self.met:
                self.met.setdefault(name, last)
        if seconds >= PAUSE_S:
            for name in ("brady", "tachy", "ventricular_run"):
                self.met.pop(name, None)

    def interrupt(self) -> None:
        """Forget the beats: the next is not their successor."""
        self._beats, self._run = [], []
        self.met.clear()

    def state(self) -> dict[str, object]:
        """Return everything that is remembered."""
        return {"met": dict(self.met), "beats": self._beats, "run": self._run}

    def load(self, state: dict[str, object]) -> None:
        """Go on from what `state` returned."""
        self.met, self._beats, self._run = dict(state["met"]), state["beats"], state["run"]  # type: ignore
