"""Beats to rhythm: what the network reads, what is defined, and how both become events."""

from streamer.detect.rhythm.episodes import Episode, episodes
from streamer.detect.rhythm.intervals import RhythmDetector

__all__ = ["Episode", "RhythmDetector", "episodes"]
