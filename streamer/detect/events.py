"""What a detector tells, in the feed's own sample index."""

import msgspec


class Event(msgspec.Struct, kw_only=True, tag_field="type", rename=None):
    """What every event has.

    Attributes
    ----------
    known : int
        Index of the feed's sample that made this event known; the algorithm needed nothing after it.
    """

    known: int


class Onset(Event, tag="onset", kw_only=True):
    """A QRS complex has begun; the beat of the same number follows.

    Attributes
    ----------
    beat : int
        Number of the beat, from 1.
    onset : float
        QRS onset, in samples of the feed.
    delay_ms : float
        Algorithmic delay: from the onset to `known`, in ms of signal.
    flags : list of str
        As in `Beat`.
    """

    beat: int
    onset: float
    delay_ms: float
    flags: list[str]


class Beat(Event, tag="beat", kw_only=True):
    """A QRS complex has ended.

    Attributes
    ----------
    beat : int
        Number of the beat, from 1.
    revision : int
        0; 1 and up correct what was said of the same beat before.
    onset, peak, offset : float
        QRS onset, peak and offset, in samples of the feed.
    rr_ms : float or None
        RR interval from the beat before, peak to peak; None after a gap and for the first beat.
    confidence : float
        Mean probability of the samples between onset and offset to be QRS, 0 to 1.
    leads : dict
        Lead to mean quality within the QRS, 0 to 1, of the leads that were used.
    flags : list of str
        `settling` (published late: one of the first two seconds), `noisy`, `clipped`, `bridged`, `lead_off`, `lost`
        (some lead, within the QRS), `cut` (the signal began or ended within the QRS), `long` (ended at 220 ms).
    delay_ms : float
        Algorithmic delay: from the offset to `known`, in ms of signal.
    """

    beat: int
    revision: int
    onset: float
    peak: float
    offset: float
    rr_ms: float | None
    confidence: float
    leads: dict[str, float]
    flags: list[str]
    delay_ms: float


class Status(Event, tag="status", kw_only=True):
    """Something about the stream that a subscriber must know.

    Attributes
    ----------
    code : str
        `settling`, `settled`, `gap` (longer than 100 ms: a new start), `bridged` (up to 100 ms), `resumed`,
        `duplicate`, `lead_off`, `lead_back`, `ended`.
    index : int
        Sample of the feed that it is about.
    detail : str
        One sentence for people.
    lead : str or None
        The lead that it is about.
    samples : int or None
        How many samples are missing or doubled.
    """

    code: str
    index: int
    detail: str
    lead: str | None = None
    samples: int | None = None
