"""Numbers, values and text from outside as a terminal can show them safely."""

from __future__ import annotations

import json
import time
import unicodedata
from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len, set_cell_size

ELLIPSIS = "…"
_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    r"""Return text without anything that steers a terminal or reorders it; line breaks and tabs stay.

    What a tool or a model wrote could otherwise move the cursor, recolour or hide what a person is about to approve.

    >>> printable("a\x1b[2Jb")
    'a\ufffd[2Jb'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_safe(character) for character in text)


def _safe(character: str) -> str:
    if character in "\n\t":
        return character
    if character in _BIDI:
        return ""
    return "\ufffd" if unicodedata.category(character) in ("Cc", "Cs") else character


def one_line(text: str) -> str:
    r"""Return printable text on one line.

    >>> one_line("a\n  b")
    'a b'
    """
    return " ".join(printable(text).split())


def fit(text: str, width: int) -> str:
    """Return text padded or cut to exactly ``width`` terminal cells; a wide character takes two.

    >>> fit("東京の天気", 7)
    '東京の…'
    """
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(set_cell_size(text, width - 1).rstrip() + ELLIPSIS, width)


def shortened(text: str, width: int) -> str:
    """Return one line of at most ``width`` cells."""
    return fit(one_line(text), width).rstrip()


def value_text(value: Any) -> str:
    """Return a JSON value on one line; text that needs no quotes stands bare.

    >>> value_text({"a": [1, "x"]})
    '{"a": [1, "x"]}'
    """
    if isinstance(value, str):
        return one_line(value)
    return one_line(json.dumps(value, ensure_ascii=False, default=str))


def input_text(arguments: Mapping[str, Any] | None) -> str:
    """Return a step's arguments as ``name=value`` pairs; a single argument stands without its name.

    >>> input_text({"a": 1, "b": "two words"})
    'a=1 b="two words"'
    """
    if not arguments:
        return ""
    if len(arguments) == 1:
        return value_text(next(iter(arguments.values())))
    return " ".join(f"{one_line(key)}={_quoted(value)}" for key, value in arguments.items())


def _quoted(value: Any) -> str:
    text = value_text(value)
    return f'"{text}"' if isinstance(value, str) and (" " in text or not text) else text


def worked(duration_s: float, wall_s: float) -> str:
    """Return how long a run was driven and, where it also lay still (parked, or its driver gone), how long it was on.

    >>> worked(12.0, 12.4), worked(12.0, 200.0)
    ('12.0s', '12.0s of work, 3m20s after it began')
    """
    lay_still = wall_s > max(1.1 * duration_s, duration_s + 1.0)
    return f"{seconds(duration_s)} of work, {seconds(wall_s)} after it began" if lay_still else seconds(duration_s)


def seconds(duration_s: float) -> str:
    """Return a duration in as few characters as tell it.

    >>> seconds(0.0421), seconds(3.25), seconds(75), seconds(4000)
    ('42ms', '3.2s', '1m15s', '1h06m')
    """
    if duration_s < 0.9995:
        return f"{max(duration_s, 0) * 1000:.0f}ms"
    if duration_s < 59.95:
        return f"{duration_s:.1f}s"
    whole = round(duration_s)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def moment(unix_s: float) -> str:
    """Return a Unix time as a clock on the wall shows it: the date only where it is another day's."""
    then, today = time.localtime(unix_s), time.localtime()
    return time.strftime("%H:%M:%S" if then[:3] == today[:3] else "%Y-%m-%d %H:%M", then)


def usd(cost_usd: float | None) -> str:
    """Return a price; one that is unknown is said, never shown as 0.

    >>> usd(0.0), usd(0.00042), usd(1.5), usd(None)
    ('$0', '$0.0004', '$1.50', 'cost unknown')
    """
    if cost_usd is None:
        return "cost unknown"
    if cost_usd == 0:
        return "$0"
    if cost_usd < 0.00005:
        return "<$0.0001"
    return f"${cost_usd:.4f}" if cost_usd < 0.1 else f"${cost_usd:,.2f}"


def count(number: int, word: str) -> str:
    """Return a number with its noun.

    >>> count(1, "step"), count(1200, "step")
    ('1 step', '1,200 steps')
    """
    return f"{number:,} {word}{'' if number == 1 else 's'}"
