"""Put the measured tables into the documents that show them: `python -m tools.report`."""

import json
import re
from pathlib import Path

import typer

DOCS = Path(__file__).parents[1] / "docs"
PLACE = re.compile(r"<!-- table (?P<file>\w+) (?P<number>\d+) -->.*?<!-- end -->", re.DOTALL)


def filled(text: str, tables: Path) -> str:
    """Return a document with its tables as they were measured last.

    Parameters
    ----------
    text : str
        Between `<!-- table FILE NUMBER -->` and `<!-- end -->` goes that table of `FILE.json`.
    tables : Path
        Folder of the files.
    """

    def put(place: re.Match[str]) -> str:
        file, number = place["file"], int(place["number"])
        title, table = list(json.loads((tables / f"{file}.json").read_text())["tables"].items())[number - 1]
        return f"<!-- table {file} {number} -->\n**{title}**\n\n{table}\n<!-- end -->"

    return PLACE.sub(put, text)


def main() -> None:
    """Fill in the documents from docs/tables."""
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text()
        if PLACE.search(text):
            path.write_text(filled(text, DOCS / "tables"))
            typer.echo(f"filled in {path.relative_to(DOCS.parent)}")


if __name__ == "__main__":
    typer.run(main)
