"""JSON as strictly as the standard has it, and in words what is wrong with text that is none."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from schemas.errors import PlanParseError

_AROUND = 24
_SPACE = re.compile(r"\s*")


def loads(text: str) -> Any:
    """Read one JSON value (RFC 8259).

    Raises:
        PlanParseError: The text is no JSON; the message says what and where, ``details`` holds line and column.
    """
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as exc:
        raise _syntax(text, exc.pos, exc.msg) from None
    except UnicodeEncodeError:
        raise PlanParseError("a string holds half of a surrogate pair") from None
    except RecursionError:
        raise PlanParseError("it is nested too deeply") from None
    except ValueError as exc:
        raise PlanParseError(str(exc)) from None
    return value


def repeated_keys(text: str) -> list[str]:
    """Return the keys that one object of a JSON value has more than once: the last one counts, and RFC 8259 warns.

    >>> repeated_keys('{"a": 1, "b": {"c": 1, "c": 2}}')
    ['c']
    """
    found: dict[str, None] = {}

    def noted(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        found.update((key, None) for key, _ in pairs if key in seen or seen.add(key))

    json.loads(text, object_pairs_hook=noted)
    return list(found)


def _syntax(text: str, at: int, said: str) -> PlanParseError:
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    near = text[max(0, at - _AROUND) : at + _AROUND].replace("\n", " ").strip()
    return PlanParseError(
        f"{_reason(text, at, said)} at line {line}, column {column}" + (f", near {near!r}" if near else ""),
        details={"line": line, "column": column},
    )


def _reason(text: str, at: int, said: str) -> str:
    rest = text[_end_of_space(text, at) :]
    before = text[:at].rstrip()
    if "trailing comma" in said or (rest[:1] in ("}", "]") and before.endswith(",")):
        return "trailing comma"
    if not rest:
        return "it is cut off"
    if rest[0] == "'":
        return "strings and names take double quotes"
    if rest.startswith(("//", "/*", "#")):
        return "JSON has no comments"
    if rest.startswith(("True", "False", "None")):
        return "write true, false or null"
    if said.startswith("Expecting ',' delimiter"):
        return "a comma is missing"
    return said[:1].lower() + said[1:]


def _end_of_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too large a number")
    return value
