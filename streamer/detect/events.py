"""What a detector tells, in the feed's own sample index."""

import msgspec

LIKELY = 0.5  # from this probability on a beat is taken for ventricular


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
        Probability that this is a beat, 0 to 1, calibrated.
    ventricular : float or None
        Probability that the beat is ventricular, 0 to 1; None if the model does not say.
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
    ventricular: float | None
    leads: dict[str, float]
    flags: list[str]
    delay_ms: float


class Wave(msgspec.Struct, kw_only=True):
    """A P or a T.

    Attributes
    ----------
    onset, peak, offset : float
        In samples of the feed.
    confidence : float
        Mean score of its samples, 0.5 to 1; not calibrated.
    """

    onset: float
    peak: float
    offset: float
    confidence: float


class Waves(Event, tag="waves", kw_only=True):
    """P and T around a QRS complex; known when the T has ended, the next QRS has begun, or 640 ms have passed.

    Attributes
    ----------
    beat, revision : int
        Of the beat that they belong to.
    p, t : Wave or None
    pr_ms : float or None
        From the onset of the P to that of the QRS.
    qt_ms : float or None
        From the onset of the QRS to the end of the T.
    qtc_bazett_ms, qtc_fridericia_ms : float or None
        QT over the square root, and the cube root, of the RR interval before the beat in seconds (Bazett 1920,
        Fridericia 1920).
    flags : list of str
        `no_p`, `no_t`; `irregular`: RR intervals vary and most of the last beats have no P, as in atrial fibrillation:
        a P, a PR and a QTc are not to be trusted; `ventricular`: nor are they of such a beat; and what the beat is
        flagged with.
    """

    beat: int
    revision: int
    p: Wave | None
    t: Wave | None
    pr_ms: float | None
    qt_ms: float | None
    qtc_bazett_ms: float | None
    qtc_fridericia_ms: float | None
    flags: list[str]


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
