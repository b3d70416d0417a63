"""`qrstream bench streams`: how many live streams one core holds."""

from collections.abc import Callable
from typing import Any, NamedTuple

import psutil
from rich.console import Console
from rich.table import Table

from streamer.load.feed import Signal
from streamer.load.served import Served
from streamer.load.trial import SERVICE, Trial, run

FIRST = 250
STEPS = 3  # halvings between the last number that held and the first that did not
LIMIT_MS = 100.0


class Step(NamedTuple):
    """A number of streams tried.

    Attributes
    ----------
    trial : Trial
    held : bool
        Whether p99 of transport, queue and compute was within the limit, nothing was lost, and no stream was let go.
    idle_mb : float
        Memory of the service before the first stream.
    ready_s : float
        From its start to ready.
    """

    trial: Trial
    held: bool
    idle_mb: float
    ready_s: float


def search(
    signals: list[Signal],
    arguments: list[str],
    chunk_ms: float,
    seconds: float,
    limit_ms: float = LIMIT_MS,
    told: Callable[[str], None] = lambda text: None,
) -> list[Step]:
    """Double the streams until the service on its core does not hold them, then halve what is between.

    Parameters
    ----------
    signals : list of Signal
    arguments : list of str
        More for `qrstream run`.
    chunk_ms, seconds : float
        Of each step.
    limit_ms : float
        That p99 of transport, queue and compute may reach.
    told : callable
        Told what is tried.

    Returns
    -------
    list of Step
        In the order tried.
    """
    cores = list(range(psutil.cpu_count() or 1))
    if len(cores) > 1:
        psutil.Process().cpu_affinity(cores[1:])
    steps: list[Step] = []

    def holds(streams: int) -> bool:
        told(f"{streams} streams")
        with Served(arguments, core=cores[0]) as served:
            idle = served.usage()
            try:
                trial = run(signals, served.ingest, served.events, streams, chunk_ms, seconds, served=served)
            except TimeoutError:  # so far beyond what it holds that the streams do not come to their end
                return False
            p99 = trial.ms(SERVICE, 99)
            bad = trial.lost or trial.sent.dropped or trial.codes.get("shed")
            held = p99 is not None and p99 <= limit_ms and not bad
            steps.append(Step(trial, held, idle.memory / 1e6, served.ready_s))
        return steps[-1].held

    most_that_hold(holds)
    if len(cores) > 1:
        psutil.Process().cpu_affinity(cores)
    return steps


def most_that_hold(holds: Callable[[int], bool]) -> int:
    """Return the largest number tried that held.

    Parameters
    ----------
    holds : callable
        Whether a number of streams is held.
    """
    most = FIRST
    while holds(most):
        most *= 2
    least = most // 2 if most > FIRST else 0
    for _ in range(STEPS):
        middle = (least + most) // 2
        least, most = (middle, most) if holds(middle) else (least, middle)
    return least


def streams_per_core(steps: list[Step]) -> int:
    """Return the largest number that held."""
    return max((step.trial.plan.streams for step in steps if step.held), default=0)


def rows(steps: list[Step]) -> list[dict[str, Any]]:
    """Return the steps as plain values, by streams."""
    return [
        {
            "streams": step.trial.plan.streams,
            "held": step.held,
            "cpu_percent": round(100 * (step.trial.cores or 0.0), 1),
            "idle_mb": round(step.idle_mb, 1),
            "memory_mb": round(step.trial.after.memory / 1e6, 1) if step.trial.after else None,
            "service_p50_ms": step.trial.ms(SERVICE, 50),
            "service_p99_ms": step.trial.ms(SERVICE, 99),
            "total_p99_ms": step.trial.ms("total", 99),
            "beats": step.trial.histograms[SERVICE].total_count,
            "lost_events": step.trial.lost,
            "shed": step.trial.codes.get("shed", 0),
            "feed_late_p99_ms": round(step.trial.sent.late_ms, 1),
            "ready_s": round(step.ready_s, 2),
        }
        for step in sorted(steps, key=lambda step: step.trial.plan.streams)
    ]


def print_steps(steps: list[Step], limit_ms: float, console: Console) -> None:
    """Print a table of the steps."""
    table = Table(title="Live streams on one core", title_justify="left")
    for column in ("streams", "CPU", "memory", "sent to computed p50", "p99", "total p99", "lost", "shed", ""):
        table.add_column(column, justify="right")
    for row in rows(steps):
        table.add_row(
            str(row["streams"]),
            f"{row['cpu_percent']:.0f} %",
            f"{row['memory_mb']:.0f} MB",
            *(f"{row[name]:.1f} ms" for name in ("service_p50_ms", "service_p99_ms", "total_p99_ms")),
            str(row["lost_events"]),
            str(row["shed"]),
            "holds" if row["held"] else "does not",
        )
    console.print(table)
    console.print(
        f"{streams_per_core(steps)} streams on one core with p99 from planned sending to computed within "
        f"{limit_ms:g} ms, and ready {min(step.ready_s for step in steps):.2f} s after the start."
    )
