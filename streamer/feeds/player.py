"""Plays a source to a service, by absolute target times, so that it does not drift."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import zmq
from numpy.typing import NDArray

from streamer.feeds.source import FeedError, Source
from streamer.wire import VERSION, Header, encode_chunk, topic


@dataclass(frozen=True)
class Faults:
    """What may go wrong on the way, drawn from a seed.

    Attributes
    ----------
    drop, double : float
        Share of chunks that are lost, and that are sent twice.
    drift_ppm : float
        How much the feed's sample clock is fast.
    seed : int
    """

    drop: float = 0.0
    double: float = 0.0
    drift_ppm: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Played:
    """What a player did: chunks sent, and those dropped because nobody took them in time."""

    chunks: int
    dropped: int


def _epoch() -> str:
    now = time.time_ns()
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(now // 10**9)) + f".{now % 10**9:09d}Z"


def stream_name(name: str) -> str:
    """Make a stream's name of any text."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-")[:64] or "feed"


class Player:
    """Sends chunks from an XPUB socket; it waits until a service has subscribed.

    A chunk's `time_ns` is that of its first sample: the start, plus the sample's index at the source's rate. At a speed
    of 1 that is the wall clock, a chunk is planned to be sent when its last sample is there, and `sent_ns` says so. At
    any other speed the clock is named `replay`, because it cannot be compared.

    Parameters
    ----------
    source : Source
    to : str
        Endpoint of a service's ingest.
    stream : str, optional
        Default: made from the source's name.
    speed : float
        1 is real time, 0 as fast as it goes.
    chunk_ms : float
        Length of a chunk in ms of signal.
    loop : bool
        Begin again at the end; the sample index goes on.
    faults : Faults
    bind : bool
        Bind the endpoint instead of connecting to it.
    context : zmq.Context, optional

    Raises
    ------
    FeedError
        If the endpoint cannot be used or an option is out of range.
    """

    def __init__(
        self,
        source: Source,
        to: str,
        stream: str | None = None,
        speed: float = 1.0,
        chunk_ms: float = 20.0,
        loop: bool = False,
        faults: Faults = Faults(),
        bind: bool = False,
        context: "zmq.Context[zmq.Socket[bytes]] | None" = None,
    ) -> None:
        if speed < 0:
            raise FeedError(f"speed is {speed:g}; expected 0 or more")
        if chunk_ms <= 0:
            raise FeedError(f"a chunk of {chunk_ms:g} ms; expected more than 0")
        self.source = source
        self.stream = stream_name(source.name) if stream is None else stream
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", self.stream):
            raise FeedError(f"stream is {self.stream!r}; expected 1 to 64 letters, digits, '.', '_' or '-'")
        self.speed, self.loop, self.faults = speed, loop, faults
        self._epoch = _epoch()
        self.samples = max(1, round(chunk_ms / 1000 * source.fs))
        self._socket = (context or zmq.Context.instance()).socket(zmq.XPUB)
        self._socket.setsockopt(zmq.LINGER, 5000)
        if speed == 0:
            self._socket.setsockopt(zmq.XPUB_NODROP, 1)
        try:
            (self._socket.bind if bind else self._socket.connect)(to)
        except zmq.ZMQError as error:
            self._socket.close()
            raise FeedError(f"cannot use {to}: {error.strerror or error}") from None

    def subscribed(self, seconds: float | None = None) -> bool:
        """Wait until a service has subscribed.

        Parameters
        ----------
        seconds : float, optional
            At most; default: for ever.

        Returns
        -------
        bool
            Whether one has.
        """
        end = None if seconds is None else time.monotonic() + seconds
        mine = topic("ecg", self.stream)
        while self._socket.poll(None if end is None else max(0, int(1000 * (end - time.monotonic())))):
            message = self._socket.recv()
            if message[:1] == b"\x01" and message[1:] == b"ecg/":
                self._announce()
            elif message[:1] == b"\x01" and mine.startswith(message[1:]):
                return True
        return False

    def _announce(self) -> None:
        """Answer one who looks for streams with an empty chunk; whoever is to serve this one subscribes to it."""
        now = time.time_ns()
        header = self._header(self._epoch, 0, 0, now, now, 0)
        self._send(encode_chunk(header, np.zeros((0, len(self.source.leads)), np.float32)))

    def play(
        self, progress: Callable[[int], None] = lambda n: None, stop: Callable[[], bool] = lambda: False
    ) -> Played:
        """Send the source, then its end.

        Parameters
        ----------
        progress : callable
            Called with the number of samples after each chunk.
        stop : callable
            Asked before each chunk whether to end early.

        Returns
        -------
        Played
        """
        random = np.random.default_rng(self.faults.seed)
        begin = time.time_ns()
        steady = time.monotonic_ns()
        epoch, self._epoch = self._epoch, _epoch()
        period = 1e9 / (self.source.fs * (1 + self.faults.drift_ppm * 1e-6))
        seq = index = sent = dropped = 0
        for block in self._blocks():
            if stop():
                break
            due = round((index + len(block)) * period)
            if self.speed:
                self._sleep_until(steady + round(due / self.speed))
            header = self._header(epoch, seq, index, begin + round(index * period), begin + due, len(block))
            copies = 0 if random.random() < self.faults.drop else 1 + (random.random() < self.faults.double)
            for _ in range(copies):
                ok = self._send(encode_chunk(header, block))
                sent, dropped = sent + ok, dropped + (not ok)
            seq, index = seq + 1, index + len(block)
            progress(len(block))
        last = self._header(epoch, seq, index, begin + round(index * period), time.time_ns(), 0, end=True)
        self._send(encode_chunk(last, np.zeros((0, len(self.source.leads)), np.float32)))
        return Played(sent, dropped)

    def close(self) -> None:
        """Close the socket; what is under way is still sent."""
        self._socket.close()

    def _blocks(self) -> Iterator[NDArray[np.float32]]:
        yield from self.source.blocks(self.samples)
        while self.loop:
            yield from self.source.blocks(self.samples)

    def _header(
        self, epoch: str, seq: int, index: int, time_ns: int, sent_ns: int, n: int, end: bool = False
    ) -> Header:
        live = self.speed == 1
        return Header(
            v=VERSION,
            stream=self.stream,
            epoch=epoch,
            seq=seq,
            index=index,
            time_ns=time_ns,
            fs=self.source.fs,
            leads=self.source.leads,
            unit=self.source.unit,  # type: ignore[arg-type]
            dtype="<f4",
            n=n,
            clock="host" if live else "replay",
            sent_ns=sent_ns if live else None,
            end=end,
        )

    def _send(self, frames: list[bytes]) -> bool:
        """Send, and wait for room only when there is no real time to keep."""
        while True:
            try:
                self._socket.send_multipart(frames, zmq.NOBLOCK if self.speed else 0)
                return True
            except zmq.Again:
                if self.speed:
                    return False

    @staticmethod
    def _sleep_until(target_ns: int) -> None:
        wait = target_ns - time.monotonic_ns()
        if wait > 0:
            time.sleep(wait / 1e9)
