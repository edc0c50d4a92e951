"""Lengths of time as people write them."""

from __future__ import annotations

import math
import re

_PART = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[a-z]*)\s*")
_UNITS = {
    0.001: ("ms",),
    1.0: ("", "s", "sec", "secs", "second", "seconds"),
    60.0: ("m", "min", "mins", "minute", "minutes"),
    3_600.0: ("h", "hour", "hours"),
    86_400.0: ("d", "day", "days"),
    604_800.0: ("w", "week", "weeks"),
}
_SECONDS = {word: seconds for seconds, words in _UNITS.items() for word in words}


def seconds_of(text: str) -> float:
    """Return the seconds of ``90``, ``90s``, ``5 min``, ``1h30m``.

    Raises:
        ValueError: It is no length of time, or none at all.

    >>> seconds_of("1h30m"), seconds_of("5 min")
    (5400.0, 300.0)
    """
    position, total, said = 0, 0.0, text.strip().lower()
    while position < len(said):
        match = _PART.match(said, position)
        if match is None or match["unit"] not in _SECONDS:
            break
        position = match.end()
        total += float(match["number"]) * _SECONDS[match["unit"]]
    if position != len(said) or not 0 < total < math.inf:
        raise ValueError(f"{text!r} is no time: write seconds, or 90s, 5m, 1h30m")
    return total


def shown_seconds(seconds: float) -> str:
    """Return a length of time for people.

    >>> shown_seconds(300.0), shown_seconds(5_400.0), shown_seconds(90.0)
    ('5 min', '90 min', '90 s')
    """
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
