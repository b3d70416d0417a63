"""The service: sockets, clock and loop around the detector."""

from streamer.service.service import Service, collect_rarely
from streamer.service.sockets import ServiceError, batch_context, require_loopback
from streamer.service.supervisor import Supervisor

__all__ = ["Service", "ServiceError", "Supervisor", "batch_context", "collect_rarely", "require_loopback"]
