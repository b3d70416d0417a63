"""Frames to messages and back."""

import re
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamer.wire.messages import DTYPES, NAME, Chunk, EventMessage, Header, WireError

MAX_HEADER = 4096

_header = msgspec.json.Decoder(Header)
_event: msgspec.json.Decoder[EventMessage] = msgspec.json.Decoder(EventMessage)
_encoder = msgspec.json.Encoder()
_name = re.compile(NAME)


def topic(kind: str, stream: str | None = None) -> bytes:
    """Return `kind/` or `kind/stream/`; the last stroke keeps `bed-1` from being also `bed-10`."""
    return f"{kind}/{stream}/".encode() if stream else f"{kind}/".encode()


def encode_chunk(header: Header, samples: NDArray[np.generic]) -> list[bytes]:
    """Return the three frames of a chunk.

    Parameters
    ----------
    header : Header
        Its `n` and `dtype` must be those of the samples.
    samples : ndarray, shape (n, leads)
    """
    payload = np.ascontiguousarray(samples, DTYPES[header.dtype]).tobytes()
    return [topic("ecg", header.stream), _encoder.encode(header), payload]


@lru_cache(maxsize=1 << 14)
def stream_of(where: bytes) -> str:
    """Return the stream that the topic of a chunk names.

    Raises
    ------
    WireError
        If it is no such topic.
    """
    parts = where.decode("ascii", "replace").split("/")
    if len(parts) == 3 and parts[0] == "ecg" and parts[2] == "" and _name.fullmatch(parts[1]):
        return parts[1]
    shown = where[:80].decode("ascii", "backslashreplace")
    raise WireError(
        f"topic is '{shown}'; expected ecg/<stream>/ with a name of 1 to 64 letters, digits, '.', '_' or '-'"
    )


def decode_chunk(frames: list[bytes]) -> Chunk:
    """Read and check a chunk.

    Parameters
    ----------
    frames : list of bytes
        Topic, header, samples.

    Returns
    -------
    Chunk
        Its samples look into the third frame; nothing is copied.

    Raises
    ------
    WireError
        If anything is not as `docs/protocol.md` says. Its `stream` is the one in the topic, where that is a name.
    """
    stream = stream_of(frames[0])
    if len(frames) != 3:
        raise WireError(f"the message has {len(frames)} frames; expected 3: topic, header, samples", stream)
    if len(frames[1]) > MAX_HEADER:
        raise WireError(f"the header has {len(frames[1])} bytes; expected at most {MAX_HEADER}", stream)
    try:
        header = _header.decode(frames[1])
    except msgspec.ValidationError as error:
        raise WireError(_explain(str(error)), stream) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise WireError("the header is not JSON; expected an object as in docs/protocol.md", stream) from None
    if header.stream != stream:
        raise WireError(f"the topic names {stream}, the header {header.stream}; expected the same", stream)
    leads = len(header.leads)
    if leads > 1 and len(set(header.leads)) < leads:
        raise WireError(f"lead names {', '.join(header.leads)} are not unique", stream)
    if isinstance(header.scale, list):
        _check_count("scale", header.scale, leads, stream)
    if isinstance(header.zero, list):
        _check_count("zero", header.zero, leads, stream)
    dtype = DTYPES[header.dtype]
    expected = header.n * leads * dtype.itemsize
    if len(frames[2]) != expected:
        raise WireError(
            f"the samples have {len(frames[2])} bytes; expected {expected}: "
            f"{header.n} samples x {leads} leads x {dtype.itemsize} bytes",
            stream,
        )
    return Chunk(header, np.ndarray((header.n, leads), dtype, frames[2]))


def _check_count(name: str, values: list[float], leads: int, stream: str) -> None:
    if len(values) != leads:
        raise WireError(f"{name} has {len(values)} values for {leads} leads; expected one number or {leads}", stream)


def _explain(error: str) -> str:
    """Say what a header lacks in the words of the protocol."""
    if "missing required field `unit`" in error:
        return "the header has no unit; expected mV or uV: it is never guessed"
    if "`$.v`" in error:
        return "the version is unknown; expected v: 1"
    if "`$.fs`" in error:
        return f"fs is out of range; expected 100 to 2000 Hz ({error})"
    if "`$.leads" in error:
        return f"leads are out of range; expected 1 to 16 names of 1 to 32 characters ({error})"
    return f"the header is not as expected: {error}"


def encode_event(event: EventMessage) -> bytes:
    """Return an event as JSON."""
    return _encoder.encode(event)


def decode_event(payload: bytes) -> EventMessage:
    """Read an event.

    Raises
    ------
    WireError
        If it is not one.
    """
    try:
        return _event.decode(payload)
    except msgspec.MsgspecError as error:
        raise WireError(f"this is not an event: {error}") from None
