r"""References: ``{{id.path}}`` in a step's input, conditions and foreach, and in a plan's answer.

The id is split off first. Plain paths (names, indices) are walked here, so that absent differs from null; any other
path (filters, projections, functions) is a JMESPath expression (https://jmespath.org/specification.html).
``\{{`` is a literal ``{{``. What a reference brings in is never scanned again: tool output is data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

import jmespath
from jmespath.exceptions import JMESPathError

from schemas.errors import StepInputError

ITEM = "item"
SKIPPED: Final = object()
"""What a skipped step leaves behind: every reference to it, with any path, is null, and ``exists`` is false."""

_MARK = re.compile(r"\\\{\{|\{\{(?!\{)((?:[^{}]|\{[^{}]*\})*)\}\}")
_BODY = re.compile(r"^\s*([\w-]+)\s*((?:[.\[|].*)?)$", re.S)
_PLAIN = re.compile(
    r"""\.\s*([^\W\d][\w-]*|"[^"\\]*")|(?:\.?\[\s*(-?\d{1,18})\s*\]|\.(\d{1,18})(?![\w-]))|\[\s*(?:"([^"]*)"|'([^']*)')\s*\]"""
)
_BY_EXPRESSION = ("sort_by", "min_by", "max_by", "map")
_SHOWN_KEYS = 12
_SHOWN_CHARS = 80


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference.

    Attributes:
        step_id: The step it points to, or ``item``.
        path: What is taken from the result, as written; empty for the whole.
        steps: The plain path, or None where ``path`` is a JMESPath expression.
        problem: Why it cannot be read; empty when it can.
    """

    step_id: str
    path: str
    steps: tuple[str | int, ...] | None
    problem: str = ""

    def __str__(self) -> str:
        return f"{{{{{self.step_id}{self.path}}}}}"


@dataclass(frozen=True, slots=True)
class Located:
    """A reference and where it stands (JSON path below the value searched)."""

    reference: Reference
    where: str


Segments = tuple[str | Reference, ...]


def find_references(value: Any) -> list[Reference]:
    """Return every reference in a JSON value, in reading order.

    >>> [str(r) for r in find_references({"a": "{{1.x}} and {{2}}", "b": ["{{1}}"]})]
    ['{{1.x}}', '{{2}}', '{{1}}']
    """
    found: list[Reference] = []
    _gather(value, found)
    return found


def _gather(value: Any, found: list[Reference]) -> None:
    """Add the references of a value; ``locate`` without the places, a third of its time: a fold asks of every step."""
    if isinstance(value, str):
        if "{{" in value:
            found += [segment for segment in parse(value) if isinstance(segment, Reference)]
    elif isinstance(value, dict):
        for item in cast("dict[str, Any]", value).values():
            _gather(item, found)
    elif isinstance(value, (list, tuple)):
        for item in cast("list[Any]", value):
            _gather(item, found)


def locate(value: Any, where: str = "") -> Iterator[Located]:
    """Yield every reference in a JSON value with its JSON path."""
    if isinstance(value, str):
        if "{{" in value:
            for segment in parse(value):
                if isinstance(segment, Reference):
                    yield Located(segment, where)
    elif isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            yield from locate(item, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from locate(item, f"{where}[{index}]")


def literal(text: str) -> str:
    """Return what stands for a text in an input: it is given on to the byte as it is, references and all.

    >>> literal("{{1}}")
    '\\\\{{1}}'
    """
    return text.replace("{{", "\\{{")


def locate_keys(value: Any, where: str = "") -> Iterator[str]:
    """Yield the JSON path of every key that holds a reference; keys are never resolved."""
    if isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            if "{{" in key and any(isinstance(segment, Reference) for segment in parse(key)):
                yield f"{where}.{short(key)}"
            yield from locate_keys(item, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from locate_keys(item, f"{where}[{index}]")


@lru_cache(maxsize=4096)
def parse(text: str) -> Segments:
    """Split a text into literals and references."""
    segments: list[str | Reference] = []
    literal = ""
    end = 0
    for match in _MARK.finditer(text):
        literal += text[end : match.start()]
        end = match.end()
        if match[1] is None:
            literal += "{{"
            continue
        if literal:
            segments.append(literal)
            literal = ""
        segments.append(_reference(match[1]))
    literal += text[end:]
    if literal or not segments:
        segments.append(literal)
    return tuple(segments)


def _reference(body: str) -> Reference:
    match = _BODY.match(body)
    if match is None:
        return Reference(body.strip(), "", (), "it does not begin with a step id; write \\{{ for a literal {{")
    path = match[2].rstrip()
    plain = _plain_path(path)
    if plain is None:
        try:
            astray = _is_no_value(jmespath.compile(expression(path)).parsed)
        except Exception as exc:  # jmespath lets Python's own errors through: depth, digits of a number
            return Reference(match[1], path, (), f"its path cannot be read: {_reason(exc)}")
        if astray:
            return Reference(match[1], path, (), f"in its path, & stands elsewhere than in {', '.join(_BY_EXPRESSION)}")
    return Reference(match[1], path, plain)


def _is_no_value(node: Mapping[str, Any], *, taken: bool = False) -> bool:
    """Whether an expression gives itself (``&name``) where a value is wanted: only some functions take one."""
    takes = node["type"] == "function_expression" and node["value"] in _BY_EXPRESSION
    if node["type"] == "expref" and not taken:
        return True
    parts = cast("list[Mapping[str, Any] | int | None]", node["children"])  # a slice's are numbers
    return any(_is_no_value(part, taken=takes) for part in parts if isinstance(part, dict))


def _plain_path(path: str) -> tuple[str | int, ...] | None:
    parts: list[str | int] = []
    at = 0
    while at < len(path):
        match = _PLAIN.match(path, at)
        if match is None:
            return None
        at = match.end()
        index = match[2] or match[3]
        if index is not None:
            parts.append(int(index))
        elif match[1] is not None:
            parts.append(match[1].strip('"'))
        else:
            parts.append(match[4] if match[4] is not None else match[5])
    return tuple(parts)


def expression(path: str) -> str:
    """Return the JMESPath expression of a path that is no plain one."""
    return path[1:] if path.startswith(".") else path if path.startswith("[") else "@" + path


def resolve(value: Any, lookup: Callable[[str], Any]) -> Any:
    """Replace every reference in a JSON value; once, so that what comes in is data.

    Args:
        value: Any JSON value.
        lookup: Gives the result of a step by its id (``item`` for the foreach item).

    Returns:
        The value: a whole-string reference keeps its type, one inside text is interpolated.

    Raises:
        StepInputError: A path is absent in the result; the message names the path and the keys there are.

    >>> resolve({"a": "{{1.n}}", "b": "n={{1.n}}"}, lambda _: {"n": 3})
    {'a': 3, 'b': 'n=3'}
    """
    if isinstance(value, str):
        return _resolve_text(value, lookup) if "{{" in value else value
    if isinstance(value, dict):
        return {key: resolve(item, lookup) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [resolve(item, lookup) for item in cast("list[Any]", value)]
    return value


def _resolve_text(text: str, lookup: Callable[[str], Any]) -> Any:
    segments = parse(text)
    if len(segments) == 1:
        only = segments[0]
        return only if isinstance(only, str) else follow(only, lookup(only.step_id))
    return "".join(
        segment if isinstance(segment, str) else as_text(follow(segment, lookup(segment.step_id)))
        for segment in segments
    )


def handed_on(value: Any, handles: Container[str]) -> Reference | None:
    """Return the reference that a value is, whole, to one of these steps; None for anything else.

    With it a model hands on a result that it was not shown whole; other braces in what it writes are data.
    """
    segments = parse(value) if isinstance(value, str) and "{{" in value else ()
    only = segments[0] if len(segments) == 1 else None
    return only if isinstance(only, Reference) and not only.problem and only.step_id in handles else None


def follow(reference: Reference, value: Any) -> Any:
    """Take a reference's path from a result.

    Raises:
        StepInputError: The reference is malformed or the path is absent.
    """
    if reference.problem:
        raise StepInputError(f"reference {short(reference)}: {reference.problem}")
    if value is SKIPPED:
        return None
    if reference.steps is not None:
        return _walk(reference, value)
    try:
        return jmespath.search(expression(reference.path), value)
    except Exception as exc:  # jmespath lets Python's own errors through: a step of 0, text against number, depth
        raise StepInputError(f"reference {short(reference)}: {_reason(exc)}") from exc


def exists(reference: Reference, value: Any) -> bool:
    """Whether a reference's path is there (null counts as there, for plain paths)."""
    try:
        found = follow(reference, value)
    except StepInputError:
        return False
    return value is not SKIPPED and (reference.steps is not None or found is not None)


def as_text(value: Any) -> str:
    """Return a value as it stands inside text: strings bare, the rest as compact JSON.

    Raises:
        StepInputError: The value is nested too deeply to be written out.
    """
    try:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise StepInputError("a result is nested too deeply to stand inside text") from None


def short(what: object) -> str:
    """Return a name or reference of any length as it stands in a message."""
    text = " ".join(str(what).splitlines())
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…"


def _reason(exc: Exception) -> str:
    if isinstance(exc, JMESPathError):
        return short(next(iter(str(exc).splitlines()), "unreadable"))
    return "it is nested too deeply" if isinstance(exc, RecursionError) else short(exc)


def _walk(reference: Reference, value: Any) -> Any:
    at: Any = value
    for depth, part in enumerate(reference.steps or ()):
        if isinstance(part, int) and isinstance(at, list):
            items = cast("list[Any]", at)
            if -len(items) <= part < len(items):
                at = items[part]
                continue
        elif isinstance(at, dict) and str(part) in at:
            at = cast("dict[str, Any]", at)[str(part)]
            continue
        raise StepInputError(
            f"reference {short(reference)}: step {short(reference.step_id)}'s result has no {_shown(part)} "
            f"{_place(reference, depth)}; {_there(cast('object', at))}",
            details={"reference": str(reference), "missing": part},
        )
    return at


def _shown(part: str | int) -> str:
    return f"item {part}" if isinstance(part, int) else f"'{short(part)}'"


def _place(reference: Reference, depth: int) -> str:
    parts = (reference.steps or ())[:depth]
    shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
    return f"at {short(shown)}" if shown else "at its top"


def _there(value: Any) -> str:
    if isinstance(value, dict):
        keys = list(cast("dict[str, Any]", value))
        more = f" and {len(keys) - _SHOWN_KEYS} more" if len(keys) > _SHOWN_KEYS else ""
        return f"keys there: {', '.join(short(key) for key in keys[:_SHOWN_KEYS]) or '(none)'}{more}"
    if isinstance(value, list):
        return f"it is a list of {len(cast('list[Any]', value))}"
    return f"it is {'null' if value is None else 'a ' + type(value).__name__}"
