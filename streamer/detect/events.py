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


class Evidence(msgspec.Struct, kw_only=True):
    """What else a beat shows of the rhythm; the rhythm network reads it.

    Attributes
    ----------
    p_likelihood : float
        Largest mean score of a P over 32 ms before the QRS, 0 to 1, whether it was found to be one or not.
    qrs_correlation, atrial_correlation : float or None
        Of the QRS, and of the 270 ms before it, with those of the usual beats of the stream; None for the first beat.
    qrs_power, atrial_power : float
        Standard deviation of both; a usual QRS is about 1 high.
    quality : float
        Mean of the best lead since the beat before, 0 to 1.
    """

    p_likelihood: float
    qrs_correlation: float | None
    atrial_correlation: float | None
    qrs_power: float
    atrial_power: float
    quality: float


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
    evidence : Evidence
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
    evidence: Evidence


class Rhythm(Event, tag="rhythm", kw_only=True):
    """Which rhythm the heart is in; at every change and every 5 s.

    Attributes
    ----------
    label : str or None
        As PhysioNet names rhythms: `N` normal, `AFIB` atrial fibrillation, `AFL` atrial flutter, `SVTA`
        supraventricular tachyarrhythmia, `VT` ventricular tachycardia, `B` and `T` ventricular bigeminy and trigeminy,
        `P` paced, `NOISE`, `OTHER`, and `VF` ventricular fibrillation or flutter. None while it is not known: at the
        start, after a gap, with all leads off, and in a pause.
    since : float
        Sample of the feed from which on the label holds.
    cause : str
        `change`, of the label or of `definitions`, or `time`.
    probabilities : dict
        Label to probability, calibrated; empty where the label is not the network's.
    beats : int
    seconds : float
        Beats and signal since the stream began, or since its last gap: the evidence.
    heart_rate, lowest_rate, highest_rate : float or None
        Beats a minute over the last 16 RR intervals: mean, smallest and largest.
    definitions : dict
        Those that are met, to the sample since which they are: `pause` (3 s without a beat), `asystole` (4 s), `brady`
        (below 50 beats a minute), `tachy` (above 100), `ventricular_run` (three or more above 100 a minute),
        `fibrillation`.
    delay_ms : float
        From `since` to `known`, in ms of signal: at a change, how late it is told.
    """

    label: str | None
    since: float
    cause: str
    probabilities: dict[str, float]
    beats: int
    seconds: float
    heart_rate: float | None
    lowest_rate: float | None
    highest_rate: float | None
    definitions: dict[str, float]
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
