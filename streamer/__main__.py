"""`python -m streamer` is `qrstream`."""

from streamer.cli import entry

entry()
