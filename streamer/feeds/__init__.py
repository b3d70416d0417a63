"""Feeds: the simulator, WFDB and CSV recordings, and the player that sends them."""

from streamer.feeds.player import Faults, Player
from streamer.feeds.recording import Recording, open_csv, open_recording, open_wfdb
from streamer.feeds.simulator import Simulator, parse_script
from streamer.feeds.source import FeedError, Source

__all__ = [
    "Faults",
    "FeedError",
    "Player",
    "Recording",
    "Simulator",
    "Source",
    "open_csv",
    "open_recording",
    "open_wfdb",
    "parse_script",
]
