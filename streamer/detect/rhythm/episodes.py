"""Rhythm events of a recording as episodes."""

from collections.abc import Iterable
from typing import NamedTuple

from streamer.detect.events import Event, Rhythm


class Episode(NamedTuple):
    """A stretch of one rhythm.

    Attributes
    ----------
    label : str or None
        As in `Rhythm`.
    start, end : float
        Samples of the feed.
    known : int
        Sample at which it was told.
    probability : float or None
        Largest that was told of the label.
    """

    label: str | None
    start: float
    end: float
    known: int
    probability: float | None


def episodes(events: Iterable[Event], end: float) -> list[Episode]:
    """Return the rhythms of a recording, one after the other.

    Parameters
    ----------
    events : iterable of Event
    end : float
        Sample at which the recording ends.

    Returns
    -------
    list of Episode
        Each ends where the next starts; the first starts with the first event.
    """
    found: list[Episode] = []
    for event in events:
        if not isinstance(event, Rhythm):
            continue
        probability = event.probabilities.get(event.label or "")
        if found and found[-1].label == event.label:
            last = found[-1]
            most = max((p for p in (last.probability, probability) if p is not None), default=None)
            found[-1] = last._replace(probability=most)
            continue
        start = event.since if not found else max(event.since, found[-1].start)
        if found:
            found[-1] = found[-1]._replace(end=start)
        found.append(Episode(event.label, start, end, event.known, probability))
    return [episode for episode in found if episode.end > episode.start]
