"""The service: sockets, clock and loop around the detector."""

from streamer.service.service import Service
from streamer.service.sockets import ServiceError, require_loopback

__all__ = ["Service", "ServiceError", "require_loopback"]
