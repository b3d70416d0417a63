"""Typed messages, topics and their encoding; described in docs/protocol.md."""

from streamer.wire.codec import decode_chunk, decode_event, encode_chunk, encode_event, topic
from streamer.wire.messages import VERSION, Chunk, EventMessage, Header, Latency, WireError

__all__ = [
    "VERSION",
    "Chunk",
    "EventMessage",
    "Header",
    "Latency",
    "WireError",
    "decode_chunk",
    "decode_event",
    "encode_chunk",
    "encode_event",
    "topic",
]
