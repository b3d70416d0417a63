"""`qrstream detect` and `info`: a recording through the detector, and what a bug report needs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from streamer.cli.options import (
    EngineOption,
    FsOption,
    LeadOption,
    ModelOption,
    Profile,
    ProfileOption,
    UnitOption,
    sentences,
)


def detect(
    record: Annotated[Path, typer.Argument(help="WFDB record or CSV file.")],
    lead: LeadOption = None,
    jsonl: Annotated[
        str | None, typer.Option(help="File for the events, one JSON object a line; - prints them.")
    ] = None,
    annotations: Annotated[str | None, typer.Option(help="Extension of a WFDB annotation file to write.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the annotation file.")] = Path(),
    report: Annotated[
        Path | None, typer.Option(help="Folder for a picture of heart rate and rhythm, and a table of episodes.")
    ] = None,
    fs: FsOption = None,
    unit: UnitOption = None,
    profile: ProfileOption = Profile.default,
    model: ModelOption = None,
    engine: EngineOption = None,
) -> None:
    """Run a recording through the streaming detector, as fast as it goes."""
    with sentences():
        from streamer.detect.rhythm.episodes import episodes
        from streamer.feeds import open_recording
        from streamer.offline import detect_recording, record_class, summary, write_lines
        from streamer.report import check, write_report
        from streamer.sinks.annotations import final_beats, final_waves, write_annotations

        if report:
            check(report)
        recording = open_recording(record, lead, fs, unit)
        for name, its_unit in recording.left_out.items():
            typer.echo(f"left out: {name}, in {its_unit} and not mV or uV", err=True)
        events = detect_recording(recording, profile, model, engine)
        found = episodes(events, recording.length or 0)
        if jsonl:
            write_lines(events, sys.stdout if jsonl == "-" else Path(jsonl))
        if annotations:
            waves = final_waves(events)
            path = write_annotations(
                final_beats(events), recording.name, annotations, out, recording.fs, waves, rhythms=found
            )
            typer.echo(f"wrote {path}", err=True)
        if report:
            for path in write_report(events, found, recording.name, recording.fs, recording.length or 0, report):
                typer.echo(f"wrote {path}", err=True)
        summary(recording, events, found, record_class(recording, events, model))


def info(model: ModelOption = None, engine: EngineOption = None) -> None:
    """Print what a bug report needs: versions, model, latency by design, machine."""
    with sentences():
        from streamer.about import describe

        typer.echo(describe(model, engine))
