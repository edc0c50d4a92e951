"""Dates as people write them, and the units of time, length and mass."""

from __future__ import annotations

import re
from datetime import date

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WRITTEN = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|januar|februar|märz|mai|juni|juli|okt|dez"
DATE = re.compile(
    rf"\b\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}\b|\b\d{{1,2}}[/.]\d{{1,2}}[/.]\d{{4}}\b"
    rf"|\d{{4}}\s?[年년]\s?\d{{1,2}}\s?[月월]\s?\d{{1,2}}\s?[日일号]"
    rf"|\b(?:{_WRITTEN})[a-zä]*\.? \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th|\.)?(?: of)? (?:{_WRITTEN})[a-zä]*\.?,? \d{{4}}\b",
    re.IGNORECASE | re.ASCII,
)
_OTHER_MONTHS = {"mär": 3, "mai": 5, "okt": 10, "dez": 12}
_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2}))?(?::\d{2})?\s?([ap])?\.?m?", re.IGNORECASE)
_UNITS: dict[str, tuple[str, float]] = {
    "second": ("time", 1), "sec": ("time", 1), "minute": ("time", 60), "min": ("time", 60), "hour": ("time", 3600),
    "hr": ("time", 3600), "h": ("time", 3600), "day": ("time", 86_400), "week": ("time", 604_800),
    "month": ("months", 1), "year": ("months", 12),
    "millimeter": ("length", 0.001), "mm": ("length", 0.001), "centimeter": ("length", 0.01), "cm": ("length", 0.01),
    "meter": ("length", 1), "metre": ("length", 1), "m": ("length", 1), "kilometer": ("length", 1000),
    "kilometre": ("length", 1000), "km": ("length", 1000),
    "gram": ("mass", 0.001), "g": ("mass", 0.001), "kilogram": ("mass", 1), "kg": ("mass", 1), "kilo": ("mass", 1),
}  # fmt: skip


def read_date(text: str) -> str | None:
    """Return a written date as YYYY-MM-DD, or None when it is no date or could be read in two ways.

    >>> read_date("January 5, 2024"), read_date("2024年5月1日"), read_date("31.12.2023")
    ('2024-01-05', '2024-05-01', '2023-12-31')
    """
    numbers = [int(part) for part in re.findall(r"\d+", text)]
    month = _named_month(text)
    if month and len(numbers) == 2:
        day, year = numbers
    elif len(numbers) == 3 and numbers[0] > 31:
        year, month, day = numbers
    elif len(numbers) == 3:
        first, second, year = numbers
        day, month = (first, second) if "." in text or first > 12 else (second, first)
    else:
        return None
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


def _named_month(text: str) -> int:
    for word in re.findall(r"[a-zä]{3,}", text.lower()):
        if word[:3] in _MONTHS:
            return _MONTHS.index(word[:3]) + 1
        if word[:3] in _OTHER_MONTHS:
            return _OTHER_MONTHS[word[:3]]
    return 0


def read_clock(text: str) -> str:
    """Return a time of day as HH:MM on 24 hours.

    >>> read_clock("10:00 PM"), read_clock("9am")
    ('22:00', '09:00')
    """
    match = _CLOCK.match(text)
    if not match:
        return text
    hour = int(match[1])
    if match[3]:
        hour = hour % 12 + (12 if match[3].lower() == "p" else 0)
    return f"{hour:02d}:{match[2] or '00'}"


def unit_of(word: str) -> tuple[str, float] | None:
    """Return (dimension, factor) of a unit word, or None."""
    low = word.lower()
    return _UNITS.get(low) or _UNITS.get(low.removesuffix("s")) or None


def convert(value: float, unit: str, words: list[str]) -> float:
    """Return ``value`` in the unit a description names, when both are of one dimension; else unchanged.

    >>> convert(2, "hours", ["the", "time", "in", "minutes"])
    120
    """
    have = unit_of(unit)
    wanted = [found for found in (unit_of(word) for word in words if len(word) > 2) if found]
    if have is None or not wanted or len(set(wanted)) != 1 or wanted[0][0] != have[0]:
        return value
    result = value * have[1] / wanted[0][1]
    return int(result) if float(result).is_integer() else result
