"""qrstream: live ECG in, QRS complexes out, with their latency."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamer.detect import Beat, Detector, DetectorPool, Event, Onset, Rhythm, StateError, Status, Wave, Waves

__version__ = "0.1.0"
__all__ = ["Beat", "Detector", "DetectorPool", "Event", "Onset", "Rhythm", "StateError", "Status", "Wave", "Waves"]


def __getattr__(name: str) -> Any:
    """Import the detector when it is first asked for: numba and ONNX Runtime take a while."""
    if name in __all__:
        from streamer import detect

        return getattr(detect, name)
    raise AttributeError(f"module 'streamer' has no attribute {name!r}")
