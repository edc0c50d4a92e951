"""JSON values as people read them: no braces, no quotes, numbers without noise."""

from __future__ import annotations

from typing import Any, cast

from engine.synth.language import Phrases

_ABSENT = "—"
_DEPTH = 4
_LINE = 80
_DEEPEST = 40  # what lies deeper is no reading for people


def inline(value: Any, phrases: Phrases, depth: int = 0) -> str:
    """Return a value as it stands inside a sentence.

    >>> from engine.synth.language import PHRASES
    >>> inline([0.1 + 0.2, True, {"a": 1, "b": None}], PHRASES["en"])
    '0.3, yes, (a: 1, b: —)'
    """
    if depth > _DEEPEST and _has_parts(value):
        return "…"
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return phrases.comma.join(f"{key}: {_nested(item, phrases, depth)}" for key, item in pairs) or _ABSENT
    if isinstance(value, (list, tuple)):
        return phrases.comma.join(_nested(item, phrases, depth) for item in cast("list[Any]", value)) or _ABSENT
    return _scalar(value, phrases)


def block(value: Any, phrases: Phrases, depth: int = 0) -> str:
    """Return a value as it stands on lines of its own: lists and nested objects as bullets.

    >>> from engine.synth.language import PHRASES
    >>> print(block({"total": 3.0, "by_year": [{"year": 2024, "n": 1}, {"year": 2025, "n": 2}]}, PHRASES["en"]))
    - total: 3
    - by_year:
      - year: 2024, n: 1
      - year: 2025, n: 2
    """
    if not _has_parts(value) or depth >= _DEPTH or _fits_a_line(value, phrases):
        return inline(value, phrases)
    indent = "  " * depth
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return "\n".join(f"{indent}- {key}:{_below(item, phrases, depth)}" for key, item in pairs)
    items = cast("list[Any]", value)
    return "\n".join(f"{indent}-{_below(item, phrases, depth, flat=_is_flat(item))}" for item in items)


def _below(value: Any, phrases: Phrases, depth: int, *, flat: bool = False) -> str:
    if _has_parts(value) and not flat and not _fits_a_line(value, phrases):
        return "\n" + block(value, phrases, depth + 1)
    return " " + inline(value, phrases)


def _nested(value: Any, phrases: Phrases, depth: int) -> str:
    text = inline(value, phrases, depth + 1)
    return f"({text})" if _has_parts(value) else text


def _has_parts(value: Any) -> bool:
    return isinstance(value, (dict, list, tuple)) and bool(cast("list[Any]", value))


def _is_flat(value: Any) -> bool:
    parts = cast("dict[str, Any]", value).values() if isinstance(value, dict) else cast("list[Any]", value)
    return _has_parts(value) and not any(_has_parts(item) for item in parts)


def _fits_a_line(value: Any, phrases: Phrases) -> bool:
    """Whether bullets would say no more: a short list, or an object of one value."""
    if not _is_flat(value):
        return False
    if isinstance(value, dict):
        return len(cast("dict[str, Any]", value)) == 1
    return len(inline(value, phrases)) <= _LINE


def _scalar(value: Any, phrases: Phrases) -> str:
    if value is None:
        return _ABSENT
    if isinstance(value, bool):
        return phrases.yes if value else phrases.no
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e21 else f"{value:.15g}"
    return str(value)
