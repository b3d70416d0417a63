"""What a supervisor and its workers say to each other."""

import msgspec
import zmq

from streamer.wire.messages import Header


class Take(msgspec.Struct, tag=True):
    """To a worker: serve a stream, from a state if there is one."""

    stream: str
    state: bytes | None = None


class Refuse(msgspec.Struct, tag=True):
    """To a worker: tell that a message is refused, whose topic names no stream."""

    sentence: str


class Stop(msgspec.Struct, tag=True):
    """To a worker: finish and end."""


class Ready(msgspec.Struct, tag=True):
    """From a worker: it can serve."""


class State(msgspec.Struct, tag=True):
    """From a worker: what is known of a stream, an encoded `Kept`."""

    stream: str
    state: bytes


class Forgot(msgspec.Struct, tag=True):
    """From a worker: a stream that has been silent for so long that nothing is known of it any more."""

    stream: str


class Kept(msgspec.Struct):
    """Everything that a worker must know to go on with a stream.

    Attributes
    ----------
    header : Header
        The newest.
    old : list of str
        Epochs that were replaced.
    seqs : dict
        Last `seq` of each topic.
    detector : bytes
        What `streamer.detect.snapshot.save` returned.
    """

    header: Header
    old: list[str]
    seqs: dict[str, int]
    detector: bytes


Message = Take | Refuse | Stop | Ready | State | Forgot
_decoder = msgspec.msgpack.Decoder(Message)


def encode(message: Message | Kept) -> bytes:
    """Return a message as bytes."""
    return msgspec.msgpack.encode(message)


def decode(payload: bytes) -> Message:
    """Read a message."""
    message: Message = _decoder.decode(payload)
    return message


class Desk:
    """A worker's end.

    Parameters
    ----------
    number : int
        Of the worker.
    endpoint : str
        Of its supervisor.
    context : zmq.Context
    """

    def __init__(self, number: int, endpoint: str, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
        self.number = number
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IDENTITY, str(number).encode())
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(endpoint)

    def say(self, message: Message) -> None:
        """Send a message to the supervisor."""
        self.socket.send(encode(message))

    def heard(self) -> list[Message]:
        """Return what the supervisor has said since."""
        messages = []
        while self.socket.poll(0):
            messages.append(decode(self.socket.recv()))
        return messages
