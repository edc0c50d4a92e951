"""Regular expressions of JSON Schemas, with an end: a schema may come from a model, a stranger's server or a plan file.

A backtracking engine takes exponential time on patterns such as ``^(a|a)*$``, and the check runs on the event loop.
So ``pattern``, ``patternProperties`` and the ``additionalProperties`` beside them are looked up by an engine that can
be told when to stop; all patterns of one check share one patience. Only schemas that hold patterns pay for it.
Source: regex on PyPI, "Timeout"; JSON Schema 2020-12, Validation 6.3.3, Core 10.3.2.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

import regex
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend  # pyright: ignore[reportUnknownVariableType]

PATIENCE_S = 0.25
_until: ContextVar[float] = ContextVar("until", default=math.inf)


class TooSlowError(Exception):
    """The patterns of a check took longer than they may."""


@contextmanager
def patience(seconds: float = PATIENCE_S) -> Generator[None]:
    """Give all patterns looked up inside so many seconds together."""
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def has_patterns(schema: Any) -> bool:
    """Whether a schema holds regular expressions anywhere.

    >>> has_patterns({"items": {"type": "string", "pattern": "^a"}}), has_patterns({"type": "string"})
    (True, False)
    """
    todo = [schema]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            members = cast("dict[str, Any]", item)
            if "pattern" in members or "patternProperties" in members:
                return True
            todo.extend(members.values())
        elif isinstance(item, list):
            todo.extend(cast("list[Any]", item))
    return False


def found(pattern: str, text: str) -> bool:
    """Whether a pattern occurs in a text.

    Raises:
        TooSlowError: The patience of this check is used up.
        regex.error: It is no pattern.
    """
    left = min(_until.get() - time.monotonic(), PATIENCE_S)
    try:
        if left > 0:
            return regex.search(pattern, text, timeout=left) is not None
    except TimeoutError:
        pass
    raise TooSlowError(f"the pattern {pattern[:60]!r} takes too long")


def _pattern(_: Any, pattern: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    del schema
    if isinstance(instance, str) and not found(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    del schema
    if isinstance(instance, dict):
        for pattern, below in patterns.items():
            for name, value in cast("dict[str, Any]", instance).items():
                if found(pattern, name):
                    yield from validator.descend(value, below, path=name, schema_path=pattern)


def _additional_properties(validator: Any, below: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    declared, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    members = cast("dict[str, Any]", instance)
    extra = [name for name in members if name not in declared and not any(found(p, name) for p in patterns)]
    if isinstance(below, dict):
        for name in extra:
            yield from validator.descend(members[name], below, path=name)
    elif below is False and extra:
        yield ValidationError(f"Additional properties are not allowed ({', '.join(map(repr, extra))} unexpected)")


GUARDED: type[Draft202012Validator] = cast("Any", extend)(
    Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    },
)
"""A validator of draft 2020-12 whose patterns come to an end."""
