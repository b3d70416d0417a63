"""A stream's state as bytes, to go on elsewhere."""

from typing import Any

import msgspec
import numpy as np

from streamer.detect.pool import DetectorPool
from streamer.engine.base import Engine

STATE_VERSION = 4


class StateError(ValueError):
    """State that cannot be restored; the message says why."""


class Snapshot(msgspec.Struct):
    """The exported form of a stream."""

    version: int
    model: str
    profile: str
    engine: str
    fs: float
    leads: list[str]
    unit: str
    values: dict[str, Any]
    arrays: dict[str, bytes]


def save(pool: DetectorPool, name: str, unit: str = "mV") -> bytes:
    """Return everything that is remembered of a stream.

    Parameters
    ----------
    pool : DetectorPool
    name : str
    unit : str
        Of the samples that its user pushes.
    """
    stream, engine = pool.stream(name), pool.engine
    state = stream.state()
    return msgspec.msgpack.encode(
        Snapshot(
            version=STATE_VERSION,
            model=engine.model.digest,
            profile=engine.profile,
            engine=engine.name,
            fs=stream.fs,
            leads=stream.leads,
            unit=unit,
            values=state["values"],
            arrays={name: array.tobytes() for name, array in state["arrays"].items()},
        )
    )


def read(state: bytes) -> Snapshot:
    """Read what `save` returned.

    Raises
    ------
    StateError
        If the bytes are no state, or one of another version.
    """
    try:
        snapshot = msgspec.msgpack.decode(state, type=Snapshot)
    except msgspec.MsgspecError as error:
        raise StateError(f"these bytes are not the state of a detector: {error}") from None
    if snapshot.version != STATE_VERSION:
        raise StateError(f"the state has version {snapshot.version}; this version reads {STATE_VERSION}")
    return snapshot


def check(snapshot: Snapshot, engine: Engine) -> None:
    """Make sure that an engine can go on from a state.

    Raises
    ------
    StateError
        If it was made with another model or profile.
    """
    if snapshot.model != engine.model.digest:
        raise StateError(
            f"the state was made with another model (digest {snapshot.model[:12]}, here {engine.model.digest[:12]})"
        )
    if snapshot.profile != engine.profile:
        raise StateError(f"the state was made with profile {snapshot.profile}, the engine has {engine.profile}")


def restore(pool: DetectorPool, name: str, snapshot: Snapshot) -> None:
    """Add a stream that goes on as if nothing had happened.

    Raises
    ------
    StateError
        If the state was made with another model or profile, or is damaged.
    """
    check(snapshot, pool.engine)
    pool.add(name, snapshot.fs, snapshot.leads)
    stream = pool.stream(name)
    try:
        arrays = {
            field: np.frombuffer(snapshot.arrays[field], array.dtype).reshape(array.shape)
            for field, array in stream.state()["arrays"].items()
        }
    except (KeyError, ValueError):
        pool.remove(name)
        raise StateError("the state does not fit its own rate and leads: it is damaged") from None
    stream.load({"values": snapshot.values, "arrays": arrays})
