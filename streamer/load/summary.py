"""What was measured, as a table, as JSON, and held against a budget."""

import re

import msgspec
from rich.console import Console
from rich.table import Table

from streamer.about import machine
from streamer.latency import Algorithmic
from streamer.load.trial import ARRIVAL, DELIVERY, MEASURED, Trial

PERCENTILES = (50.0, 90.0, 99.0, 99.9)
SHOWN = ("chunk", "transport", "queue", "compute", "publish", ARRIVAL)


def whole(trial: Trial) -> str:
    """Return the stage that counts: the total where the clocks can be compared, else the delivery."""
    return "total" if trial.histograms["total"].total_count else DELIVERY


def parse_budget(text: str) -> tuple[float, float]:
    """Read a budget such as `p99=200ms`.

    Returns
    -------
    percentile, ms : float

    Raises
    ------
    ValueError
        If it is none.
    """
    found = re.fullmatch(r"p(\d{1,2}(?:\.\d+)?)=(\d+(?:\.\d+)?)ms", text.strip())
    if not found:
        raise ValueError(f"budget is {text!r}; expected such as p99=200ms")
    return float(found[1]), float(found[2])


def over_budget(trials: list[Trial], budgets: list[tuple[float, float]]) -> list[str]:
    """Return a sentence for each budget that a trial has exceeded, or that nothing could be held against."""
    sentences = []
    for trial in trials:
        stage = whole(trial)
        for percentile, most in budgets:
            ms = trial.ms(stage, percentile)
            name = f"{trial.plan.streams} streams, chunks of {trial.plan.chunk_ms:g} ms"
            if ms is None:
                sentences.append(f"{name}: no beat came that could be held against p{percentile:g}={most:g}ms")
            elif ms > most:
                sentences.append(f"{name}: p{percentile:g} of the {stage} is {ms:.1f} ms; the budget is {most:g} ms")
    return sentences


def as_json(trials: list[Trial], profile: str) -> bytes:
    """Return everything measured as JSON, times in ms."""
    runs = []
    for trial in trials:
        stages = {}
        for stage in MEASURED:
            histogram = trial.histograms[stage]
            if histogram.total_count:
                at = {f"p{p:g}": histogram.get_value_at_percentile(p) / 1000 for p in PERCENTILES}
                stages[stage] = {"count": histogram.total_count, **at, "max": histogram.max_value / 1000}
        runs.append(
            {
                "streams": trial.plan.streams,
                "chunk_ms": trial.plan.chunk_ms,
                "seconds": trial.plan.seconds,
                "speed": trial.plan.speed,
                "feed": trial.sent._asdict(),
                "lost_events": trial.lost,
                "status": trial.codes,
                "cores": trial.cores,
                "memory_mb": trial.after.memory / 1e6 if trial.after else None,
                "stages_ms": stages,
            }
        )
    result = {"machine": machine().splitlines(), "profile": profile, "runs": runs}
    return msgspec.json.format(msgspec.json.encode(result), indent=2)


def print_table(trials: list[Trial], delay: Algorithmic | None, console: Console) -> None:
    """Print the stages of each trial: median / 99th percentile in ms.

    Parameters
    ----------
    trials : list of Trial
    delay : Algorithmic or None
        By design, if the service's profile is known.
    console : Console
    """
    table = Table(title="End of QRS to the subscriber, p50 / p99 in ms", title_justify="left")
    for column in ("streams", "chunk", "beats", "algorithmic", *SHOWN, "total", "max", "lost"):
        table.add_column(column, justify="right")
    for trial in trials:
        stage = whole(trial)
        cells = [f"{trial.plan.streams}", f"{trial.plan.chunk_ms:g}", f"{trial.histograms[DELIVERY].total_count}"]
        for name in ("algorithmic", *SHOWN, stage):
            cells.append(_pair(trial, name))
        largest = trial.ms(stage, 100)
        table.add_row(*cells, "" if largest is None else f"{largest:.0f}", str(trial.lost))
    console.print(table)
    if any(whole(trial) == DELIVERY for trial in trials):
        console.print("Not at the speed of life: the total is counted from the planned sending of the chunk.")
    if delay:
        parts = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in delay._asdict().items())
        console.print(f"By design at most {delay.largest:g} ms of signal ({parts}).")
    for trial in trials:
        if trial.sent.dropped or trial.sent.late_ms > 20:
            console.print(
                f"Read with care: the feed of {trial.plan.streams} streams was itself late (p99 "
                f"{trial.sent.late_ms:.0f} ms), and dropped {trial.sent.dropped} chunks."
            )


def _pair(trial: Trial, stage: str) -> str:
    median, high = trial.ms(stage, 50), trial.ms(stage, 99)
    if median is None or high is None:
        return "-"
    digits = 0 if high >= 20 else 2
    return f"{median:.{digits}f} / {high:.{digits}f}"
