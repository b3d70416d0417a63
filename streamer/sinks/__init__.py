"""Where events go besides the wire: WFDB annotations."""

from streamer.sinks.annotations import write_annotations

__all__ = ["write_annotations"]
