"""What the service knows of each stream: its epoch, its clock, and when it was last heard; and what it has counted."""

from dataclasses import dataclass, field

from streamer.wire.messages import Chunk, Header, Latency, WireError

PLAUSIBLE_NS = 60_000_000_000
REMEMBERED_EPOCHS = 8


@dataclass(slots=True)
class Entry:
    """One stream.

    Attributes
    ----------
    header : Header
        The newest.
    heard_ns : int
        When its last chunk was received.
    gone : bool
        Silent for so long that what was held was finished.
    ended : bool
        Its epoch has ended.
    lagging : bool
    live : bool
        Its clock is the service's, so that it can be late.
    dropped : int
        Chunks dropped unread, when last looked at.
    shown : (int, int)
        How far its signal was displayed.
    old : list of str
        Epochs that it has replaced.
    """

    header: Header
    heard_ns: int
    gone: bool = False
    ended: bool = False
    lagging: bool = False
    live: bool = False
    dropped: int = 0
    shown: tuple[int, int] = (0, 0)
    old: list[str] = field(default_factory=list)

    def check(self, header: Header) -> None:
        """Refuse what does not go on from the last header of this epoch.

        Raises
        ------
        WireError
        """
        name, last = header.stream, self.header
        if header.epoch == last.epoch and not self.ended and header.fs == last.fs and header.leads == last.leads:
            return
        if header.epoch in self.old:
            raise WireError(
                f"epoch {header.epoch} of {name} was replaced by {self.header.epoch}; expected the newest feed", name
            )
        if header.epoch != self.header.epoch:
            return
        if self.ended:
            raise WireError(f"epoch {header.epoch} of {name} has ended; expected a new epoch", name)
        for what in ("fs", "leads"):
            before, now = getattr(self.header, what), getattr(header, what)
            if before != now:
                raise WireError(
                    f"{what} of {name} changed from {before} to {now} within an epoch; expected a new epoch", name
                )

    def replace(self, header: Header) -> None:
        """Begin a new epoch."""
        self.old = [*self.old, self.header.epoch][-REMEMBERED_EPOCHS:]
        self.header = header
        self.ended = self.gone = self.lagging = self.live = False
        self.shown = (0, 0)


@dataclass(slots=True)
class Receipt:
    """A chunk and the times that belong to it, all in ns on the service's clock.

    `measured` is false where no chunk brought the events out, but silence: then there is nothing to measure from.
    """

    chunk: Chunk
    received: int
    started: int = 0
    computed: int = 0
    measured: bool = True

    @property
    def comparable(self) -> bool:
        """Whether the feed's clock can be compared with the service's."""
        header = self.chunk.header
        if not self.measured:
            return False
        if header.clock == "host":
            return True
        return header.clock is None and abs(self.received - self.sample_ns(header.index + header.n)) < PLAUSIBLE_NS

    def sample_ns(self, index: float) -> int:
        """Return the time of a sample on the feed's clock."""
        header = self.chunk.header
        return header.time_ns + round((index - header.index) / header.fs * 1e9)

    def latency(self, point: float, known: int, delay_ms: float, published: int) -> Latency:
        """Return the stages of an event.

        Parameters
        ----------
        point : float
            Sample that the event tells of: the offset of a beat, the onset of an onset.
        known : int
            Sample that made it known.
        delay_ms : float
            Between the two, in signal time.
        published : int
            Now.
        """
        sent = self.chunk.header.sent_ns if self.comparable else None
        return Latency(
            algorithmic=delay_ms,
            chunk=None if sent is None else (sent - self.sample_ns(known)) / 1e6,
            transport=None if sent is None else (self.received - sent) / 1e6,
            queue=(self.started - self.received) / 1e6,
            compute=(self.computed - self.started) / 1e6,
            publish=(published - self.computed) / 1e6,
            total=(published - self.sample_ns(point)) / 1e6 if self.comparable else None,
        )


@dataclass(slots=True)
class Counts:
    """What has happened since the start, and what is at the moment.

    Attributes
    ----------
    received, chunks, samples, dropped : int
        Messages taken off the socket; chunks and samples detected in; chunks of streams that were let go.
    told : dict
        Events published, by kind, and for status by its code.
    streams, shed, lagging, waiting : int
        Streams known, let go, and behind their plan; chunks that wait.
    behind_s : float
        How far the stream that was farthest behind its plan was, in the last second.
    """

    received: int = 0
    chunks: int = 0
    samples: int = 0
    dropped: int = 0
    told: dict[tuple[str, str], int] = field(default_factory=dict)
    streams: int = 0
    shed: int = 0
    lagging: int = 0
    waiting: int = 0
    behind_s: float = 0.0
