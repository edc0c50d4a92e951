"""A tool's result as a JSON value: what can be converted is, what cannot is named with its path."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter

from schemas.errors import ToolFailedError

LONGEST_INT_BITS = 14_000  # Python refuses to print or read integers of more than 4,300 digits
_PLAIN = (bool, type(None))
_ANY: TypeAdapter[Any] = TypeAdapter(Any)


def to_json(value: Any) -> Any:
    """Return ``value`` as plain JSON data.

    Pydantic models, dataclasses, named tuples, enums, dates, decimals, paths, tuples and sets (sorted) are converted;
    nothing is guessed: what has no JSON form is refused.

    Raises:
        ToolFailedError: Something in it has no JSON form; the message names its type and path.

    >>> to_json({"when": (1, 2)})
    {'when': [1, 2]}
    """
    try:
        return _convert(value, "")
    except RecursionError:
        raise ToolFailedError("the result is nested too deeply, or contains itself", hint="return plain data") from None


def _convert(value: Any, path: str) -> Any:
    kind = cast("type[Any]", type(value))
    if kind is str:
        return _text(value, path)
    if kind in _PLAIN:
        return value
    if kind is int:
        return _integer(value, path)
    if kind is float:
        return _real(value, path)
    if isinstance(value, Mapping):
        return _mapping(cast("Mapping[Any, Any]", value), path)
    if isinstance(value, (list, tuple)):
        items = cast("list[Any]", value)
        return [_convert(item, f"{path}[{index}]") for index, item in enumerate(items)]
    if isinstance(value, (set, frozenset)):
        return _ordered([_convert(item, f"{path}[…]") for item in cast("set[Any]", value)])
    return _object(value, path)


def _text(value: str, path: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ToolFailedError(
                f"the text at {_at(path)} is not valid Unicode (half a surrogate pair)",
                hint='decode with errors="replace"',
            ) from None
    return value


def _integer(value: int, path: str) -> int:
    if value.bit_length() > LONGEST_INT_BITS:
        raise ToolFailedError(f"the integer at {_at(path)} has too many digits for JSON", hint="return it as text")
    return value


def _real(value: float, path: str) -> float:
    if not math.isfinite(value):
        raise ToolFailedError(f"the number at {_at(path)} is {value}, which JSON has no form for", hint="return null")
    return value


def _mapping(value: Mapping[Any, Any], path: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for raw, item in value.items():
        name: Any = raw if type(raw) is str else _key(raw, path)
        found[_text(name, path)] = _convert(item, f"{path}.{name}" if path else name)
    return found


def _key(raw: Any, path: str) -> str:
    plain = _scalar(raw, path)
    if isinstance(plain, str):
        return plain
    if isinstance(plain, int) and not isinstance(plain, bool):
        return str(plain)
    raise ToolFailedError(
        f"a key of the object at {_at(path)} is of type {type(raw).__name__}, which JSON has no form for",
        hint="use text as keys",
    )


def _object(value: Any, path: str) -> Any:
    if isinstance(value, BaseModel):
        return _convert(value.model_dump(mode="json", by_alias=True), path)
    if is_dataclass(value) and not isinstance(value, type):
        return _mapping({field.name: getattr(value, field.name) for field in fields(value)}, path)
    return _scalar(value, path)


def _scalar(value: Any, path: str) -> Any:
    """One value that holds no other: an enum, a date, a subclass of str, int or float …"""
    if isinstance(value, Enum):
        return _convert(value.value, path)
    if isinstance(value, float):
        return _real(float(value), path)
    if isinstance(value, (Iterator, AsyncIterator, type)):
        raise _refused(cast("Any", value), path)
    try:
        plain = _ANY.dump_python(value, mode="json")
    except ValueError:
        raise _refused(value, path) from None
    return _text(plain, path) if isinstance(plain, str) else plain


def _refused(value: Any, path: str) -> ToolFailedError:
    kind: type[Any] = value if isinstance(value, type) else type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return ToolFailedError(
        f"the result is not JSON: {module}{kind.__qualname__} at {_at(path)}",
        hint="return text, numbers, lists, dicts, dataclasses or pydantic models",
        details={"type": module + kind.__qualname__, "path": path},
    )


def _ordered(items: list[Any]) -> list[Any]:
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=repr)


def _at(path: str) -> str:
    return path or "its top"
