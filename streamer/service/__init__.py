"""The service: sockets, clock and loop around the detector."""

from streamer.service.service import Service
from streamer.service.sockets import ServiceError, batch_context, require_loopback

__all__ = ["Service", "ServiceError", "batch_context", "require_loopback"]
