"""Reading what clients send: plain JSON into plain values, and one clear line naming the field that is wrong."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, cast

from schemas.errors import ModelRequestError
from schemas.model import CacheMark

Json = Mapping[str, Any]


def refused(at: str, why: str, hint: str = "") -> ModelRequestError:
    """Return the error for a field of a client's request.

    >>> refused("messages[0].role", "must be a string").message
    'messages[0].role must be a string'
    """
    return ModelRequestError(f"{at} {why}", hint=hint, details={"status": 400, "param": at})


def text(value: object, at: str) -> str:
    """Return a string. Raises ModelRequestError."""
    if not isinstance(value, str):
        raise refused(at, f"must be a string, not {_shown(value)}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise refused(at, "holds half a UTF-16 pair, which is no character") from None
    return value


def words(body: Json, name: str) -> str | None:
    """Return a string of the body, or None where it is not given. Raises ModelRequestError."""
    value = body.get(name)
    return text(value, name) if value else None


def listed(value: object, at: str) -> list[Any]:
    """Return a list. Raises ModelRequestError."""
    if not isinstance(value, list):
        raise refused(at, f"must be a list, not {_shown(value)}")
    return cast("list[Any]", value)


def mapping(value: object, at: str) -> Json:
    """Return an object. Raises ModelRequestError."""
    if not isinstance(value, dict):
        raise refused(at, f"must be an object, not {_shown(value)}")
    return cast("Json", value)


def number(body: Json, name: str) -> float | None:
    """Return a number of the body, or None where it is not given. Raises ModelRequestError."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise refused(name, f"must be a number, not {_shown(value)}")
    return float(value)


def count(body: Json, name: str, least: int | None = 1) -> int | None:
    """Return a whole number of the body, or None where it is not given.

    Args:
        body: The client's.
        name: Of the field.
        least: The smallest allowed; None for any.

    Raises:
        ModelRequestError: It is none.
    """
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise refused(name, f"must be a whole number, not {_shown(value)}")
    if least is not None and value < least:
        raise refused(name, f"must be at least {least}, not {value}")
    return value


def flag(value: object, at: str) -> bool | None:
    """Return true, false, or None where it is not given. Raises ModelRequestError."""
    if value is not None and not isinstance(value, bool):
        raise refused(at, f"must be true or false, not {_shown(value)}")
    return value


def one_of(value: object, allowed: Collection[str], at: str) -> str:
    """Return one of the words allowed. Raises ModelRequestError, which names the nearest."""
    if isinstance(value, str) and value in allowed:
        return value
    near = difflib.get_close_matches(str(value), allowed, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(allowed)}"
    raise refused(at, f"can't be {_shown(value)}", hint)


def parsed(raw: str) -> dict[str, Any] | None:
    """Return the object that a text is in JSON, or None."""
    try:
        value: Any = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def cache_mark(part: Json) -> CacheMark:
    """Return a part's wish to be cached: ``cache_control``, or OpenAI's ``prompt_cache_breakpoint``."""
    mark = part.get("cache_control") or part.get("prompt_cache_breakpoint")
    if not isinstance(mark, dict):
        return ""
    return "1h" if cast("Json", mark).get("ttl") in ("1h", "12h", "24h") else "5m"


def _shown(value: object) -> str:
    shown = json.dumps(value, default=str)
    return shown if len(shown) <= 40 else shown[:39] + "…"


def names(spaced: str) -> frozenset[str]:
    """Return the names in a text."""
    return frozenset(spaced.split())


@dataclass(frozen=True, slots=True)
class Fields:
    """What becomes of the fields of a body that is translated.

    Attributes:
        read: Have a neutral form.
        harmless: Have none, and change no answer: left out, and told.
        telling: Have none but change the answer: refused, with the reason.
        plain: Values of telling fields that ask for nothing special.
    """

    read: frozenset[str]
    harmless: frozenset[str]
    telling: Mapping[str, str]
    plain: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def dropped(self, body: Json, drop: Collection[str] = ()) -> list[str]:
        """Return the fields that are left out.

        Args:
            body: The client's.
            drop: Fields that may be left out though they tell something, or are not known; ``*`` for all.

        Raises:
            ModelRequestError: One would be lost that matters.
        """
        others = body.keys() - self.read
        if not others:
            return []
        return [name for name in body if name in others and self._drops(name, body[name], drop)]

    def _drops(self, name: str, value: object, drop: Collection[str]) -> bool:
        if value is None or value == self.plain.get(name):
            return False
        if name in self.harmless or name in drop or "*" in drop:
            return True
        if name in self.telling:
            if not value:
                return False
            raise refused(name, f"can't be translated for this model: {self.telling[name]}", _ELSEWHERE)
        near = difflib.get_close_matches(name, (*self.read, *self.harmless, *self.telling), n=1)
        raise refused(name, "is no field known here", f"did you mean {near[0]!r}?" if near else _ELSEWHERE)


_ELSEWHERE = "leave it out, or ask a model whose provider speaks this format, where every field passes untouched"
