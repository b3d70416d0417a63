"""From samples to beats: `Detector` for one stream, `DetectorPool` for many."""

from streamer.detect.detector import Detector
from streamer.detect.events import Beat, Event, Evidence, Onset, Rhythm, Status, Wave, Waves
from streamer.detect.pool import DetectorPool
from streamer.detect.snapshot import StateError

__all__ = [
    "Beat",
    "Detector",
    "DetectorPool",
    "Event",
    "Evidence",
    "Onset",
    "Rhythm",
    "StateError",
    "Status",
    "Wave",
    "Waves",
]
