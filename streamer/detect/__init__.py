"""From samples to beats: `Detector` for one stream, `DetectorPool` for many."""

from streamer.detect.detector import Detector, StateError
from streamer.detect.events import Beat, Event, Onset, Status, Wave, Waves
from streamer.detect.pool import DetectorPool

__all__ = ["Beat", "Detector", "DetectorPool", "Event", "Onset", "StateError", "Status", "Wave", "Waves"]
