"""The commands: what is measured, and where it goes."""

import sys
from contextlib import ExitStack
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import Progress

from streamer.about import machine
from streamer.engine import load_model
from streamer.latency import algorithmic
from streamer.load import bench
from streamer.load.feed import BEGINNING
from streamer.load.served import Served
from streamer.load.signals import load_signals
from streamer.load.summary import as_json, over_budget, parse_budget, print_table, whole
from streamer.load.trial import Trial, run


def measure(
    records: list[Path],
    lead: str | None,
    runs: list[tuple[int, float]],
    seconds: float,
    speed: float,
    running: tuple[str, str] | None,
    profile: str,
    report: Path | None,
    json: bool,
    budgets: list[str],
) -> list[str]:
    """Measure the latency of some runs, and print and write what came out.

    Parameters
    ----------
    records : list of Path
        Empty: simulated hearts.
    lead : str or None
    runs : list of (int, float)
        Streams, and length of a chunk in ms.
    seconds, speed : float
    running : (str, str) or None
        Ingest and events of a running service.
    profile : str
        Of an own service.
    report : Path or None
        Folder for pictures, JSON and .hgrm files.
    json : bool
    budgets : list of str

    Returns
    -------
    list of str
        What was over budget.

    Raises
    ------
    ValueError
        If a budget or the report's folder cannot be used.
    FeedError
        If a recording cannot be read.
    ServiceError
        If the service does not start.
    """
    allowed = [parse_budget(text) for text in budgets]
    if report:
        from streamer.report import check

        check(report)
    signals = load_signals(records, lead)
    trials: list[Trial] = []
    with ExitStack() as stack:
        served = None if running else stack.enter_context(Served(["--profile", profile]))
        ingest, events = running or (served.ingest, served.events)  # type: ignore[union-attr]
        progress = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
        for streams, chunk_ms in runs:
            task = progress.add_task(f"{streams} streams, {chunk_ms:g} ms", total=seconds + streams / BEGINNING)
            try:
                trials.append(
                    run(
                        signals, ingest, events, streams, chunk_ms, seconds, speed, served,
                        lambda done, task=task: progress.update(task, completed=done),  # type: ignore[misc]
                    )
                )  # fmt: skip
            except TimeoutError as error:
                raise ValueError(f"{error}; is a service at {ingest} and {events}?") from None
            progress.remove_task(task)
    delays = None if running else algorithmic(signals[0].fs, load_model().card.segment(profile))
    console = Console(width=160)
    if json:
        sys.stdout.write(as_json(trials, profile).decode() + "\n")
    else:
        console.print(machine())
        print_table(trials, delays, console)
    if report:
        from streamer.load.pictures import draw

        report.mkdir(parents=True, exist_ok=True)
        (report / "latency.json").write_bytes(as_json(trials, profile))
        for trial in trials:
            path = report / f"{trial.plan.streams}-streams-{trial.plan.chunk_ms:g}-ms.hgrm"
            with path.open("wb") as file:
                trial.histograms[whole(trial)].output_percentile_distribution(file, 1000.0)
        with (report / "latency.txt").open("w") as file:
            text = Console(file=file, width=160)
            text.print(machine())
            print_table(trials, delays, text)
        draw(trials, delays, report / "latency.png")
        Console(stderr=True).print(f"wrote {report}", highlight=False)
    return over_budget(trials, allowed)


def bench_streams(
    records: list[Path], chunk_ms: float, seconds: float, limit_ms: float, profile: str, json: bool
) -> None:
    """Search for the number of streams that a core holds, and print it.

    Parameters
    ----------
    records : list of Path
        Empty: simulated hearts.
    chunk_ms, seconds, limit_ms : float
    profile : str
    json : bool
    """
    signals = load_signals(records)
    with Console(stderr=True).status("starting") as status:
        steps = bench.search(signals, ["--profile", profile], chunk_ms, seconds, limit_ms, status.update)
    if json:
        result = {
            "machine": machine().splitlines(),
            "profile": profile,
            "chunk_ms": chunk_ms,
            "limit_ms": limit_ms,
            "signals": "recordings" if records else "simulated",
            "streams_per_core": bench.streams_per_core(steps),
            "steps": bench.rows(steps),
        }
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n")
    else:
        console = Console(width=120)
        console.print(machine())
        bench.print_steps(steps, limit_ms, console)
